//! What user threads have said and the driver has not yet sent.
//!
//! The half of the session that callers touch, under one short lock: they number functions, count the futures of a key,
//! and append messages in the order in which they must reach the scheduler. The driver takes everything at once.
//!
//! ```text
//! submit ─┐
//! release ├─▶ messages, in order ─▶ take() ─▶ link
//! cancel ─┘   tokens of new and dropped futures, events ─▶ Machine
//! ```
//!
//! Submissions and releases share one order, so a key that is released and submitted again is two lives, never a release
//! that overtakes. What the scheduler still says about the first life is told from the second by a fence: a question whose
//! answer divides the two. Deliberately absent: the lock, and any idea of when the driver runs.
use super::event::{Event, Token};
use super::gate::{Gate, Gates};
use super::runs;
use foldhash::fast::FixedState;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use longshore_proto::query::Query;
use longshore_proto::{
    ClientToScheduler, FunctionId, FunctionIndex, FunctionSpec, SessionId, Submit, TaskId,
};

/// Ids of keys that were given up, kept to know when a fence is needed.
const PAST_LEN_MAX: usize = 4096;
/// Numbers of fences begin here, numbers of the driver's questions below.
pub const FENCE_MIN: u32 = 1 << 31;
/// What a message takes besides its payload, roughly.
const MESSAGE_BYTES: usize = 48;

/// Why a submission was not taken.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedSubmit {
    /// More is waiting to be sent than may wait.
    #[error(
        "{waiting} bytes wait to be sent, and at most {max} may; wait for `ready()` before submitting more"
    )]
    Overloaded {
        /// Bytes that wait.
        waiting: usize,
        /// Bytes that may wait.
        max: usize,
    },
    /// The key belongs to another call of this client.
    #[error("the key is in use for another call")]
    KeyConflict,
}

/// A call that was not sent.
#[derive(Debug)]
pub struct Unsent<D> {
    /// The call.
    pub submit: Submit,
    /// The future that cannot have it, and why; `None` if it shares what another future of the same call gets.
    pub refused: Option<(D, RefusedSubmit)>,
}

/// Messages and news of futures, in order.
#[derive(Debug)]
pub struct Outbox<D> {
    session: SessionId,
    bytes_max: usize,
    /// Waiting here, behind no gate, and in the link as last heard from the driver.
    bytes: usize,
    backlog_bytes: usize,
    gates: Gates,
    functions: HashMap<FunctionId, FunctionIndex, FixedState>,
    /// Tasks whose id is a hash, that futures of this client want.
    keyed: HashMap<TaskId, Keyed, FixedState>,
    /// Such tasks that were given up: the scheduler may not know yet.
    past: HashSet<TaskId, FixedState>,
    /// Those of them that it knows of once the fence on its way is answered.
    older_past: HashSet<TaskId, FixedState>,
    fences: u32,
    batch: Batch<D>,
}

#[derive(Debug)]
struct Keyed {
    call_hash: u64,
    futures: u32,
}

/// Everything that was said since the last [`take`](Outbox::take).
#[derive(Debug)]
pub struct Batch<D> {
    /// For the scheduler.
    pub messages: Vec<ClientToScheduler>,
    /// Futures that came and went, in order. To be handled before `events`.
    pub news: Vec<News<D>>,
    /// Whatever else the machine must know.
    pub events: Vec<Event<D>>,
}

/// A future came or went. An [`Event`] in few bytes, since there are as many as futures.
#[derive(Debug)]
pub enum News<D> {
    /// [`Event::Wanted`].
    Wanted(D),
    /// [`Event::Shared`].
    Shared(D),
    /// [`Event::Dropped`].
    Dropped(D),
}

impl<D> From<News<D>> for Event<D> {
    fn from(news: News<D>) -> Self {
        match news {
            News::Wanted(token) => Event::Wanted(token),
            News::Shared(token) => Event::Shared(token),
            News::Dropped(token) => Event::Dropped(token),
        }
    }
}

impl<D> Default for Batch<D> {
    fn default() -> Self {
        Batch { messages: Vec::new(), news: Vec::new(), events: Vec::new() }
    }
}

impl<D> Batch<D> {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.news.is_empty() && self.events.is_empty()
    }

    /// Forgets everything, keeps the memory for the next batch unless it is a lot.
    pub fn clear(&mut self) {
        const KEEP_LEN: usize = 4096;
        self.messages.clear();
        self.news.clear();
        self.events.clear();
        self.messages.shrink_to(KEEP_LEN);
        self.news.shrink_to(KEEP_LEN);
    }
}

