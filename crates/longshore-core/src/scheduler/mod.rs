//! The scheduler: what is to be run, where, and who wants the results.
//!
//! [`Machine`] is told what peers say through [`handle`](Machine::handle), decides where queued tasks go through
//! [`schedule`](Machine::schedule), once per batch, and answers with [`Action`]s. Every task waits here until a worker
//! has room for it; a worker is sent what its threads can run plus a little ahead, by measured run time.
//!
//! | file | what happens there |
//! |---|---|
//! | `submit` | a client's call becomes a task |
//! | `plan` | a task that is needed waits for its inputs or queues |
//! | `placement` | queued tasks are assigned to workers |
//! | `run` | workers report how a run ended |
//! | `settle` | what nobody needs is released, failures reach dependents |
//! | `want` | clients release, cancel, retry, detach |
//! | `data` | values that clients put in, and copies of values |
//! | `relay` | values that go through here, to clients and to workers |
//! | `window` | how much of them at a time |
//! | `peer` | workers and clients come, fall silent and go |
//! | `query` | questions about all this |
//!
//! Deliberately absent: sockets, clocks, encoding of user data, and any loop over all workers on the hot path.

mod client;
mod config;
mod data;
mod function;
mod peer;
mod placement;
mod plan;
mod pulse;
mod query;
mod relay;
mod run;
mod settle;
mod submit;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod validate;
mod want;
mod window;
mod worker;

use crate::story::Story;
use client::Clients;
use function::Functions;
use longshore_proto::handshake::WorkerHello;
use longshore_proto::{
    ClientToScheduler, PeerId, SchedulerToClient, SchedulerToWorker, TaskFailure, Time, Welcome,
    WorkerToScheduler,
};
use placement::{Classes, Ranking};
use pulse::Pulse;
use std::collections::VecDeque;
use std::sync::Arc;
use table::Table;
use task::{Slot, State};
use window::Relays;
use worker::Workers;

pub use config::Config;

/// What the driver tells the machine.
#[derive(Debug)]
pub enum Event {
    /// A worker completed its part of the handshake. Answered by [`Action::Welcome`] or [`Action::Close`].
    WorkerJoined {
        /// Number the driver gave it; never reused.
        peer: PeerId,
        /// What it said.
        hello: Box<WorkerHello>,
    },
    /// A client completed its part of the handshake. Answered by [`Action::Welcome`].
    ClientJoined {
        /// Number the driver gave it; never reused.
        peer: PeerId,
    },
    /// A worker said something.
    FromWorker {
        /// Which.
        peer: PeerId,
        /// What.
        message: WorkerToScheduler,
    },
    /// A client said something.
    FromClient {
        /// Which.
        peer: PeerId,
        /// What.
        message: ClientToScheduler,
    },
    /// The connection to a peer is gone.
    PeerLost {
        /// Which.
        peer: PeerId,
        /// What is known of the cause.
        reason: String,
    },
}

/// What the machine wants done.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Accept a peer that joined.
    Welcome {
        /// Which.
        peer: PeerId,
        /// The words.
        welcome: Welcome,
    },
    /// Send to a worker.
    ToWorker {
        /// Which.
        peer: PeerId,
        /// What.
        message: SchedulerToWorker,
    },
    /// Send to a client.
    ToClient {
        /// Which.
        peer: PeerId,
        /// What.
        message: SchedulerToClient,
    },
    /// Close the connection after what was sent; the machine has already forgotten the peer.
    Close {
        /// Which.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
    /// The cluster was ended: take nobody in any more, and end once all was said.
    End,
}

/// Why the machine gives a peer up.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer took its leave.
    #[error("it said goodbye")]
    Goodbye,
    /// Nothing was heard for the length of the lease.
    #[error("nothing was heard of it for {0:?}")]
    Silent(std::time::Duration),
    /// Its name is in use.
    #[error("a worker of that name is already there")]
    NameTaken,
    /// It broke the protocol.
    #[error("it broke the protocol: {0}")]
    Protocol(&'static str),
}

/// Actions in the order in which they are to be done. The driver drains and reuses it.
pub type Actions = Vec<Action>;

