//! What is said in runs is what was said.
use crate::client::{Batch, Outbox, Token};
use longshore_proto::client::Key;
use longshore_proto::{ClientToScheduler, FunctionIndex, Payload, SessionId, Submit, SubmitOptions, TaskId};
use proptest::prelude::*;

#[derive(Clone, PartialEq, Debug)]
struct T(TaskId);

impl Token for T {
    fn id(&self) -> TaskId {
        self.0
    }
}

const SESSION: SessionId = SessionId(1);

fn own(seq: u64) -> TaskId {
    TaskId { origin: SESSION.0, seq }
}

/// One thing that a user does.
#[derive(Clone, Debug)]
enum Step {
    /// Submits a call of one of two functions, with arguments of this length, on the call so many before.
    Submit { function: u32, args_len: usize, on: Option<u64>, want: bool, priority: i32, key: bool },
    /// Lets go of a call, counted from the first.
    Drop(u64),
    /// Says something else.
    Detach,
    /// Takes a number and does not use it.
    Skip,
}

fn step() -> impl Strategy<Value = Step> {
    let args = prop_oneof![8 => 0usize..30, 1 => Just(5000)];
    let submit = (0u32..2, args, proptest::option::of(0u64..4), prop::bool::weighted(0.9), 0i32..2);
    let submit =
        (submit, prop::bool::weighted(0.05)).prop_map(|((function, args_len, on, want, priority), key)| {
            Step::Submit {
                function: u32::from(function == 1 && priority == 1),
                args_len,
                on,
                want,
                priority,
                key,
            }
        });
    prop_oneof![12 => submit, 4 => (0u64..60).prop_map(Step::Drop), 1 => Just(Step::Detach), 1 => Just(Step::Skip)]
}

/// The call that a step describes.
fn call(seq: u64, step: &Step) -> Option<Submit> {
    let Step::Submit { function, args_len, on, want, priority, key } = *step else { return None };
    let key = key.then(|| Key { text: String::new(), call_hash: seq });
    let id = if key.is_some() { TaskId { origin: 99, seq } } else { own(seq) };
    let options = key.is_some().then(|| Box::new(SubmitOptions { key, ..SubmitOptions::default() }));
    let inputs = on.map(|back| own(seq.saturating_sub(back + 1))).into_iter().collect();
    let args = Payload::from(vec![seq as u8; args_len]);
    Some(Submit { id, function: FunctionIndex(function), args, inputs, want, priority, options })
}

/// The same said one by one.
fn one_by_one(messages: Vec<ClientToScheduler>) -> Vec<ClientToScheduler> {
    let release = |id| ClientToScheduler::Release { ids: vec![id] };
    let single = |message| match message {
        ClientToScheduler::SubmitRun(run) => {
            run.submits().map(|submit| ClientToScheduler::Submit(submit.unwrap())).collect()
        }
        ClientToScheduler::ReleaseRun { first, len } => {
            (first.seq..).take(len as usize).map(|seq| release(TaskId { seq, ..first })).collect()
        }
        ClientToScheduler::Release { ids } => ids.into_iter().map(release).collect(),
        other => vec![other],
    };
    messages.into_iter().flat_map(single).collect()
}

/// Says it all, and gives what was to be said and what was.
fn said(steps: &[Step]) -> (Vec<ClientToScheduler>, Vec<ClientToScheduler>) {
    let (mut outbox, mut expected, mut held) = (Outbox::new(SESSION, 1 << 30), Vec::new(), Vec::new());
    for (seq, step) in (0..).zip(steps) {
        if let Some(call) = call(seq, step) {
            let token = call.want.then_some(T(call.id));
            held.extend(token.clone().map(|token| (seq, token)));
            expected.push(ClientToScheduler::Submit(call.clone()));
            outbox.submit(call, token).unwrap();
        }
        match step {
            Step::Drop(number) if !held.is_empty() => {
                let (_, token) = held.remove(*number as usize % held.len());
                expected.push(ClientToScheduler::Release { ids: vec![token.0] });
                outbox.dropped(token, false);
            }
            Step::Detach => {
                let message = ClientToScheduler::Detach { ids: vec![own(seq)] };
                expected.push(message.clone());
                outbox.tell(message);
            }
            _ => {}
        }
    }
    let mut batch = Batch::default();
    outbox.take(&mut batch);
    (expected, one_by_one(batch.messages))
}

fn is_own_release(message: &ClientToScheduler) -> bool {
    matches!(message, ClientToScheduler::Release { ids } if ids[0].origin == SESSION.0)
}

#[test]
fn a_map_is_one_message_and_so_is_a_chain() {
    let submit =
        |on, priority| Step::Submit { function: 0, args_len: 2, on, want: true, priority, key: false };
    let mut outbox = Outbox::new(SESSION, 1 << 30);
    let mut batch = Batch::default();
    for (on, priorities) in [(None, false), (None, true), (Some(0), false)] {
        for seq in 0..1000 {
            let priority = if priorities { (seq % 5) as i32 } else { 0 };
            let call = call(seq, &submit(on, priority)).unwrap();
            let token = T(call.id);
            outbox.submit(call, Some(token)).unwrap();
            if on.is_some() && seq > 0 {
                outbox.dropped(T(own(seq - 1)), false);
            }
        }
        outbox.take(&mut batch);
        let expected = if on.is_none() { 1 } else { 2 };
        assert_eq!(batch.messages.len(), expected);
        batch.clear();
    }
}

proptest! {
    /// All that is said comes, in order; only a release of a task of one's own may come later, after calls.
    #[test]
    fn runs_say_what_was_said(steps in prop::collection::vec(step(), 0..80)) {
        let (expected, found) = said(&steps);
        let others = |said: &[ClientToScheduler]| -> Vec<_> {
            said.iter().filter(|message| !is_own_release(message)).cloned().collect()
        };
        prop_assert_eq!(others(&expected), others(&found));
        // Of each release: the calls, and the other messages, that were said before it.
        let places = |said: &[ClientToScheduler]| -> Vec<_> {
            let (mut calls, mut barriers, mut places) = (0, 0, Vec::new());
            for message in said {
                match message {
                    ClientToScheduler::Submit(_) => calls += 1,
                    ClientToScheduler::Release { ids } if is_own_release(message) => places.push((ids[0], calls, barriers)),
                    _ => barriers += 1,
                }
            }
            places.sort();
            places
        };
        let (expected, found) = (places(&expected), places(&found));
        prop_assert_eq!(expected.len(), found.len());
        for (said, came) in expected.iter().zip(&found) {
            prop_assert_eq!((said.0, said.2), (came.0, came.2));
            prop_assert!(said.1 <= came.1);
        }
    }
}