impl<D: Token> Outbox<D> {
    /// An outbox that takes submissions until `bytes_max` bytes wait.
    #[must_use]
    pub fn new(session: SessionId, bytes_max: usize) -> Self {
        Outbox {
            session,
            bytes_max,
            bytes: 0,
            backlog_bytes: 0,
            gates: Gates::default(),
            functions: HashMap::default(),
            keyed: HashMap::default(),
            past: HashSet::default(),
            older_past: HashSet::default(),
            fences: 0,
            batch: Batch::default(),
        }
    }

    /// Whether a submission would be taken now.
    ///
    /// # Errors
    /// [`RefusedSubmit::Overloaded`] when it would not.
    pub fn room(&self) -> Result<(), RefusedSubmit> {
        let waiting = self.bytes + self.backlog_bytes + self.gates.bytes();
        if waiting < self.bytes_max {
            return Ok(());
        }
        Err(RefusedSubmit::Overloaded { waiting, max: self.bytes_max })
    }

    /// Whether there is room for what comes before all closed gates.
    #[must_use]
    pub fn has_room_ahead(&self) -> bool {
        self.bytes + self.backlog_bytes < self.bytes_max
    }

    /// Holds up what is said from now on until the gate is opened. [`Event`]s and news of futures are not held up.
    pub fn close_gate(&mut self) -> Gate {
        self.gates.close()
    }

    /// Lets what is behind the gate go, once all gates before it are open.
    pub fn open_gate(&mut self, gate: Gate) {
        self.bytes += self.gates.open(gate, &mut self.batch.messages);
    }

    /// Holds nothing up any more.
    pub fn open_all_gates(&mut self) {
        self.gates.all().into_iter().for_each(|gate| self.open_gate(gate));
    }

    /// Whether everything before this closed gate may go.
    #[must_use]
    pub fn is_first_gate(&self, gate: Gate) -> bool {
        self.gates.is_first(gate)
    }

    /// A message that comes before all closed gates.
    pub fn tell_ahead(&mut self, message: ClientToScheduler) {
        self.bytes += bytes_of(&message);
        self.batch.messages.push(message);
    }

    /// A message in its order.
    fn push(&mut self, message: ClientToScheduler) {
        let bytes = bytes_of(&message);
        self.count(bytes);
        self.messages().push(message);
    }

    fn messages(&mut self) -> &mut Vec<ClientToScheduler> {
        self.gates.behind().unwrap_or(&mut self.batch.messages)
    }

    fn count(&mut self, bytes: usize) {
        if !self.gates.count(bytes) {
            self.bytes += bytes;
        }
    }

    /// The driver says how much the link still holds.
    pub fn set_backlog(&mut self, bytes: usize) {
        self.backlog_bytes = bytes;
    }