/// Events that were expected and ignored, by kind. For tests and for people who wonder.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Stale {
    /// Messages about an attempt that is no longer the current one.
    pub attempts: u64,
    /// Messages about a task that is gone.
    pub tasks: u64,
    /// Messages of a peer that is gone.
    pub peers: u64,
    /// Messages about a value that no longer goes through here.
    pub relays: u64,
}

/// The scheduler.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    now: Time,
    tasks: Table,
    functions: Functions,
    workers: Workers,
    clients: Clients,
    classes: Classes,
    ranking: Ranking,
    story: Story,
    stale: Stale,
    next_seq: u64,
    finished_total: u64,
    pulse: Pulse,
    /// Since when tasks have queued while no worker took any.
    starving_since: Option<Time>,
    starving_noticed: bool,
    rebalance_at: Option<Time>,
    /// A task was moved to another class while its own was placed.
    reclassified: bool,
    /// Questions that are answered later.
    waiting_for_workers: Vec<(PeerId, u32, u32)>,
    /// Values that go through here.
    relays: Relays,
    /// Stored values of which the last copy may be gone.
    lost: Vec<Slot>,
    /// Tasks to look at again: somebody may have stopped needing them.
    check: Vec<Slot>,
    /// Waiting tasks of which an input was just assigned: they may be sent after it.
    followers: VecDeque<Slot>,
    /// Tasks sent ahead of an input that is not made where it was to be made.
    recalls: Vec<Slot>,
    /// Tasks that fail because an input did, with the token of their wait.
    failing: Vec<(Slot, u32, Arc<TaskFailure>)>,
    /// Values to be released, by worker.
    releasing: Vec<(PeerId, longshore_proto::TaskHandle)>,
}

