//! Waits until the cluster's workers have joined, by asking the scheduler as any client could.
use super::ClusterError;
use crate::address::Address;
use crate::link::{Link, dial};
use longshore_proto::handshake::ClientHello;
use longshore_proto::query::Query;
use longshore_proto::{ClientToScheduler, Hello, Role, SchedulerToClient, SessionId};
use longshore_rt::{DynRuntime, Runtime};
use std::future::poll_fn;
use std::task::{Poll, ready};

/// Returns when `n` workers are ready for work.
pub(super) async fn workers(rt: &DynRuntime, scheduler: &Address, n: u32) -> Result<(), ClusterError> {
    let hello = ClientHello {
        session: SessionId(rt.entropy()),
        name: "cluster".to_owned(),
        runtime: rt.name().to_owned(),
        pid: std::process::id(),
    };
    let hello = Hello { token: String::new(), role: Role::Client(hello) };
    let (mut link, _): (Link<SchedulerToClient, ClientToScheduler>, _) = dial(rt, scheduler, hello).await?;
    // Neither message can fail to be encoded.
    let _ = link.send(ClientToScheduler::Query { request: 0, query: Query::WaitForWorkers(n) });
    poll_fn(|cx| {
        let _ = link.poll_flush(cx);
        loop {
            let mut answered = false;
            let mut each = |message| answered |= matches!(message, SchedulerToClient::Answer { .. });
            let received = ready!(link.poll_recv(cx, &mut each));
            match received {
                _ if answered => return Poll::Ready(Ok(())),
                Ok(()) => {}
                Err(_) => return Poll::Ready(Err(ClusterError::SchedulerEnded)),
            }
        }
    })
    .await?;
    let _ = link.send(ClientToScheduler::Goodbye);
    poll_fn(|cx| link.poll_flush(cx)).await.map_err(|_| ClusterError::SchedulerEnded)
}
