//! Calls that were submitted one after the other, in one message.
//!
//! ```text
//! call:   [priority]  inputs  { 0 origin seq | distance }*  bytes of arguments  arguments
//! ```
//! A map, a loop, or the levels of a tree submit the same function with the same options again and again. Said one by one,
//! each call names its task, function and options, and an input takes more bytes than most arguments. In a run the ids follow
//! one another, and an input of the same session is named by how far back it was submitted. Each call has a priority of its
//! own only where the first two calls differ in it. All numbers are varints.
//! Deliberately absent: large arguments, which would be copied once more, and values of this process.
use crate::{FunctionIndex, Payload, Submit, SubmitOptions, TaskId};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// Calls in one run.
pub const RUN_LEN_MAX: u32 = 4096;
/// A run is closed once its calls take so many bytes.
const RUN_BYTES: usize = 64 * 1024;
/// What it takes room for at first.
const FIRST_BYTES: usize = 256;
/// Arguments beyond this travel in a message of their own.
const ARG_BYTES_MAX: usize = 1024;
/// Inputs beyond this do.
const INPUTS_LEN_MAX: usize = 256;

/// Calls of one function with the same options, whose ids follow one another.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct SubmitRun {
    /// The first call's task.
    pub first: TaskId,
    /// The client's number for the function.
    pub function: FunctionIndex,
    /// Whether the client wants the values.
    pub want: bool,
    /// Whatever else is not at its default, for each of them.
    pub options: Option<Box<SubmitOptions>>,
    /// The priority of all of them; `None` if each has its own.
    priority: Option<i32>,
    len: u32,
    calls: Packed,
}

/// One call of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunCall {
    /// Name of the task.
    pub id: TaskId,
    /// Higher runs first.
    pub priority: i32,
    /// Encoded arguments.
    pub args: Payload,
    /// Tasks whose values go into their places.
    pub inputs: Vec<TaskId>,
}

/// What a peer sent is no run of calls.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a run of calls is malformed")]
pub struct MalformedRun;

/// Text in the options that calls of a run share, in bytes.
const OPTIONS_BYTES_MAX: usize = 1024;

fn may_share(options: &SubmitOptions) -> bool {
    let names = options.workers.iter().chain(&options.runtime).map(String::len);
    let resources = options.resources.iter().map(|(name, _)| name.len() + size_of::<f64>());
    options.key.is_none() && names.chain(resources).sum::<usize>() <= OPTIONS_BYTES_MAX
}

impl SubmitRun {
    /// A run of two calls; `None` if the second cannot follow the first in one.
    #[must_use]
    pub fn of_two(first: &Submit, second: &Submit) -> Option<Self> {
        let Submit { id, function, want, .. } = *first;
        let is_shareable = first.options.as_deref().is_none_or(may_share);
        let is_next = id.seq.checked_add(1) == Some(second.id.seq) && id.origin == second.id.origin;
        let is_same = (function, want) == (second.function, second.want) && first.options == second.options;
        if !is_shareable || !is_next || !is_same || !is_short(first) || !is_short(second) {
            return None;
        }
        let (options, calls) = (first.options.clone(), Packed(Vec::with_capacity(FIRST_BYTES)));
        let priority = (first.priority == second.priority).then_some(first.priority);
        let mut run = SubmitRun { first: id, function, want, options, priority, len: 0, calls };
        run.add(first);
        run.add(second);
        Some(run)
    }

    /// Whether its options are such as calls of a run may share: no key, and little text, since each call has a copy.
    #[must_use]
    pub fn has_shareable_options(&self) -> bool {
        self.options.as_deref().is_none_or(may_share)
    }

    /// Adds the call if it can follow the others. Whether it did.
    #[must_use]
    pub fn join(&mut self, submit: &Submit) -> bool {
        let joins = self.first.seq.checked_add(u64::from(self.len)) == Some(submit.id.seq)
            && submit.id.origin == self.first.origin
            && (submit.function, submit.want) == (self.function, self.want)
            && submit.options == self.options
            && self.priority.is_none_or(|priority| priority == submit.priority)
            && is_short(submit)
            && self.len < RUN_LEN_MAX
            && self.calls.0.len() < RUN_BYTES;
        if joins {
            self.add(submit);
        }
        joins
    }

    /// How many calls it claims to have.
    #[must_use]
    pub fn claimed_len(&self) -> u32 {
        self.len
    }

    /// Each call as it would have been said alone, in order. Nothing comes after an error.
    pub fn submits(&self) -> impl Iterator<Item = Result<Submit, MalformedRun>> {
        let SubmitRun { function, want, options, .. } = self;
        self.calls().map(|call| {
            let RunCall { id, priority, args, inputs } = call?;
            let (function, want, options) = (*function, *want, options.clone());
            Ok(Submit { id, function, args, inputs, want, priority, options })
        })
    }