impl Machine {
    /// A scheduler that knows nobody.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Machine {
            now: Time::default(),
            tasks: Table::new(config.hash_seed),
            functions: Functions::default(),
            workers: Workers::default(),
            clients: Clients::default(),
            classes: Classes::default(),
            ranking: Ranking::default(),
            story: Story::new(config.story_len_max),
            stale: Stale::default(),
            next_seq: 0,
            finished_total: 0,
            pulse: Pulse::default(),
            starving_since: None,
            starving_noticed: false,
            rebalance_at: None,
            reclassified: false,
            waiting_for_workers: Vec::new(),
            relays: Relays::new(&config),
            lost: Vec::new(),
            check: Vec::new(),
            followers: VecDeque::new(),
            recalls: Vec::new(),
            failing: Vec::new(),
            releasing: Vec::new(),
            config,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, now: Time, event: Event, out: &mut Actions) {
        self.now = now;
        match event {
            Event::FromClient { peer, message } => self.on_client(peer, message, out),
            Event::FromWorker { peer, message } => self.on_worker(peer, message, out),
            Event::WorkerJoined { peer, hello } => self.on_worker_joined(peer, *hello, out),
            Event::ClientJoined { peer } => self.on_client_joined(peer, out),
            Event::PeerLost { peer, reason } => self.on_peer_lost(peer, &reason, out),
        }
        self.settle(out);
    }

    /// Assigns what can be assigned. Call once after each batch of events, and whenever [`deadline`](Self::deadline) has passed.
    pub fn schedule(&mut self, now: Time, out: &mut Actions) {
        self.now = now;
        self.keep_time(out);
        self.settle(out);
        self.place(out);
        self.rebalance(out);
        self.settle(out);
        self.flush_releases(out);
        self.watch_waiting();
    }

    /// When [`schedule`](Self::schedule) is to be called even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        [self.pulse.deadline(), self.rebalance_at].into_iter().flatten().min()
    }

    /// What was ignored because it came too late.
    #[must_use]
    pub fn stale(&self) -> Stale {
        self.stale
    }

    /// The latest things that happened, oldest first.
    #[must_use]
    pub fn story(&self) -> Vec<String> {
        self.story.lines(None)
    }

    /// All workers, oldest first.
    #[must_use]
    pub fn workers(&self) -> Vec<PeerId> {
        self.workers.peers().to_vec()
    }

    /// All clients, oldest first.
    #[must_use]
    pub fn clients(&self) -> Vec<PeerId> {
        self.clients.peers().to_vec()
    }

    /// Number of tasks known.
    #[must_use]
    pub fn tasks_len(&self) -> usize {
        self.tasks.len()
    }

    /// Changes a task's state and notes it.
    fn set(&mut self, slot: Slot, state: State) -> State {
        self.tasks.transition(slot, state, self.now, &mut self.story)
    }

    fn on_client(&mut self, peer: PeerId, message: ClientToScheduler, out: &mut Actions) {
        let Some(client) = self.clients.get_mut(peer) else {
            self.stale.peers += 1;
            return;
        };
        client.last_heard = self.now;
        match message {
            ClientToScheduler::Submit(submit) => self.on_submit(peer, submit, out),
            ClientToScheduler::SubmitRun(run) => self.on_submit_run(peer, &run, out),
            ClientToScheduler::Function { index, spec } => self.on_client_function(peer, index, spec, out),
            ClientToScheduler::Release { ids } => self.on_release(peer, ids),
            ClientToScheduler::ReleaseRun { first, len } => self.on_release_run(peer, first, len, out),
            ClientToScheduler::Cancel { ids, force } => self.on_cancel(peer, &ids, force, out),
            ClientToScheduler::Retry { ids } => self.on_retry(peer, &ids, out),
            ClientToScheduler::Detach { ids } => self.on_detach(peer, &ids),
            ClientToScheduler::Want { id } => self.on_want(peer, id, out),
            ClientToScheduler::Scatter(scatter) => self.on_scatter(peer, scatter, out),
            ClientToScheduler::Fetch { id } => self.on_fetch(peer, id, out),
            ClientToScheduler::Upload { relay, chunk } => self.on_upload(peer, relay, chunk, out),
            ClientToScheduler::PushFailed { task, worker, relay } => {
                self.on_push_failed(peer, task, worker, relay, out);
            }
            ClientToScheduler::Query { request, query } => self.on_query(peer, request, query, out),
            ClientToScheduler::Heartbeat => {}
            ClientToScheduler::Goodbye => self.on_client_goodbye(peer, out),
            ClientToScheduler::Shutdown => self.on_shutdown(out),
            ClientToScheduler::Taken(taken) => self.on_taken(peer, taken, out),
        }
    }

    fn on_worker(&mut self, peer: PeerId, message: WorkerToScheduler, out: &mut Actions) {
        let Some(worker) = self.workers.get_mut(peer) else {
            self.stale.peers += 1;
            return;
        };
        worker.last_heard = self.now;
        match message {
            WorkerToScheduler::Finished { task, attempt, duration_ns, value } => {
                self.on_finished(peer, task, attempt, duration_ns, value, out);
            }
            WorkerToScheduler::Failed { task, attempt, duration_ns, failure } => {
                self.on_failed(peer, task, attempt, duration_ns, failure, out);
            }
            WorkerToScheduler::Rescheduled { task, attempt } => self.on_rescheduled(peer, task, attempt),
            WorkerToScheduler::Retracted { task, attempt, given_back } => {
                self.on_retracted(peer, task, attempt, given_back);
            }
            WorkerToScheduler::Missing { task, tried } => self.on_missing(peer, task, &tried, out),
            WorkerToScheduler::Replicas { tasks } => self.on_replicas(peer, &tasks, out),
            WorkerToScheduler::Seceded { task, attempt } => self.on_seceded(peer, task, attempt),
            WorkerToScheduler::Registry { functions, last } => self.on_registry(peer, functions, last, out),
            WorkerToScheduler::Data { relay, chunk } => self.on_data(peer, relay, chunk, out),
            WorkerToScheduler::NoData { relay, task } => self.on_no_data(peer, relay, task),
            WorkerToScheduler::Heartbeat { stored_bytes } => self.on_worker_heartbeat(peer, stored_bytes),
            WorkerToScheduler::Goodbye => self.on_worker_goodbye(peer, out),
            WorkerToScheduler::Taken(taken) => self.on_taken(peer, taken, out),
        }
    }
}

fn to_client(peer: PeerId, message: SchedulerToClient) -> Action {
    Action::ToClient { peer, message }
}

fn to_worker(peer: PeerId, message: SchedulerToWorker) -> Action {
    Action::ToWorker { peer, message }
}
