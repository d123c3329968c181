//! A run of calls is the same as its calls.
use super::world::{F, World, call, spec};
use crate::scheduler::Event;
use longshore_proto::limit::RELEASE_LEN_MAX;
use longshore_proto::{ClientToScheduler, FunctionIndex, PeerId, Submit, SubmitOptions, SubmitRun, TaskId};
use proptest::prelude::*;

/// A world with a worker and a client that knows two functions.
fn world() -> (World, PeerId, PeerId) {
    let mut w = World::new();
    let (client, worker) = (w.client(), w.worker(2));
    w.asks(client, ClientToScheduler::Function { index: FunctionIndex(1), spec: spec("g") });
    (w, client, worker)
}

fn run_of(calls: &[Submit]) -> Option<SubmitRun> {
    let mut run = SubmitRun::of_two(&calls[0], &calls[1])?;
    calls[2..].iter().all(|call| run.join(call)).then_some(run)
}

/// A call of number `seq` on those so many before it; some of those were never submitted.
fn call_on(seq: u64, back: &[u64], options: Option<SubmitOptions>, want: bool) -> Submit {
    let mut inputs: Vec<_> = back.iter().map(|back| TaskId { origin: 5, seq: seq - back }).collect();
    inputs.dedup();
    let options = options.map(Box::new);
    Submit { options, ..call(TaskId { origin: 5, seq }, &inputs, want) }
}

proptest! {
    #[test]
    fn a_run_does_what_its_calls_do(
        backs in prop::collection::vec(prop::collection::vec(1u64..9, 0..3), 2..30),
        is_plain: bool,
        priorities in prop::collection::btree_set(-2i32..3, 1..4),
        retries in 0u32..2,
        function in 0u32..2,
        want: bool,
        twice: bool,
        released in (0u64..10, 0u32..10),
    ) {
        let options = SubmitOptions { retries, ..SubmitOptions::default() };
        let options = (!is_plain).then_some(options);
        let function = FunctionIndex(function);
        let calls: Vec<_> = (10..)
            .zip(&backs)
            .zip(priorities.iter().cycle())
            .map(|((seq, back), priority)| {
                Submit { function, priority: *priority, ..call_on(seq, back, options.clone(), want) }
            })
            .collect();
        let run = run_of(&calls).unwrap();
        let ((mut single, c, _), (mut joined, _, _)) = (world(), world());
        let (mut one_by_one, mut in_runs) = (Vec::new(), Vec::new());
        for _ in 0..=u8::from(twice) {
            one_by_one.extend(calls.iter().cloned().map(ClientToScheduler::Submit));
            in_runs.push(ClientToScheduler::SubmitRun(run.clone()));
        }
        let (first, len) = (TaskId { origin: 5, seq: 10 + released.0 }, released.1);
        let ids = (first.seq..).take(len as usize).map(|seq| TaskId { seq, ..first }).collect();
        one_by_one.push(ClientToScheduler::Release { ids });
        in_runs.push(ClientToScheduler::ReleaseRun { first, len });
        let said = [(&mut single, one_by_one), (&mut joined, in_runs)].map(|(w, messages)| turn(w, c, messages));
        prop_assert_eq!(&said[0], &said[1]);
        prop_assert_eq!(single.machine.tasks_len(), joined.machine.tasks_len());
    }
}

/// What the scheduler does in a turn in which it is told all this.
fn turn(w: &mut World, client: PeerId, messages: Vec<ClientToScheduler>) -> String {
    let mut out = Vec::new();
    for message in messages {
        w.machine.handle(w.now, Event::FromClient { peer: client, message }, &mut out);
    }
    w.machine.schedule(w.now, &mut out);
    w.machine.validate();
    format!("{out:?}")
}

#[test]
fn hostile_runs_cost_the_client_its_connection() {
    let unknown = |run: &mut SubmitRun| run.function = FunctionIndex(9);
    let beyond_the_last_id = |run: &mut SubmitRun| run.first.seq = u64::MAX;
    let endless_options = |run: &mut SubmitRun| {
        let options = SubmitOptions { workers: vec!["w".repeat(2_000)], ..SubmitOptions::default() };
        run.options = Some(Box::new(options));
    };
    for change in [unknown, beyond_the_last_id, endless_options] {
        let (mut w, c, _) = world();
        let mut run = run_of(&[call_on(1, &[], None, true), call_on(2, &[], None, true)]).unwrap();
        assert_eq!(run.function, F);
        change(&mut run);
        w.asks(c, ClientToScheduler::SubmitRun(run));
        assert!(!w.clients.contains_key(&c));
    }
    for (seq, len) in [(1, RELEASE_LEN_MAX + 1), (u64::MAX, 2)] {
        let (mut w, c, _) = world();
        w.asks(c, ClientToScheduler::ReleaseRun { first: TaskId { origin: 5, seq }, len });
        assert!(!w.clients.contains_key(&c));
    }
}
