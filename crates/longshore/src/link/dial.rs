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
use std::io;
use std::task::Poll;
use std::time::Duration;

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
    let limit = Duration::from_millis(HANDSHAKE_MS_MAX);
    let dialled = match (to, to.endpoint()) {
        (_, Some(endpoint)) => rt.timeout(limit, dial_stream(rt, to, endpoint, hello)).await,
        (Address::InProc(name), None) => rt.timeout(limit, dial_local(to, name, hello)).await,
        (_, None) => return Err(ConnectError::NotFound { address: to.clone() }),
    };
    dialled.unwrap_or_else(|_| Err(ConnectError::TimedOut { address: to.clone() }))
}

async fn dial_stream<In: Incoming, Out: Outgoing>(
    rt: &DynRuntime,
    to: &Address,
    endpoint: Endpoint,
    hello: Hello,
) -> Result<(Link<In, Out>, Welcome), ConnectError> {
    let mut conn = connect(rt, to, &endpoint).await.map_err(|e| ConnectError::from_io(to, e))?;
    let written = match greeting::write(&mut conn, &hello).await {
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
    Ok((Link::dialled(conn, to.to_string()), welcome))
}

/// Over the shortcut, if there is one.
async fn connect(rt: &DynRuntime, to: &Address, endpoint: &Endpoint) -> io::Result<BoxConn> {
    if let Some(shortcut) = shortcut::to(to) {
        match rt.connect(&shortcut).await {
            Ok(conn) => return Ok(conn),
            Err(e) => tracing::trace!(address = %to, error = %e, "there is no shortcut"),
        }
    }
    rt.connect(endpoint).await
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
