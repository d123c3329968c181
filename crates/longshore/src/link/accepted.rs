//! A caller who has introduced itself and waits to be let in.
use super::greeting;
use super::local::LocalEnd;
use super::permit::Permit;
use super::{Incoming, Link, Outgoing};
use futures_lite::AsyncReadExt;
use longshore_proto::handshake::{self, Reply, VERSION_MAX};
use longshore_proto::{Hello, Reject, Welcome};
use longshore_rt::{BoxConn, Conn, DynRuntime, RuntimeExt};
use std::any::Any;
use std::fmt;
use std::time::Duration;

/// How long a refused caller may take to read why.
const REJECT_MS_MAX: u64 = 1_000;
/// What a refused caller may still have said is read up to this, so that closing does not destroy the answer.
const REJECT_READ_BYTES_MAX: usize = 256 * 1024;

/// A caller at the door. The role looks at [`hello`](Self::hello) and answers; dropping it hangs up without a word.
pub(crate) struct Accepted {
    hello: Hello,
    peer: String,
    version: u16,
    line: Line,
    /// Its place among the callers that nobody has let in yet.
    permit: Option<Permit>,
}

enum Line {
    Stream { rt: DynRuntime, conn: BoxConn },
    Local { end: Box<dyn Any + Send>, answer: LocalEnd<(), Reply> },
}

impl Accepted {
    pub(super) fn stream(rt: DynRuntime, conn: BoxConn, hello: Hello, version: u16, permit: Permit) -> Self {
        let peer = conn.peer();
        Accepted { hello, peer, version, line: Line::Stream { rt, conn }, permit: Some(permit) }
    }

    /// `end` is a `Link` of the types that the caller expects.
    pub(super) fn local(
        hello: Hello,
        peer: String,
        end: Box<dyn Any + Send>,
        answer: LocalEnd<(), Reply>,
    ) -> Self {
        Accepted { hello, peer, version: VERSION_MAX, line: Line::Local { end, answer }, permit: None }
    }

    /// Who it says it is.
    pub(crate) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Its address, for logs.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether it is in this process.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.line, Line::Local { .. })
    }

    /// Lets it in. The welcome goes out with the first flush of the link; its `version` is set to what both sides speak.
    /// `In` is what the caller says, `Out` what this side says.
    pub(crate) fn welcome<In: Incoming, Out: Outgoing>(self, mut welcome: Welcome) -> Link<In, Out> {
        welcome.version = self.version;
        let reply = Reply::Welcome(welcome);
        match self.line {
            Line::Stream { conn, .. } => {
                let (reader, writer) = conn.split();
                // Only an absurdly long message cannot be encoded, and a welcome has a fixed length.
                let prologue = handshake::encode(&reply).unwrap_or_default();
                Link::stream_after(Box::new(reader), Box::new(writer), self.peer, prologue)
            }
            Line::Local { end, mut answer } => {
                let Ok(link) = end.downcast::<Link<In, Out>>() else {
                    // The caller's role was mistaken. It sees the line go dead, and so does the role here.
                    tracing::warn!(peer = self.peer, "a local caller expects other messages; hanging up");
                    return super::pair("", &self.peer).0;
                };
                answer.send(reply);
                let _ = answer.flush(); // a caller that gave up is seen as closed by the link
                *link
            }
        }
    }

    /// Refuses it, and says why before hanging up.
    pub(crate) fn reject(self, reason: Reject) {
        tracing::debug!(peer = self.peer, %reason, "refused a caller");
        match self.line {
            Line::Stream { rt, conn } => {
                let permit = self.permit;
                let timeout = rt.timeout(Duration::from_millis(REJECT_MS_MAX), refuse(conn, reason));
                rt.spawn("reject", async move {
                    let _ = timeout.await;
                    drop(permit);
                })
                .detach();
            }
            Line::Local { mut answer, .. } => {
                answer.send(Reply::Reject(reason));
                let _ = answer.flush();
            }
        }
    }
}

/// [`refuse`], within its time.
pub(super) async fn refuse_in_time(rt: &DynRuntime, conn: BoxConn, reason: Reject) {
    let _ = rt.timeout(Duration::from_millis(REJECT_MS_MAX), refuse(conn, reason)).await;
}

/// Says why, ends the sentence, and hears the caller out: closing with unread bytes would destroy the answer.
async fn refuse(conn: BoxConn, reason: Reject) {
    let (mut reader, mut writer) = conn.split();
    if greeting::write(&mut writer, &Reply::Reject(reason)).await.is_err() {
        return;
    }
    drop(writer);
    let (mut rest, mut left) = ([0; 1024], REJECT_READ_BYTES_MAX);
    while left > 0 {
        match reader.read(&mut rest).await {
            Ok(n) if n > 0 => left = left.saturating_sub(n),
            _ => return,
        }
    }
}

impl fmt::Debug for Accepted {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("peer", &self.peer).field("role", &self.hello.role).finish()
    }
}
