//! Long random lives: whatever is said, nothing breaks, and once peers and scheduler behave, everything ends exactly once.
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SLOTS: u32 = 8;

/// Something that may happen. Numbers are reduced to what is there when it happens.
#[derive(Clone, Debug)]
enum Step {
    Assign { slot: u32, attempt: u32, inputs: Vec<(u32, u8)>, priority: i32, timeout: bool },
    Retract { slot: u32, attempt: u32 },
    Cancel { slot: u32, attempt: u32 },
    Release { slot: u32 },
    Holders { slot: u32, holders: u8 },
    End { which: usize, how: u8 },
    Secede { which: usize, back: bool },
    Answer { which: usize, how: u8 },
    PeerLost { peer: u32 },
    Put { slot: u32, offset: u64 },
    Store { slot: u32, offset: u64 },
    Upload { slot: u32 },
    Grant { relay: u64 },
    EndRelay { relay: u64 },
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (slot, attempt) = (0..SLOTS, 0..4u32);
    let inputs = prop::collection::vec((0..SLOTS, any::<u8>()), 0..4);
    let assign = (slot.clone(), attempt.clone(), inputs, -1..2i32, any::<bool>()).prop_map(
        |(slot, attempt, inputs, priority, timeout)| Step::Assign {
            slot,
            attempt,
            inputs,
            priority,
            timeout,
        },
    );
    prop_oneof![
        6 => assign,
        1 => (slot.clone(), attempt.clone()).prop_map(|(slot, attempt)| Step::Retract { slot, attempt }),
        1 => (slot.clone(), attempt).prop_map(|(slot, attempt)| Step::Cancel { slot, attempt }),
        1 => slot.clone().prop_map(|slot| Step::Release { slot }),
        2 => (slot.clone(), any::<u8>()).prop_map(|(slot, holders)| Step::Holders { slot, holders }),
        5 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Step::End { which, how }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, back)| Step::Secede { which, back }),
        5 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Step::Answer { which, how }),
        1 => (1..4u32).prop_map(|peer| Step::PeerLost { peer }),
        1 => (slot.clone(), 0..3u64).prop_map(|(slot, offset)| Step::Put { slot, offset }),
        1 => (slot.clone(), 0..3u64).prop_map(|(slot, offset)| Step::Store { slot, offset }),
        1 => slot.prop_map(|slot| Step::Upload { slot }),
        1 => (0..3u64).prop_map(|relay| Step::Grant { relay }),
        1 => (0..3u64).prop_map(|relay| Step::EndRelay { relay }),
        1 => (0..2_000u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// The machine and what its surroundings owe it.
struct World {
    bench: Bench,
    running: Vec<(TaskHandle, Attempt)>,
    asked: Vec<(PeerId, TaskHandle)>,
    /// Assigned runs that still have to be answered.
    open: BTreeSet<(TaskHandle, Attempt)>,
    latest: BTreeMap<TaskHandle, Attempt>,
    missing: Vec<TaskHandle>,
}

impl World {
    fn new(nthreads: u32) -> Self {
        World {
            bench: Bench::new(nthreads),
            running: vec![],
            asked: vec![],
            open: BTreeSet::new(),
            latest: BTreeMap::new(),
            missing: vec![],
        }
    }

    fn event(&mut self, event: Event) {
        for action in self.bench.event(event) {
            match action {
                Action::Start(run) => {
                    assert!(!self.running.contains(&(run.task, run.attempt)), "started twice");
                    self.running.push((run.task, run.attempt));
                }
                Action::Fetch { peer, tasks, .. } => {
                    assert!(!self.asked.iter().any(|(p, _)| *p == peer), "two batches at once");
                    assert!(!tasks.is_empty());
                    self.asked.extend(tasks.into_iter().map(|task| (peer, task)));
                }
                Action::DropPeer { peer } => self.asked.retain(|(p, _)| *p != peer),
                Action::CancelRun { task, attempt } => assert!(self.running.contains(&(task, attempt))),
                Action::ToScheduler(message) => self.on_message(message),
                Action::Exit(why) => panic!("left: {why}"),
                Action::ToCaller { .. } | Action::Serve { .. } | Action::DropCaller { .. } => {}
                Action::Upload { .. } | Action::Grant(_) | Action::EndUpload(_) | Action::Discard(_) => {}
            }
        }
    }

    fn on_message(&mut self, message: WorkerToScheduler) {
        match message {
            WorkerToScheduler::Finished { task, attempt, .. }
            | WorkerToScheduler::Failed { task, attempt, .. }
            | WorkerToScheduler::Rescheduled { task, attempt } => {
                assert!(self.open.remove(&(task, attempt)), "{task:?} {attempt:?} ended and was not open");
            }
            WorkerToScheduler::Retracted { task, attempt, given_back: true } => {
                assert!(self.open.remove(&(task, attempt)), "{task:?} {attempt:?} given back and not open");
            }
            WorkerToScheduler::Missing { task, .. } => self.missing.push(task),
            _ => {}
        }
    }

    fn say(&mut self, message: SchedulerToWorker) {
        self.event(Event::FromScheduler(message));
    }

    fn assign(&mut self, slot: u32, attempt: u32, inputs: &[(u32, u8)], priority: i32, timeout: bool) {
        let (task, attempt) = (handle(slot), Attempt(attempt));
        let mut seen = BTreeSet::new();
        // Never upward: no two tasks wait for each other.
        let inputs: Vec<_> = inputs.iter().filter(|(s, _)| *s < slot && seen.insert(*s)).collect();
        let inputs = inputs.into_iter().map(|(s, how)| match how % 8 {
            0 | 1 => inline(*s),
            2 | 3 => held(*s),
            size => at_peers(*s, 20_000_000 * u64::from(size), &peers(*how)),
        });
        let inputs = inputs.collect();
        let timeout_ms = timeout.then_some(500);
        let order = (priority, slot.into());
        if self.latest.get(&task).is_none_or(|latest| *latest < attempt) {
            self.open.retain(|(open, _)| *open != task);
            self.open.insert((task, attempt));
            self.latest.insert(task, attempt);
        } else if !self.open.iter().any(|(open, _)| *open == task) {
            // A correct scheduler never goes back; what became of it is not judged here.
            return;
        }
        self.say(SchedulerToWorker::Assign(Assign { attempt, order, timeout_ms, ..assign(slot, inputs) }));
    }

    fn end(&mut self, which: usize, how: u8) {
        if self.running.is_empty() {
            return;
        }
        let (task, attempt) = self.running.swap_remove(which % self.running.len());
        let outcome = match how % 8 {
            0 => Outcome::Rescheduled,
            1 => {
                let kind = longshore_proto::FailureKind::Failed;
                let failure = longshore_proto::TaskFailure::new(kind, id(0), "f", "no");
                Outcome::Failed(Arc::new(failure))
            }
            _ => Outcome::Value { value: value(task.slot), inline: None },
        };
        let duration_ns = u64::from(how) * 2_000;
        self.event(Event::RunEnded { task, attempt, duration_ns, outcome });
    }

    fn answer(&mut self, which: usize, how: u8) {
        if self.asked.is_empty() {
            return;
        }
        let (peer, task) = self.asked.remove(which % self.asked.len());
        let data = |total, offset| PeerReply::Data(chunk(task.slot, total, offset, value(task.slot)));
        match how % 8 {
            0 => self.event(Event::FromPeer { peer, reply: PeerReply::Absent { task } }),
            1 => {
                // Nonsense: the machine drops the peer, and its other answers with it.
                self.asked.retain(|(p, _)| *p != peer);
                self.event(Event::FromPeer { peer, reply: data(3, 1) });
            }
            2 => {
                self.event(Event::FromPeer { peer, reply: data(6, 0) });
                self.event(Event::FromPeer { peer, reply: data(6, 3) });
            }
            3 => {
                let reply = PeerReply::Local { task, value: value(task.slot) };
                self.event(Event::FromPeer { peer, reply });
            }
            _ => self.event(Event::FromPeer { peer, reply: data(3, 0) }),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Assign { slot, attempt, inputs, priority, timeout } => {
                self.assign(slot, attempt, &inputs, priority, timeout);
            }
            Step::Retract { slot, attempt } => {
                self.say(SchedulerToWorker::Retract { task: handle(slot), attempt: Attempt(attempt) });
            }
            Step::Cancel { slot, attempt } => {
                let (task, attempt) = (handle(slot), Attempt(attempt));
                self.open.remove(&(task, attempt));
                self.say(SchedulerToWorker::Cancel { task, attempt });
            }
            Step::Release { slot } => self.say(SchedulerToWorker::Release { tasks: vec![handle(slot)] }),
            Step::Holders { slot, holders } => {
                let holders = peers(holders).into_iter().map(PeerId).collect();
                self.say(SchedulerToWorker::Holders { task: handle(slot), holders });
            }
            Step::End { which, how } => self.end(which, how),
            Step::Secede { which, back } => {
                if let Some(&(task, attempt)) = self.running.get(which % self.running.len().max(1)) {
                    self.event(match back {
                        false => Event::Seceded { task, attempt },
                        true => Event::Rejoined { task, attempt },
                    });
                }
            }
            Step::Answer { which, how } => self.answer(which, how),
            Step::PeerLost { peer } => {
                self.asked.retain(|(p, _)| *p != PeerId(peer));
                self.event(Event::PeerLost { peer: PeerId(peer) });
            }
            Step::Put { slot, offset } => {
                let request = PeerRequest::Put(chunk(slot, 6, offset, value(slot)));
                self.event(Event::FromCaller { caller: CallerId(slot % 2), request });
            }
            Step::Store { slot, offset } => {
                let relay = (slot > 1).then_some(RelayId(u64::from(slot) % 3));
                let chunk = chunk(slot, 6, offset, value(slot));
                self.say(SchedulerToWorker::Store { relay, chunk });
            }
            Step::Upload { slot } => {
                let grant = Grant { relay: RelayId(u64::from(slot) % 3), until: 1 };
                self.say(SchedulerToWorker::Upload { task: handle(slot), grant });
            }
            Step::Grant { relay } => {
                self.say(SchedulerToWorker::Grant(Grant { relay: RelayId(relay), until: 2 }));
            }
            Step::EndRelay { relay } => self.say(SchedulerToWorker::EndRelay { relay: RelayId(relay) }),
            Step::Wait { ms } => {
                self.bench.now = self.bench.now + Duration::from_millis(ms);
                self.say(SchedulerToWorker::Heartbeat);
                self.event(Event::Tick);
            }
        }
    }

    /// From here on everybody behaves: runs end, peers deliver, the scheduler names holders.
    fn heal(&mut self) {
        for _ in 0..1_000 {
            if let Some(task) = self.missing.pop() {
                self.say(SchedulerToWorker::Holders { task, holders: vec![PeerId(1), PeerId(2)] });
            } else if !self.asked.is_empty() {
                self.answer(0, 7);
            } else if !self.running.is_empty() {
                self.end(0, 7);
            } else {
                return;
            }
        }
        panic!("does not come to rest");
    }
}

/// Some of the peers 1 to 3, and now and then one that was never introduced.
fn peers(bits: u8) -> Vec<u32> {
    (1..=4).filter(|peer| bits >> (peer + 2) & 1 == 1).collect()
}

proptest! {
    #[test]
    fn whatever_happens_everything_ends_exactly_once(
        nthreads in 1..4u32,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(nthreads);
        for step in steps {
            world.step(step);
        }
        world.heal();
        prop_assert!(
            world.open.is_empty(),
            "never ended: {:?}\n{}", world.open, world.bench.machine.story().lines(None).join("\n")
        );
        let stats = world.bench.machine.stats();
        prop_assert_eq!(world.bench.machine.roster.slots.in_use(), (0, 0), "{:?}", stats);
    }

    #[test]
    fn the_same_life_twice_is_the_same(steps in prop::collection::vec(step(), 0..60)) {
        let live = || {
            let mut world = World::new(2);
            steps.iter().cloned().for_each(|step| world.step(step));
            world.bench.machine.story().lines(None)
        };
        prop_assert_eq!(live(), live());
    }
}
