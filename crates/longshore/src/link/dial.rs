//! Opening a link.
use super::accepted::Accepted;
use super::error::ConnectError;
use super::greeting::{self, GreetingError};
use super::{Incoming, Link, Outgoing, local, name, pair, shortcut};
use crate::address::Address;
use longshore_proto::handshake::Reply;
use longshore_proto::limit::HANDSHAKE_MS_MAX;
use longshore_proto::{Hello, Welcome};
use longshore_rt::{BoxConn, DynRuntime, Endpoint, Runtime, RuntimeExt};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// Makes a link of a connection on which the handshake is done.
type Open<In, Out> = fn(BoxConn, String) -> Link<In, Out>;

/// Connects to `to` and does the handshake, within 5 s. `In` is what the other side says, `Out` what this side says.
///
/// # Errors
/// Says whether nobody was there, somebody else was there, or who was there refused.
///
/// # Cancel safety
/// Dropping the future gives the attempt up; the other side sees the connection end.
pub(crate) async fn dial<In: Incoming, Out: Outgoing>(
    rt: &DynRuntime,
    to: &Address,
    hello: Hello,
) -> Result<(Link<In, Out>, Welcome), ConnectError> {
    dial_as(rt, to, hello, Link::dialled).await
}

/// As [`dial`], for a link that threads may [attend](super::Attendance).
pub(crate) async fn dial_to_attend<In: Incoming, Out: Outgoing>(
    rt: &DynRuntime,
    to: &Address,
    hello: Hello,
) -> Result<(Link<In, Out>, Welcome), ConnectError> {
    dial_as(rt, to, hello, Link::attendable).await
}

async fn dial_as<In: Incoming, Out: Outgoing>(
    rt: &DynRuntime,
    to: &Address,
    hello: Hello,
    open: Open<In, Out>,
) -> Result<(Link<In, Out>, Welcome), ConnectError> {
    let limit = Duration::from_millis(HANDSHAKE_MS_MAX);
    let dialled = match (to, to.endpoint()) {
        (_, Some(endpoint)) => {
            let dialled = rt.timeout(limit, dial_stream(rt, to, endpoint, &hello)).await;
            dialled.map(|dialled| dialled.map(|(conn, welcome)| (open(conn, to.to_string()), welcome)))
        }
        (Address::InProc(name), None) => rt.timeout(limit, dial_local(to, name, hello)).await,
        (_, None) => return Err(ConnectError::NotFound { address: to.clone() }),
    };
    dialled.unwrap_or_else(|_| Err(ConnectError::TimedOut { address: to.clone() }))
}

/// Over the shortcut, if there is one that works.
async fn dial_stream(
    rt: &DynRuntime,
    to: &Address,
    endpoint: Endpoint,
    hello: &Hello,
) -> Result<(BoxConn, Welcome), ConnectError> {
    if let Some(dialled) = dial_shortcut(rt, to, hello).await {
        return dialled;
    }
    let conn = rt.connect(&endpoint).await.map_err(|e| ConnectError::from_io(to, e))?;
    introduce(conn, to, hello).await
}

/// `None` if the port is to be dialled: nobody has the name, or somebody who does not answer as Longshore would. The port is
/// what the user has named, so what is there counts. Who is silent is waited for: a role that is busy will hear this hello, and
/// must not meet another one of the same name at the port.
async fn dial_shortcut(
    rt: &DynRuntime,
    to: &Address,
    hello: &Hello,
) -> Option<Result<(BoxConn, Welcome), ConnectError>> {
    let conn = match rt.connect(&shortcut::to(to)?).await {
        Ok(conn) => conn,
        Err(e) => {
            tracing::trace!(address = %to, error = %e, "there is no shortcut");
            return None;
        }
    };
    let introduced = introduce(conn, to, hello).await;
    match introduced {
        Ok(_) | Err(ConnectError::Rejected { .. } | ConnectError::Hello { .. }) => Some(introduced),
        Err(e) => {
            tracing::warn!(address = %to, error = %e, "the shortcut to this address does not work; dialling the port");
            None
        }
    }
}

/// Says who calls, and hears the answer.
async fn introduce(
    mut conn: BoxConn,
    to: &Address,
    hello: &Hello,
) -> Result<(BoxConn, Welcome), ConnectError> {
    let written = match greeting::write(&mut conn, hello).await {
        Err(GreetingError::Handshake(reason)) => {
            return Err(ConnectError::Hello { address: to.clone(), reason });
        }
        Err(GreetingError::Io(e)) => Err(e),
        Ok(()) => Ok(()),
    };
    // Whoever hangs up before all was said may have answered nevertheless.
    let reply = greeting::read::<Reply>(&mut conn).await.map_err(|e| match (e, written) {
        (GreetingError::Handshake(reason), _) => ConnectError::Protocol { address: to.clone(), reason },
        (GreetingError::Io(_), Err(e)) | (GreetingError::Io(e), Ok(())) => ConnectError::from_io(to, e),
    });
    let welcome = admitted(to, reply?.0)?;
    Ok((conn, welcome))
}

async fn dial_local<In: Incoming, Out: Outgoing>(
    to: &Address,
    name: &str,
    hello: Hello,
) -> Result<(Link<In, Out>, Welcome), ConnectError> {
    let Some(sink) = name::find(name) else {
        return Err(ConnectError::NotFound { address: to.clone() });
    };
    let caller = format!("{} in this process", hello.role);
    let (ours, theirs) = pair::<In, Out>(&caller, &to.to_string());
    let (mut answer, answering) = local::ends::<Reply, ()>();
    sink(Accepted::local(hello, caller, Box::new(theirs), answering));
    // A sink of a role that is going away is not kept alive by those who call it.
    drop(sink);
    let mut reply = None;
    let polled = poll_fn(|cx| match answer.poll_recv(cx, &mut |r| reply = Some(r)) {
        Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
        Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    });
    let _ = polled.await;
    match reply {
        Some(reply) => Ok((ours, admitted(to, reply)?)),
        None => Err(ConnectError::HungUp { address: to.clone() }),
    }
}

fn admitted(to: &Address, reply: Reply) -> Result<Welcome, ConnectError> {
    match reply {
        Reply::Welcome(welcome) => Ok(welcome),
        Reply::Reject(reason) => Err(ConnectError::Rejected { address: to.clone(), reason }),
    }
}
