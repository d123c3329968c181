//! Whatever comes in whatever order, the machine stays whole and every future learns its end.
use super::*;
use longshore_proto::{FailureKind, TaskFailure};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

const TASKS: u32 = 5;
const PEERS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Want(u32),
    Drop(usize),
    Await(u32),
    Hear(u32, u8, u32),
    Peer(u32, u8),
    Data { from: u32, task: u32, total: u64, offset: u64, len: usize },
    Relay { task: u32, total: u64, offset: u64, len: usize },
    Absent(u32, u32),
    Confirm(u32, u32),
    Hold(u32),
    Chunks,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (task, peer) = (0..TASKS, 0..PEERS);
    prop_oneof![
        task.clone().prop_map(Step::Want),
        (0usize..8).prop_map(Step::Drop),
        task.clone().prop_map(Step::Await),
        (task.clone(), 0u8..10, peer.clone()).prop_map(|(t, k, p)| Step::Hear(t, k, p)),
        (peer.clone(), 0u8..2).prop_map(|(p, k)| Step::Peer(p, k)),
        (peer.clone(), task.clone(), 0u64..4, 0u64..4, 0usize..4)
            .prop_map(|(from, task, total, offset, len)| Step::Data { from, task, total, offset, len }),
        (task.clone(), 0u64..4, 0u64..4, 0usize..4).prop_map(|(task, total, offset, len)| Step::Relay {
            task,
            total,
            offset,
            len
        }),
        (peer.clone(), task.clone()).prop_map(|(p, t)| Step::Absent(p, t)),
        (peer, task.clone()).prop_map(|(p, t)| Step::Confirm(p, t)),
        task.prop_map(Step::Hold),
        Just(Step::Chunks),
        (0u64..4000).prop_map(Step::Wait),
    ]
}

/// What the scheduler might say about task `t`.
fn said(t: u32, kind: u8, p: u32) -> SchedulerToClient {
    let task = id(u64::from(t));
    match kind {
        0 => done(u64::from(t), b"v"),
        1 => stored(t, 3, &[p, (p + 1) % PEERS]),
        2 => SchedulerToClient::Pending { id: task },
        3 => {
            let failure = TaskFailure::new(FailureKind::Failed, task, "f", "m");
            SchedulerToClient::Failed { id: task, failure: Arc::new(failure) }
        }
        4 => named(p),
        5 => {
            let relay = (p == 0).then_some(Grant { relay: RelayId(u64::from(t)), until: 1_000 });
            SchedulerToClient::Push { id: task, task: handle(t), worker: PeerId(p), relay }
        }
        6 => SchedulerToClient::Dropped { id: task },
        7 => SchedulerToClient::Grant(Grant { relay: RelayId(u64::from(t)), until: 2_000 }),
        8 => SchedulerToClient::EndRelay { relay: RelayId(u64::from(t)) },
        _ => SchedulerToClient::Peer { peer: PeerId(p), address: None },
    }
}

struct Model {
    bench: Bench,
    futures: Vec<T>,
    next: u32,
    /// Links the driver was asked for and has not reported on; links that are up.
    dialled: BTreeSet<PeerId>,
    up: BTreeSet<PeerId>,
}

impl Model {
    fn apply(&mut self, step: Step) {
        if let Some(event) = self.event(step) {
            let out = self.bench.event(event);
            self.read(&out);
        }
    }

    fn event(&mut self, step: Step) -> Option<Event<T>> {
        Some(match step {
            Step::Want(t) => {
                self.next += 1;
                let token = T(id(u64::from(t)), self.next);
                let is_first = self.futures.iter().all(|f| f.0 != token.0);
                self.futures.push(token.clone());
                if is_first { Event::Wanted(token) } else { Event::Shared(token) }
            }
            Step::Drop(n) if n < self.futures.len() => Event::Dropped(self.futures.swap_remove(n)),
            Step::Drop(_) => return None,
            Step::Await(t) => Event::Awaited(id(u64::from(t))),
            Step::Hear(t, kind, p) => Event::Scheduler(said(t, kind, p)),
            Step::Peer(p, 0) if self.dialled.remove(&PeerId(p)) => {
                self.up.insert(PeerId(p));
                Event::PeerUp(PeerId(p))
            }
            Step::Peer(p, _) if self.dialled.remove(&PeerId(p)) | self.up.remove(&PeerId(p)) => {
                Event::PeerDown(PeerId(p))
            }
            Step::Peer(..) => return None,
            Step::Data { from, task, total, offset, len } => {
                let reply = PeerReply::Data(chunk(task, total, offset, &[7; 4][..len]));
                Event::Peer { from: PeerId(from), reply }
            }
            Step::Relay { task, total, offset, len } => {
                let chunk = chunk(task, total, offset, &[7; 4][..len]);
                let (id, relay) = (id(u64::from(task)), RelayId(1));
                Event::Scheduler(SchedulerToClient::Data { id, relay, chunk: Box::new(chunk) })
            }
            Step::Absent(p, t) => {
                Event::Peer { from: PeerId(p), reply: PeerReply::Absent { task: handle(t) } }
            }
            Step::Confirm(p, t) => {
                Event::Peer { from: PeerId(p), reply: PeerReply::Stored { task: handle(t) } }
            }
            Step::Hold(t) => Event::Held { id: id(u64::from(t)), value: vec![1; 100].into() },
            Step::Chunks => {
                let routes: Vec<Route> = self.bench.machine.sending().collect();
                for route in routes {
                    assert!(self.bench.machine.next_piece(self.bench.now, route).is_some());
                    self.bench.machine.validate();
                }
                return None;
            }
            Step::Wait(millis) => {
                self.bench.now = self.bench.now + Duration::from_millis(millis);
                Event::Tick
            }
        })
    }

    fn read(&mut self, out: &[Action<T>]) {
        for action in out {
            match action {
                Action::Dial { peer, .. } => {
                    assert!(!self.up.contains(peer) && self.dialled.insert(*peer), "dialled twice: {peer:?}");
                }
                Action::SendPeer { to, .. } => assert!(self.up.contains(to), "{to:?} is not up"),
                Action::HangUp(peer) => assert!(self.up.remove(peer), "{peer:?} was not up"),
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn the_machine_stays_whole(steps in prop::collection::vec(step(), 0..120)) {
        let mut m = Model { bench: Bench::up(), futures: vec![], next: 0, dialled: BTreeSet::new(), up: BTreeSet::new() };
        for step in steps {
            m.apply(step);
            if m.bench.machine.is_over() {
                return Ok(()); // it waited too long
            }
        }
        prop_assert_eq!(m.bench.machine.futures_len(), m.futures.len());
        let out = m.bench.event(Event::LinkLost { reason: "end".into() });
        let over = out.iter().filter(|a| matches!(a, Action::Settle { outcome: Outcome::Over, .. })).count();
        prop_assert_eq!(over, m.futures.len());
    }
}
