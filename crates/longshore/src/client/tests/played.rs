//! The scheduler's part.
use crate::address::Address;
use crate::client::Client;
use crate::link::{Accepted, Acceptor, Link, LinkError};
use longshore_proto::{ClientToScheduler, Payload, PeerId, SchedulerToClient, Submit, TaskId, Welcome};
use longshore_rt::{BlockOn, DynRuntime, OwnedExecutor, RuntimeExt};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;

/// A played scheduler and its only client.
pub(super) struct Played {
    /// The client's.
    pub(super) rt: OwnedExecutor,
    /// The scheduler's own, so that it goes on whatever holds up the client's.
    stage: OwnedExecutor,
    pub(super) client: Client<OwnedExecutor>,
    link: Link<ClientToScheduler, SchedulerToClient>,
    heard: VecDeque<ClientToScheduler>,
    _acceptor: Acceptor,
}

impl Played {
    /// A session on `address`, welcomed.
    pub(super) fn on(address: &str) -> Self {
        let (rt, stage) = (OwnedExecutor::new().unwrap(), OwnedExecutor::new().unwrap());
        let (callers, called) = mpsc::channel::<Accepted>();
        let on: Address = address.parse().unwrap();
        let sink = move |caller| drop(callers.send(caller));
        let here = DynRuntime::new(stage.clone());
        let acceptor = stage.block_on(Acceptor::bind(&here, &on, sink)).unwrap().unwrap();
        let builder = Client::builder(rt.clone()).address(acceptor.local()).blocks_by_runtime();
        let client = rt.block_on(builder.start()).unwrap().unwrap();
        let caller = called.recv_timeout(super::DEADLINE).unwrap();
        let welcome = Welcome { version: 0, incarnation: 1, peer: PeerId(7), registry_wanted: false };
        let link = caller.welcome::<ClientToScheduler, SchedulerToClient>(welcome);
        let mut played = Played { rt, stage, client, link, heard: VecDeque::new(), _acceptor: acceptor };
        played.flush();
        played
    }

    /// Over TCP, where everything is encoded.
    pub(super) fn remote() -> Self {
        Self::on("tcp://127.0.0.1:0")
    }

    /// Within the process, where nothing is.
    pub(super) fn local() -> Self {
        Self::on(&Address::unique_inproc("played").to_string())
    }

    pub(super) fn say(&mut self, message: SchedulerToClient) {
        self.link.send(message).unwrap();
        self.flush();
    }

    /// Ends the link as if the process were gone.
    pub(super) fn hang_up(&mut self) {
        self.link = crate::link::pair("", "").0;
    }

    fn flush(&mut self) {
        let link = &mut self.link;
        let flushed = poll_fn(|cx| link.poll_flush(cx));
        self.stage.block_on(self.stage.timeout(super::DEADLINE, flushed)).unwrap().unwrap().unwrap();
    }

    /// The next thing the client says, heartbeats aside.
    pub(super) fn hear(&mut self) -> ClientToScheduler {
        self.try_hear().unwrap_or_else(|e| panic!("the client hung up: {e}"))
    }

    pub(super) fn try_hear(&mut self) -> Result<ClientToScheduler, LinkError> {
        loop {
            match self.heard.pop_front() {
                Some(ClientToScheduler::Heartbeat) => {}
                Some(message) => return Ok(message),
                None => match self.receive() {
                    // The last words may come with the end.
                    Err(e) if self.heard.is_empty() => return Err(e),
                    _ => {}
                },
            }
        }
    }

    fn receive(&mut self) -> Result<(), LinkError> {
        let (link, heard) = (&mut self.link, &mut self.heard);
        let received = poll_fn(|cx| match link.poll_recv(cx, &mut |m| heard.extend(one_by_one(m))) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => Poll::Pending,
        });
        self.stage
            .block_on(self.stage.timeout(super::DEADLINE, received))
            .unwrap()
            .expect("the client says nothing")
    }

    /// The next submission; introductions of functions are passed over.
    pub(super) fn hear_submit(&mut self) -> Submit {
        loop {
            match self.hear() {
                ClientToScheduler::Submit(submit) => return submit,
                ClientToScheduler::Function { .. } => {}
                other => panic!("a submission was expected, not {other:?}"),
            }
        }
    }

    pub(super) fn done(&mut self, id: TaskId, value: u64) {
        let mut bytes = Vec::new();
        crate::value::put_varint(value, &mut bytes);
        self.say(SchedulerToClient::Done { id, value: Payload::from(bytes) });
    }

    /// Waits until the client has taken in all that was said.
    pub(super) fn settle(&mut self) {
        let query = self.client.clone();
        let asked = self.rt.spawn("settle", async move { query.flush().await });
        let request = loop {
            if let ClientToScheduler::Query { request, .. } = self.hear() {
                break request;
            }
        };
        self.say(SchedulerToClient::Answer { request, answer: longshore_proto::query::Answer::Flushed });
        self.rt.block_on(asked).unwrap().unwrap().unwrap();
    }
}

/// What was said, as if nothing were ever said in runs.
fn one_by_one(message: ClientToScheduler) -> Vec<ClientToScheduler> {
    match message {
        ClientToScheduler::SubmitRun(run) => {
            run.submits().map(|submit| ClientToScheduler::Submit(submit.unwrap())).collect()
        }
        ClientToScheduler::ReleaseRun { first, len } => {
            let ids = (first.seq..).take(len as usize).map(|seq| TaskId { seq, ..first }).collect();
            vec![ClientToScheduler::Release { ids }]
        }
        other => vec![other],
    }
}
