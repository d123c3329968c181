//! The scheduler's turn: messages in, one look at the queue, messages out.
use super::departure;
use super::inbox::Inbox;
use crate::alarm::Alarm;
use crate::link::{Accepted, Acceptor, BACKLOG_BYTES_MAX, LinkEvent, LinkSet, same_secret};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_core::scheduler::{Action, Actions, CloseReason, Event, Machine};
use longshore_proto::handshake::Role;
use longshore_proto::{
    ClientToScheduler, FailureKind, PeerId, Reject, SchedulerToClient, SchedulerToWorker, Taken, TaskFailure,
    Time, Welcome, WorkerToScheduler,
};
use longshore_rt::{DynRuntime, Runtime};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The scheduler's one future.
pub(super) struct Driver {
    rt: DynRuntime,
    machine: Machine,
    token: String,
    inbox: Arc<Inbox>,
    acceptors: Vec<Acceptor>,
    validate: bool,
    workers: LinkSet<WorkerToScheduler, SchedulerToWorker>,
    clients: LinkSet<ClientToScheduler, SchedulerToClient>,
    /// Callers that the machine has been told of and not answered for.
    callers: HashMap<PeerId, Accepted, FixedState>,
    next_peer: u32,
    actions: Actions,
    /// What the machine is to be told in the next turn: peers that were lost, runs that could not be sent.
    unsaid: Vec<Event>,
    alarm: Alarm,
    closing: bool,
}