    /// The client's number of a function; introduces it the first time, before all closed gates.
    pub fn function(&mut self, id: FunctionId, spec: impl FnOnce() -> FunctionSpec) -> FunctionIndex {
        #[allow(clippy::cast_possible_truncation)] // a binary has fewer functions than that
        let next = FunctionIndex(self.functions.len() as u32);
        match self.functions.entry(id) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let index = *new.insert(next);
                self.batch.messages.push(ClientToScheduler::Function { index, spec: spec() });
                index
            }
        }
    }

    /// A call, and the future that wants it. A key that a future of this client has already is not sent again: the new
    /// future shares what the older one gets.
    ///
    /// What is not sent is given back, to be dropped where no lock is held: arguments may be anything.
    ///
    /// # Errors
    /// The call is not sent.
    pub fn submit(&mut self, submit: Submit, token: Option<D>) -> Result<(), Box<Unsent<D>>> {
        let key = submit.options.as_ref().and_then(|o| o.key.as_ref());
        let key = key.map(|key| key.call_hash);
        match token.map(|token| self.announce(submit.id, key, token)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return Err(Box::new(Unsent { submit, refused: None })),
            Some(Err(refused)) => return Err(Box::new(Unsent { submit, refused: Some(refused) })),
        }
        self.count(bytes_of_call(&submit));
        runs::submit(self.messages(), submit);
        Ok(())
    }

    /// A call whose future was announced, before all closed gates.
    pub fn submit_ahead(&mut self, submit: Submit) {
        self.bytes += bytes_of_call(&submit);
        runs::submit(&mut self.batch.messages, submit);
    }

    /// A future of a call that is sent right after this, or later, before a gate that is closed now. Whether the call is to
    /// be sent: it is not if another future of this client has its key.
    ///
    /// # Errors
    /// The future cannot have the key.
    pub fn announce(
        &mut self,
        id: TaskId,
        call_hash: Option<u64>,
        token: D,
    ) -> Result<bool, (D, RefusedSubmit)> {
        match call_hash.map_or(Ok(true), |hash| self.claim(id, hash)) {
            Ok(true) => self.want(token),
            Ok(false) => {
                self.share(token);
                return Ok(false);
            }
            Err(why) => return Err((token, why)),
        }
        Ok(true)
    }

    /// What a key of this client stands for, if `id` is one.
    #[must_use]
    pub fn call_hash(&self, id: TaskId) -> Option<u64> {
        self.keyed.get(&id).map(|keyed| keyed.call_hash)
    }

    /// One more future wants a task whose id is a hash. Whether it is the first, so that the task must be announced.
    ///
    /// # Errors
    /// The key belongs to another call.
    pub fn claim(&mut self, id: TaskId, call_hash: u64) -> Result<bool, RefusedSubmit> {
        let keyed = self.keyed.entry(id).or_insert(Keyed { call_hash, futures: 0 });
        if keyed.call_hash != call_hash {
            return Err(RefusedSubmit::KeyConflict);
        }
        keyed.futures += 1;
        let first = keyed.futures == 1;
        if first && (self.past.contains(&id) || self.older_past.contains(&id)) {
            self.fence(Some(id));
        }
        Ok(first)
    }

    /// Asks the scheduler something whose answer divides what it said before it knew of the latest releases from the rest.
    fn fence(&mut self, id: Option<TaskId>) {
        let request = FENCE_MIN | self.fences;
        self.fences = self.fences.wrapping_add(1) & !FENCE_MIN;
        self.tell(ClientToScheduler::Query { request, query: Query::Flush });
        self.batch.events.push(Event::Fence { request, id });
    }

    /// The scheduler knows of the older part of the releases.
    pub fn past_is_known(&mut self) {
        self.older_past.clear();
    }

    /// The future of a task that [`tell`](Self::tell) announces, such as a scattered value.
    pub fn want(&mut self, token: D) {
        self.batch.news.push(News::Wanted(token));
    }

    /// One more future of a task that was [claimed](Self::claim) before.
    pub fn share(&mut self, token: D) {
        self.batch.news.push(News::Shared(token));
    }

    /// A future's last handle is gone. `released`: its task was given up before, by [`cancel`](Self::cancel).
    pub fn dropped(&mut self, token: D, released: bool) {
        let id = token.id();
        if !released && self.give_up(id) {
            self.release(id);
        }
        self.batch.news.push(News::Dropped(token));
        if self.past.len() >= PAST_LEN_MAX && self.older_past.is_empty() {
            std::mem::swap(&mut self.past, &mut self.older_past);
            self.fence(None);
        }
    }

    /// One future less wants `id`; whether none is left.
    fn give_up(&mut self, id: TaskId) -> bool {
        if id.origin == self.session.0 {
            return true;
        }
        match self.keyed.entry(id) {
            Entry::Occupied(mut keyed) if keyed.get().futures > 1 => {
                keyed.get_mut().futures -= 1;
                false
            }
            Entry::Occupied(keyed) => {
                keyed.remove();
                self.past.insert(id);
                true
            }
            Entry::Vacant(_) => true,
        }
    }

    fn release(&mut self, id: TaskId) {
        self.count(size_of::<TaskId>());
        let is_own = id.origin == self.session.0;
        runs::release(self.messages(), id, is_own);
    }

    /// Stops tasks. Their futures are settled by the caller, and this client wants the tasks no longer.
    pub fn cancel(&mut self, ids: Vec<TaskId>, force: bool) {
        let given_up: Vec<TaskId> = ids.iter().copied().filter(|id| self.give_up(*id)).collect();
        self.tell(ClientToScheduler::Cancel { ids, force });
        given_up.into_iter().for_each(|id| self.release(id));
    }

    /// Any other message.
    pub fn tell(&mut self, message: ClientToScheduler) {
        self.push(message);
    }

    /// Something for the machine.
    pub fn event(&mut self, event: Event<D>) {
        self.batch.events.push(event);
    }

    /// Whether there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Everything that was said, in exchange for an empty batch whose memory is used again.
    pub fn take(&mut self, batch: &mut Batch<D>) {
        debug_assert!(batch.is_empty(), "a batch was not handled before the next was taken");
        std::mem::swap(&mut self.batch, batch);
        self.bytes = 0;
    }
}