    /// The calls, in order. Nothing comes after an error.
    #[must_use]
    pub fn calls(&self) -> RunCalls<'_> {
        let is_too_long = self.len > RUN_LEN_MAX;
        RunCalls {
            next: self.first,
            left: self.len,
            priority: self.priority,
            bytes: &self.calls.0,
            is_broken: is_too_long,
            is_told: false,
        }
    }

    fn add(&mut self, submit: &Submit) {
        let out = &mut self.calls.0;
        if self.priority.is_none() {
            put_varint(zigzag(submit.priority), out);
        }
        put_varint(submit.inputs.len() as u64, out);
        for input in &submit.inputs {
            let distance = submit.id.seq.checked_sub(input.seq).filter(|_| input.origin == submit.id.origin);
            put_varint(distance.unwrap_or(0), out);
            if distance.unwrap_or(0) == 0 {
                put_varint(input.origin, out);
                put_varint(input.seq, out);
            }
        }
        let args = submit.args.as_bytes().unwrap_or_default();
        put_varint(args.len() as u64, out);
        out.extend_from_slice(args);
        self.len += 1;
    }
}

/// Whether a call is worth putting among others.
fn is_short(submit: &Submit) -> bool {
    submit.inputs.len() <= INPUTS_LEN_MAX
        && submit.args.as_bytes().is_some_and(|args| args.len() <= ARG_BYTES_MAX)
}

/// The calls of a run. From [`SubmitRun::calls`].
#[derive(Clone, Debug)]
pub struct RunCalls<'a> {
    next: TaskId,
    left: u32,
    /// Of all calls, unless each says its own.
    priority: Option<i32>,
    bytes: &'a [u8],
    is_broken: bool,
    /// Of what is broken.
    is_told: bool,
}

impl RunCalls<'_> {
    fn call(&mut self) -> Option<RunCall> {
        let id = self.next;
        let priority = match self.priority {
            Some(priority) => priority,
            None => unzigzag(self.varint()?)?,
        };
        let inputs_len = usize::try_from(self.varint()?).ok().filter(|len| *len <= INPUTS_LEN_MAX)?;
        let inputs = (0..inputs_len).map(|_| self.input(id)).collect::<Option<Vec<_>>>()?;
        let len = usize::try_from(self.varint()?).ok()?;
        let (args, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        self.left -= 1;
        match id.seq.checked_add(1) {
            Some(seq) => self.next.seq = seq,
            None if self.left == 0 => {}
            None => return None,
        }
        Some(RunCall { id, priority, args: Payload::copy_from(args), inputs })
    }

    fn input(&mut self, of: TaskId) -> Option<TaskId> {
        match self.varint()? {
            0 => Some(TaskId { origin: self.varint()?, seq: self.varint()? }),
            distance => Some(TaskId { seq: of.seq.checked_sub(distance)?, ..of }),
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            n |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }
}

impl Iterator for RunCalls<'_> {
    type Item = Result<RunCall, MalformedRun>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.is_broken && self.left > 0 {
            match self.call() {
                Some(call) => return Some(Ok(call)),
                None => self.is_broken = true,
            }
        }
        let is_over = !self.is_broken && self.bytes.is_empty();
        (!is_over && !std::mem::replace(&mut self.is_told, true)).then_some(Err(MalformedRun))
    }
}

/// A number near zero as a small one, whatever its sign.
fn zigzag(n: i32) -> u64 {
    u64::from(((n << 1) ^ (n >> 31)).cast_unsigned())
}