impl Driver {
    pub(super) fn new(
        rt: DynRuntime,
        machine: Machine,
        token: String,
        inbox: Arc<Inbox>,
        acceptors: Vec<Acceptor>,
        validate: bool,
    ) -> Self {
        Driver {
            machine,
            token,
            inbox,
            acceptors,
            validate,
            workers: LinkSet::new(&rt, BACKLOG_BYTES_MAX),
            clients: LinkSet::new(&rt, BACKLOG_BYTES_MAX),
            callers: HashMap::default(),
            next_peer: 0,
            actions: Vec::new(),
            unsaid: Vec::new(),
            alarm: Alarm::new(&rt),
            closing: false,
            rt,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Time(self.rt.now().0);
        self.take_inbox(now, cx);
        self.receive(now, cx);
        self.machine.schedule(now, &mut self.actions);
        if self.validate {
            self.machine.validate();
        }
        self.carry_out();
        self.flush(cx);
        if self.closing && self.workers.closing_len() + self.clients.closing_len() == 0 {
            return Poll::Ready(());
        }
        self.alarm.arm(self.machine.deadline(), cx);
        Poll::Pending
    }

    fn take_inbox(&mut self, now: Time, cx: &Context<'_>) {
        let content = self.inbox.take(cx);
        for accepted in content.accepted {
            self.introduce(now, accepted);
        }
        if let Some(reason) = content.close
            && !self.closing
        {
            self.close(reason);
        }
    }

    /// Has the machine decide about a caller.
    fn introduce(&mut self, now: Time, accepted: Accepted) {
        if self.closing {
            return accepted.reject(Reject::Closing);
        }
        // Whoever is in this process could read the token anyway.
        if !accepted.is_local() && !same_secret(&accepted.hello().token, &self.token) {
            return accepted.reject(Reject::Token);
        }
        self.next_peer += 1;
        let peer = PeerId(self.next_peer);
        let event = match &accepted.hello().role {
            Role::Worker(hello) => Event::WorkerJoined { peer, hello: Box::new(hello.clone()) },
            Role::Client(_) => Event::ClientJoined { peer },
            Role::Peer(_) => return accepted.reject(Reject::Role { listener: "scheduler".into() }),
        };
        tracing::debug!(peer = peer.0, caller = %accepted.hello().role, from = accepted.peer(), "joining");
        self.callers.insert(peer, accepted);
        self.machine.handle(now, event, &mut self.actions);
        self.carry_out();
    }

    fn receive(&mut self, now: Time, cx: &mut Context<'_>) {
        let Driver { machine, actions, workers, clients, unsaid, .. } = self;
        for event in unsaid.drain(..) {
            machine.handle(now, event, actions);
        }
        workers.poll(cx, &mut |peer, event| {
            let event = match event {
                LinkEvent::Message(message) => Event::FromWorker { peer, message },
                LinkEvent::Lost(e) => lost_peer(peer, &e),
            };
            machine.handle(now, event, actions);
        });
        clients.poll(cx, &mut |peer, event| {
            let event = match event {
                LinkEvent::Message(message) => Event::FromClient { peer, message },
                LinkEvent::Lost(e) => lost_peer(peer, &e),
            };
            machine.handle(now, event, actions);
        });
    }

    fn carry_out(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::ToWorker { peer, message } => self.send_to_worker(peer, message),
                Action::ToClient { peer, message } => self.send_to_client(peer, message),
                Action::Welcome { peer, welcome } => self.welcome(peer, welcome),
                Action::Close { peer, reason } => self.close_peer(peer, &reason),
                Action::End => self.end(),
            }
        }
        self.actions = actions;
    }

    fn send_to_worker(&mut self, peer: PeerId, mut message: SchedulerToWorker) {
        let run = departure::run_of(&message);
        let leaves = self.workers.get(peer).is_some_and(|link| !link.is_local());
        let encoded = if leaves { departure::encode_values(&mut message) } else { Ok(()) };
        let sent = encoded.and_then(|()| self.workers.send(peer, message).map_err(|e| departure::unsent(&e)));
        let Err(words) = sent else { return };
        tracing::warn!(peer = peer.0, words, "a message to a worker could not be sent");
        let event = match run {
            Some(run) => Event::FromWorker { peer, message: run.failed(&words) },
            None => {
                // It would lack something that everything after this builds upon.
                self.workers.close(peer);
                Event::PeerLost { peer, reason: words }
            }
        };
        self.unsaid.push(event);
    }

    fn send_to_client(&mut self, peer: PeerId, mut message: SchedulerToClient) {
        let (id, taken) = match &message {
            SchedulerToClient::Done { id, .. } => (Some(*id), None),
            SchedulerToClient::Data { id, relay, chunk } => {
                (Some(*id), Some(Taken { relay: *relay, until: chunk.total, is_all: true }))
            }
            _ => (None, None),
        };
        let leaves = self.clients.get(peer).is_some_and(|link| !link.is_local());
        let encoded = if leaves { departure::encode_chunk(&mut message) } else { Ok(()) };
        let sent = encoded.and_then(|()| self.clients.send(peer, message).map_err(|e| e.to_string()));
        let Err(words) = sent else { return };
        tracing::warn!(peer = peer.0, words, "a message to a client could not be sent");
        let Some(id) = id else { return };
        if let Some(taken) = taken {
            // It will not be told of by the client, and others wait for their turn.
            self.unsaid.push(Event::FromClient { peer, message: ClientToScheduler::Taken(taken) });
        }
        let failure = Arc::new(unsent(id, &words));
        // A failure of bounded length always fits.
        let _ = self.clients.send(peer, SchedulerToClient::Failed { id, failure });
    }

    fn welcome(&mut self, peer: PeerId, welcome: Welcome) {
        let Some(caller) = self.callers.remove(&peer) else { return };
        match caller.hello().role {
            Role::Worker(_) => self.workers.insert(peer, caller.welcome(welcome)),
            _ => self.clients.insert(peer, caller.welcome(welcome)),
        }
    }

    fn close_peer(&mut self, peer: PeerId, reason: &CloseReason) {
        tracing::debug!(peer = peer.0, %reason, "closing a link");
        if let Some(caller) = self.callers.remove(&peer) {
            let name = match &caller.hello().role {
                Role::Worker(hello) => hello.name.clone(),
                _ => String::new(),
            };
            return caller.reject(Reject::NameTaken { name });
        }
        self.workers.close(peer);
        self.clients.close(peer);
    }

    fn flush(&mut self, cx: &mut Context<'_>) {
        let Driver { workers, clients, unsaid, .. } = self;
        workers.flush(cx, &mut |peer, e| unsaid.push(lost_peer(peer, &e)));
        clients.flush(cx, &mut |peer, e| unsaid.push(lost_peer(peer, &e)));
        if !unsaid.is_empty() {
            cx.waker().wake_by_ref();
        }
    }

    fn close(&mut self, reason: &str) {
        for peer in self.machine.workers() {
            let _ = self.workers.send(peer, SchedulerToWorker::Shutdown { reason: reason.to_owned() });
        }
        for peer in self.machine.clients() {
            let _ = self.clients.send(peer, SchedulerToClient::Goodbye { reason: reason.to_owned() });
        }
        self.end();
    }

    /// Takes nobody in any more, and ends once all was said.
    fn end(&mut self) {
        self.closing = true;
        self.acceptors.clear();
        self.callers.drain().for_each(|(_, caller)| caller.reject(Reject::Closing));
        self.workers.close_all();
        self.clients.close_all();
    }
}

impl Future for Driver {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turn(cx)
    }
}

fn lost_peer(peer: PeerId, error: &crate::link::LinkError) -> Event {
    Event::PeerLost { peer, reason: error.to_string() }
}

fn unsent(id: longshore_proto::TaskId, error: &str) -> TaskFailure {
    TaskFailure::new(FailureKind::UnencodableResult, id, "", format!("the result could not be sent: {error}"))
}