/// What a call takes, roughly.
fn bytes_of_call(call: &Submit) -> usize {
    MESSAGE_BYTES + call.args.nbytes() + 16 * call.inputs.len()
}

/// What any other message takes, roughly.
fn bytes_of(message: &ClientToScheduler) -> usize {
    MESSAGE_BYTES
        + match message {
            ClientToScheduler::Scatter(s) => s.value.as_ref().map_or(0, |v| v.nbytes()),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_proto::client::Key;
    use longshore_proto::{Payload, SubmitOptions};

    #[derive(Clone, PartialEq, Debug)]
    struct T(TaskId, u8);
    impl Token for T {
        fn id(&self) -> TaskId {
            self.0
        }
    }

    const OWN: TaskId = TaskId { origin: 1, seq: 0 };
    const KEYED: TaskId = TaskId { origin: 99, seq: 5 };

    fn outbox() -> Outbox<T> {
        Outbox::new(SessionId(1), 1000)
    }

    fn call(id: TaskId, call_hash: Option<u64>) -> Submit {
        let key = call_hash.map(|call_hash| Key { text: "k".into(), call_hash });
        let options = key.map(|key| Box::new(SubmitOptions { key: Some(key), ..SubmitOptions::default() }));
        let function = FunctionIndex(0);
        Submit { id, function, args: Payload::empty(), inputs: vec![], want: true, priority: 0, options }
    }

    fn taken(o: &mut Outbox<T>) -> Batch<T> {
        let mut b = Batch::default();
        o.take(&mut b);
        b
    }

    #[test]
    fn a_function_is_introduced_once_and_before_its_first_call() {
        let mut o = outbox();
        let spec = || FunctionSpec { id: FunctionId(7), name: "f".into(), signature: 1 };
        assert_eq!(o.function(FunctionId(7), spec), FunctionIndex(0));
        assert_eq!(o.function(FunctionId(7), spec), FunctionIndex(0));
        assert_eq!(
            o.function(FunctionId(8), || FunctionSpec { id: FunctionId(8), ..spec() }),
            FunctionIndex(1)
        );
        let introduced = taken(&mut o).messages;
        assert!(matches!(
            introduced[..],
            [ClientToScheduler::Function { .. }, ClientToScheduler::Function { .. }]
        ));
    }

    #[test]
    fn releases_gather_and_stay_in_order() {
        let mut o = outbox();
        let other = TaskId { seq: 1, ..OWN };
        o.submit(call(OWN, None), Some(T(OWN, 0))).unwrap();
        o.dropped(T(OWN, 0), false);
        o.dropped(T(other, 0), false);
        o.submit(call(TaskId { seq: 2, ..OWN }, None), None).unwrap();
        let b = taken(&mut o);
        assert!(matches!(b.messages[1], ClientToScheduler::ReleaseRun { first: OWN, len: 2 }));
        assert!(matches!(b.messages[2], ClientToScheduler::Submit(_)));
        assert!(matches!(b.news[..], [News::Wanted(_), News::Dropped(_), News::Dropped(_)]));
        assert!(o.is_empty());
    }

    #[test]
    fn equal_calls_of_one_key_are_sent_once_and_released_once() {
        let mut o = outbox();
        o.submit(call(KEYED, Some(1)), Some(T(KEYED, 0))).unwrap();
        let unsent = o.submit(call(KEYED, Some(1)), Some(T(KEYED, 1))).unwrap_err();
        assert_eq!((unsent.submit.id, unsent.refused), (KEYED, None));
        let unsent = o.submit(call(KEYED, Some(2)), Some(T(KEYED, 2))).unwrap_err();
        assert_eq!(unsent.refused, Some((T(KEYED, 2), RefusedSubmit::KeyConflict)));
        o.dropped(T(KEYED, 0), false);
        let b = taken(&mut o);
        assert_eq!(b.messages.len(), 1);
        assert!(matches!(b.news[..], [News::Wanted(_), News::Shared(_), News::Dropped(_)]));
        o.dropped(T(KEYED, 1), false);
        o.submit(call(KEYED, Some(2)), Some(T(KEYED, 3))).unwrap();
        let b = taken(&mut o);
        assert_eq!(kinds(&b), "release query submit");
    }

    #[test]
    fn a_cancelled_key_may_be_submitted_again_at_once() {
        let mut o = outbox();
        o.submit(call(KEYED, Some(1)), Some(T(KEYED, 0))).unwrap();
        o.cancel(vec![KEYED], false);
        o.submit(call(KEYED, Some(1)), Some(T(KEYED, 1))).unwrap();
        o.dropped(T(KEYED, 0), true);
        let b = taken(&mut o);
        assert_eq!(kinds(&b), "submit cancel release query submit");
        assert!(matches!(b.events[..], [Event::Fence { request: FENCE_MIN, id: Some(KEYED) }]));
    }

    #[test]
    fn a_fence_is_set_only_where_a_key_begins_a_second_life() {
        let mut o = outbox();
        let other = TaskId { origin: 98, seq: 5 };
        o.submit(call(KEYED, Some(1)), Some(T(KEYED, 0))).unwrap();
        o.dropped(T(KEYED, 0), false);
        o.submit(call(other, Some(1)), Some(T(other, 0))).unwrap();
        o.submit(call(OWN, None), Some(T(OWN, 0))).unwrap();
        assert_eq!(kinds(&taken(&mut o)), "submit release submit submit");
        assert_eq!(o.claim(KEYED, 9), Ok(true));
        assert_eq!(kinds(&taken(&mut o)), "query");
    }

    #[test]
    fn the_past_is_forgotten_once_the_scheduler_knows_it() {
        let mut o = outbox();
        for seq in 0..3 * PAST_LEN_MAX as u64 {
            let id = TaskId { origin: 99, seq };
            o.submit(call(id, Some(1)), Some(T(id, 0))).unwrap();
            o.dropped(T(id, 0), false);
        }
        assert_eq!(o.older_past.len(), PAST_LEN_MAX);
        let b = taken(&mut o);
        assert!(matches!(b.events[..], [Event::Fence { id: None, .. }]), "one fence at a time");
        o.past_is_known();
        assert_eq!((o.older_past.len(), o.past.len()), (0, 2 * PAST_LEN_MAX));
    }

    #[test]
    fn what_is_said_behind_a_gate_waits_for_it_and_keeps_its_order() {
        let mut o = outbox();
        let id = |seq| TaskId { seq, ..OWN };
        o.submit(call(id(0), None), Some(T(id(0), 0))).unwrap();
        let first = o.close_gate();
        o.submit(call(id(1), None), Some(T(id(1), 0))).unwrap();
        o.dropped(T(id(0), 0), false);
        let second = o.close_gate();
        o.dropped(T(id(1), 0), false);
        let spec = FunctionSpec { id: FunctionId(7), name: "f".into(), signature: 1 };
        o.function(FunctionId(7), || spec);
        let b = taken(&mut o);
        assert_eq!((kinds(&b), b.news.len()), ("submit other".into(), 4), "functions and news do not wait");
        o.open_gate(second);
        assert!(o.is_empty() && o.is_first_gate(first) && !o.is_first_gate(second));
        o.tell_ahead(ClientToScheduler::Submit(call(id(2), None)));
        o.open_gate(first);
        o.cancel(vec![], false);
        let b = taken(&mut o);
        assert_eq!(kinds(&b), "submit submit release release cancel");
        assert!(matches!(&b.messages[0], ClientToScheduler::Submit(s) if s.id == id(2)));
    }

    #[test]
    fn what_waits_behind_a_gate_counts_and_leaves_room_ahead_of_it() {
        let mut o = outbox();
        let gate = o.close_gate();
        while o.room().is_ok() {
            o.submit(call(OWN, None), None).unwrap();
        }
        let _ = taken(&mut o);
        assert!(o.room().is_err() && o.has_room_ahead());
        o.open_all_gates();
        assert!(o.room().is_err() && !o.has_room_ahead() && !o.is_first_gate(gate));
        let _ = taken(&mut o);
        assert!(o.room().is_ok() && o.has_room_ahead());
    }

    fn kinds(b: &Batch<T>) -> String {
        let kind = |m: &ClientToScheduler| match m {
            ClientToScheduler::Submit(_) => "submit",
            ClientToScheduler::Release { .. } | ClientToScheduler::ReleaseRun { .. } => "release",
            ClientToScheduler::Cancel { .. } => "cancel",
            ClientToScheduler::Query { .. } => "query",
            _ => "other",
        };
        b.messages.iter().map(kind).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_waits_is_bounded_and_taking_makes_room() {
        let mut o = outbox();
        while o.room().is_ok() {
            o.submit(call(OWN, None), None).unwrap();
        }
        let refused = o.room().unwrap_err();
        assert!(refused.to_string().contains("ready()"), "{refused}");
        o.set_backlog(2000);
        let _ = taken(&mut o);
        assert!(o.room().is_err(), "the link still holds it");
        o.set_backlog(0);
        assert!(o.room().is_ok());
    }
}