/// The number that [`zigzag`] made this of, if it is one.
fn unzigzag(n: u64) -> Option<i32> {
    let n = u32::try_from(n).ok()?;
    Some((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
}

fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    #[allow(clippy::cast_possible_truncation)] // the low seven bits
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // less than 0x80
    out.push(n as u8);
}

/// Bytes that travel as they are.
#[derive(Clone, PartialEq, Eq, Default)]
struct Packed(Vec<u8>);

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0.len())
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Packed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Packed, E> {
                Ok(Packed(v.to_vec()))
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(seq: u64, args: &[u8], inputs: Vec<TaskId>) -> Submit {
        let id = TaskId { origin: 7, seq };
        Submit {
            id,
            function: FunctionIndex(3),
            args: Payload::copy_from(args),
            inputs,
            want: true,
            priority: 0,
            options: None,
        }
    }

    fn run_of(calls: &[Submit]) -> SubmitRun {
        let mut run = SubmitRun::of_two(&calls[0], &calls[1]).expect("two that follow each other");
        assert!(calls[2..].iter().all(|call| run.join(call)), "one does not follow");
        let bytes = postcard::to_stdvec(&run).unwrap();
        postcard::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn a_call_of_a_map_takes_few_bytes() {
        let calls: Vec<_> = (0..1000).map(|seq| call(seq, &[1, 2], Vec::new())).collect();
        assert!(postcard::to_stdvec(&run_of(&calls)).unwrap().len() < 4 * calls.len() + 40);
    }

    #[test]
    fn calls_that_differ_in_priority_alone_are_one_run() {
        let with = |seq, priority| Submit { priority, ..call(seq, &[], Vec::new()) };
        let priorities = [0, 3, -2, i32::MIN, i32::MAX, 0, -1];
        let calls: Vec<_> = (0..).zip(priorities).map(|(seq, priority)| with(seq, priority)).collect();
        let found: Vec<_> = run_of(&calls).submits().map(Result::unwrap).collect();
        assert_eq!(found, calls);
        let alike: Vec<_> = (0..3).map(|seq| with(seq, 7)).collect();
        let mut run = run_of(&alike);
        assert!(!run.join(&with(3, 8)), "a run of one priority stays so");
        assert!(run.submits().all(|call| call.unwrap().priority == 7));
    }

    #[test]
    fn what_does_not_follow_is_not_joined() {
        let first = call(5, &[1], Vec::new());
        let with = |change: fn(&mut Submit)| {
            let mut second = call(6, &[1], Vec::new());
            change(&mut second);
            let mut run = run_of(&[call(4, &[1], Vec::new()), first.clone()]);
            (SubmitRun::of_two(&first, &second).is_some(), run.join(&second))
        };
        assert_eq!(with(|_| {}), (true, true));
        let changes: [fn(&mut Submit); 6] = [
            |s| s.id.seq = 7,
            |s| s.id.origin = 8,
            |s| s.function = FunctionIndex(4),
            |s| s.want = false,
            |s| s.options = Some(Box::default()),
            |s| s.args = Payload::from(vec![0; ARG_BYTES_MAX + 1]),
        ];
        changes.into_iter().for_each(|change| assert_eq!(with(change), (false, false)));
        let last = call(u64::MAX, &[], Vec::new());
        assert!(SubmitRun::of_two(&last, &call(0, &[], Vec::new())).is_none());
    }

    #[test]
    fn a_run_is_bounded() {
        let mut run = run_of(&[call(0, &[], Vec::new()), call(1, &[], Vec::new())]);
        assert_eq!((2..).take_while(|seq| run.join(&call(*seq, &[], Vec::new()))).count(), 4094);
        let mut run = run_of(&[call(0, &[1; 1000], Vec::new()), call(1, &[1; 1000], Vec::new())]);
        assert!((2..).take_while(|seq| run.join(&call(*seq, &[1; 1000], Vec::new()))).count() < 70);
        run.len = RUN_LEN_MAX + 1;
        assert_eq!(run.calls().collect::<Vec<_>>(), [Err(MalformedRun)]);
    }

    proptest! {
        #[test]
        fn a_run_is_its_calls(
            first in prop_oneof![0u64..1000, Just(u64::MAX - 40)],
            calls in prop::collection::vec(
                (
                    prop::collection::vec(any::<u8>(), 0..40),
                    prop::collection::vec((5u64..8, any::<u64>(), any::<bool>()), 0..3),
                    any::<i32>(),
                ),
                2..40,
            ),
        ) {
            let is_mixed = calls[0].2 != calls[1].2;
            let calls: Vec<_> = (first..).zip(calls).map(|(seq, (args, inputs, priority))| {
                let input = |(origin, other, near): (u64, u64, bool)| TaskId {
                    origin,
                    seq: if near { seq.saturating_sub(other % 50) } else { other },
                };
                let priority = if is_mixed { priority } else { 0 };
                Submit { priority, ..call(seq, &args, inputs.into_iter().map(input).collect()) }
            }).collect();
            let found: Vec<_> = run_of(&calls).calls().map(Result::unwrap).collect();
            let expected: Vec<_> = calls
                .into_iter()
                .map(|Submit { id, priority, args, inputs, .. }| RunCall { id, priority, args, inputs })
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn hostile_runs_end(
            seq in any::<u64>(),
            len in any::<u32>(),
            priority in prop::option::of(0i32..2),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let first = TaskId { origin: 1, seq };
            let (function, options, calls) = (FunctionIndex(0), None, Packed(bytes));
            let run = SubmitRun { first, function, want: true, options, priority, len, calls };
            prop_assert!(run.calls().count() <= 301);
            prop_assert!(run.calls().filter(Result::is_err).count() <= 1);
        }
    }
}
