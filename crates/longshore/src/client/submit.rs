//! From a described call to a message in the outbox and a future.
//!
//! All that takes time is done before the lock: arguments are encoded in the caller's thread, and a graph of calls becomes
//! one run of messages, inputs first. Whatever is wrong with a call becomes the failure of its future.
use super::content_hash::ContentHash;
use super::inputs::Inputs;
use super::session::{Bound, Sender, Session, Shared, refused};
use crate::call::{CallBody, CallGraph, CallNode, CallOptions, FunctionHandle, Rerun};
use crate::error::{TaskError, TaskErrorKind};
use crate::function::Function;
use crate::future::{CellRef, FutureRef, TokenRef};
use longshore_core::client::{Event, Unsent};
use longshore_proto::client::{Key, Scatter};
use longshore_proto::limit::INLINE_ARG_BYTES_MAX;
use longshore_proto::{ClientToScheduler, FunctionIndex, Payload, Submit, SubmitOptions, TaskId};
use std::cell::RefCell;
use std::sync::Arc;

/// One call, ready to be sent.
pub(super) struct Prepared {
    pub(super) function: &'static Function,
    pub(super) submit: Submit,
    /// Rarely anything.
    baggage: Option<Box<Baggage>>,
    /// The future that wants it; calls that only other calls want have none.
    pub(super) future: Option<TokenRef>,
}

/// What goes with a call.
pub(super) struct Baggage {
    /// Values that become tasks before it.
    objects: Vec<(TaskId, Payload)>,
    /// Futures to be held until it is sent.
    _held: Vec<FutureRef>,
}

/// What is dropped after the lock was released, since it may hold futures.
pub(super) struct Rest {
    _baggage: Option<Box<Baggage>>,
    _future: Option<TokenRef>,
    unsent: Option<Box<Unsent<TokenRef>>>,
}

impl Prepared {
    /// Hash of the call, if it has a key.
    pub(super) fn call_hash(&self) -> Option<u64> {
        self.submit.options.as_ref()?.key.as_ref().map(|key| key.call_hash)
    }
}

impl Session {
    /// Submits what a call describes, calls among its arguments included.
    pub(crate) fn submit(self: &Arc<Self>, call: CallBody) -> FutureRef {
        match call {
            CallBody::Node(node) if !node.has_children() => match self.prepare_one(&node) {
                Ok((future, call)) => {
                    self.send(std::iter::once(call), Bound::Kept, Sender::Caller);
                    future
                }
                Err(failed) => failed,
            },
            call => {
                let mut calls = Vec::new();
                let future = self.prepare_into(call, &mut calls);
                self.send(calls.into_iter(), Bound::Kept, Sender::Caller);
                future
            }
        }
    }

    /// Submits many calls, few at a time under one lock; those that there is no room for later.
    pub(crate) fn submit_all(self: &Arc<Self>, mut calls: impl Iterator<Item = CallBody>) -> Vec<FutureRef> {
        const CALLS_PER_LOCK: usize = 128;
        let mut futures = Vec::with_capacity(calls.size_hint().0);
        let mut gathered = Vec::with_capacity(CALLS_PER_LOCK);
        let mut sender = Sender::Caller;
        for call in calls.by_ref() {
            futures.push(self.prepare_into(call, &mut gathered));
            if gathered.len() >= CALLS_PER_LOCK {
                self.send(gathered.drain(..), Bound::Lifted, sender);
                // The cluster begins with the first of them while this thread describes the others.
                sender = Sender::Driver;
                if self.is_full() {
                    break;
                }
            }
        }
        self.send(gathered.into_iter(), Bound::Lifted, sender);
        // A call more or less is no matter, but a map that fits is not to leave a task behind.
        if let Some(next) = calls.next() {
            self.submit_later(std::iter::once(next).chain(calls), &mut futures);
        }
        futures
    }

    /// The future of a call; what is to be sent for it is added to `calls`.
    pub(super) fn prepare_into(self: &Arc<Self>, call: CallBody, calls: &mut Vec<Prepared>) -> FutureRef {
        match call {
            CallBody::Held(future) => self.adopt(&future).unwrap_or_else(|e| CellRef::failed(future.id(), e)),
            CallBody::Node(node) if node.has_children() => {
                self.prepare_graph(node, calls).unwrap_or_else(|failed| failed)
            }
            CallBody::Node(node) => match self.prepare_one(&node) {
                Ok((future, call)) => {
                    calls.push(call);
                    future
                }
                Err(failed) => failed,
            },
        }
    }

    fn prepare_one(self: &Arc<Self>, call: &CallNode) -> Result<(FutureRef, Prepared), FutureRef> {
        let id = self.next_ids(1);
        let mut prepared = prepare(self, call, id, None).map_err(|e| CellRef::failed(id, e))?;
        let future = CellRef::pending(prepared.submit.id, self.clone());
        prepared.future = Some(future.token());
        Ok((future, prepared))
    }

    fn prepare_graph(
        self: &Arc<Self>,
        root: Arc<CallNode>,
        calls: &mut Vec<Prepared>,
    ) -> Result<FutureRef, FutureRef> {
        let graph = CallGraph::new(root);
        let first = self.next_ids(graph.calls().len() as u64);
        // The place in the graph is the place in the order of submission: depth first.
        let mut ids: Vec<TaskId> =
            (first.seq..).take(graph.calls().len()).map(|seq| TaskId { seq, ..first }).collect();
        let before = calls.len();
        for (place, call) in graph.calls().iter().enumerate() {
            match prepare(self, call, ids[place], Some((&graph, &ids))) {
                Ok(prepared) => {
                    // A key has an id of its own, which the calls that use this one must know.
                    ids[place] = prepared.submit.id;
                    calls.push(prepared);
                }
                Err(e) => {
                    calls.truncate(before);
                    return Err(CellRef::failed(ids[place], e));
                }
            }
        }
        let root = ids.last().copied().unwrap_or(first);
        let future = CellRef::pending(root, self.clone());
        if let Some((last, inner)) = calls[before..].split_last_mut() {
            last.future = Some(future.token());
            inner.iter_mut().for_each(|call| call.submit.want = false);
        }
        Ok(future)
    }

    /// Appends calls. Whatever is not sent is dropped after the lock is released: it may hold futures.
    fn send(&self, mut calls: impl Iterator<Item = Prepared>, bound: Bound, sender: Sender) {
        let mut rests = Vec::new();
        let sent: Result<(), TaskError> = self.with_sender(sender, |shared| {
            shared.accepts(bound)?;
            for call in calls.by_ref() {
                let function = call.function;
                rests.extend(append(shared, call).map(|rest| (rest, function)));
            }
            Ok(())
        });
        if let Err(error) = sent {
            let futures = calls.filter_map(|call| Some((call.future?, call.function)));
            futures
                .for_each(|(future, function)| future.0.refuse(error.clone().of_function(function.name())));
        }
        for (rest, function) in rests {
            if let Some((future, why)) = rest.unsent.and_then(|unsent| unsent.refused) {
                future.0.refuse(refused(&why, function.name()));
            }
        }
    }

    /// Puts a value into the cluster under a new id.
    pub(super) fn scatter(self: &Arc<Self>, mut scatter: Scatter, value: Payload) -> FutureRef {
        let future = CellRef::pending(scatter.id, self.clone());
        let mut value = Some(value);
        let sent = self.with(|shared| {
            shared.accepts(Bound::Kept)?;
            let is_hashed = scatter.id.origin != self.id().0;
            if is_hashed && !shared.outbox.claim(scatter.id, 0).map_err(|e| refused(&e, "scatter"))? {
                shared.outbox.share(future.token());
                return Ok(());
            }
            let Some(value) = value.take() else { return Ok(()) };
            scatter.nbytes = value.nbytes() as u64;
            if self.is_local() || value.nbytes() <= INLINE_ARG_BYTES_MAX {
                scatter.value = Some(value);
            } else {
                shared.outbox.event(Event::Held { id: scatter.id, value });
            }
            shared.outbox.tell(ClientToScheduler::Scatter(scatter));
            shared.outbox.want(future.token());
            Ok(())
        });
        // A value that was not sent may hold anything, and is dropped where no lock is held.
        drop(value);
        if let Err(error) = sent {
            future.refuse(error);
        }
        future
    }
}

/// Appends a call. What is left of it, if anything.
fn append(shared: &mut Shared, mut call: Prepared) -> Option<Rest> {
    let (baggage, future) = (call.baggage.take(), call.future.take());
    let (submit, baggage) = introduce(shared, call, baggage, Shared::tell);
    let unsent = shared.outbox.submit(submit, future).err();
    (unsent.is_some() || baggage.is_some()).then_some(Rest { _baggage: baggage, _future: None, unsent })
}

/// Appends a call whose future was announced, before all closed gates.
pub(super) fn append_ahead(shared: &mut Shared, mut call: Prepared) -> Rest {
    let (baggage, future) = (call.baggage.take(), call.future.take());
    let (submit, baggage) = introduce(shared, call, baggage, Shared::tell_ahead);
    shared.outbox.submit_ahead(submit);
    Rest { _baggage: baggage, _future: future, unsent: None }
}

/// Appends what must come before a call.
fn introduce(
    shared: &mut Shared,
    call: Prepared,
    mut baggage: Option<Box<Baggage>>,
    tell: fn(&mut Shared, ClientToScheduler),
) -> (Submit, Option<Box<Baggage>>) {
    let Prepared { function, mut submit, .. } = call;
    for (id, value) in baggage.iter_mut().flat_map(|baggage| baggage.objects.drain(..)) {
        let nbytes = value.nbytes() as u64;
        let workers = Vec::new();
        let scatter =
            Scatter { id, want: false, value: None, nbytes, broadcast: false, eager: false, workers };
        tell(shared, ClientToScheduler::Scatter(scatter));
        shared.outbox.event(Event::Held { id, value });
    }
    submit.function = shared.outbox.function(function.id(), || function.spec().clone());
    (submit, baggage)
}

/// Who submits, if it is a task.
pub(super) fn parent() -> Option<TaskId> {
    crate::context::try_context().map(|task| task.id())
}

/// Who a call without calls among its arguments is, if it may be shared, before it is encoded to travel.
pub(super) fn known_identity(session: &Arc<Session>, call: &CallNode) -> Result<Option<Identity>, TaskError> {
    identity_of_local(session, call, None).map_err(|e| e.of_function(&call.function().name()))
}

/// Encodes a call whose future exists already, for whoever submitted it.
pub(super) fn prepare_known(
    session: &Arc<Session>,
    call: &CallNode,
    id: TaskId,
    identity: Option<Identity>,
    parent: Option<TaskId>,
) -> Result<Prepared, TaskError> {
    let mut prepared = prepare(session, call, id, None)?;
    prepared.submit.id = id;
    prepared.submit.options = options(call, identity.map(|identity| identity.key), parent);
    Ok(prepared)
}

/// Encodes one call.
fn prepare(
    session: &Arc<Session>,
    call: &CallNode,
    id: TaskId,
    graph: Option<(&CallGraph, &[TaskId])>,
) -> Result<Prepared, TaskError> {
    let named = |e: TaskError| e.of_function(&call.function().name());
    let mut inputs = Inputs::new(session, graph);
    let (args, identity) = if session.is_local() && !call.is_cheap_to_encode() {
        let identity = identity_of_local(session, call, graph).map_err(named)?;
        (call.local_args(&mut inputs).into_payload(), identity)
    } else {
        encoded(call, &mut inputs).map_err(named)?
    };
    let inputs_ids = inputs.finish().map_err(named)?;
    let (id, key) = match identity {
        Some(identity) => (identity.id, Some(identity.key)),
        None => (id, None),
    };
    let function = call.function().declared();
    let options = options(call, key, parent());
    // The number of the function is known under the lock.
    let (unnumbered, priority) = (FunctionIndex(0), call.priority());
    let submit = Submit { id, function: unnumbered, args, inputs: inputs_ids, want: true, priority, options };
    let (objects, held) = (inputs.objects, inputs.adopted);
    let is_light = objects.is_empty() && held.is_empty();
    let baggage = (!is_light).then(|| Box::new(Baggage { objects, _held: held }));
    Ok(Prepared { function, submit, baggage, future: None })
}

/// The encoded arguments, and the identity of a call that may be shared.
fn encoded(call: &CallNode, inputs: &mut Inputs<'_>) -> Result<(Payload, Option<Identity>), TaskError> {
    with_scratch(|bytes| {
        call.encode_args(inputs, bytes).map_err(unencodable)?;
        Ok((take_payload(bytes), identity(call, inputs, bytes)))
    })
}

fn unencodable(e: crate::value::EncodeError) -> TaskError {
    TaskError::local(TaskErrorKind::Unencodable, "", e.to_string())
}

/// What a call that may be shared is known by.
pub(super) struct Identity {
    pub(super) id: TaskId,
    key: Key,
}

impl Identity {
    pub(super) fn call_hash(&self) -> u64 {
        self.key.call_hash
    }
}

/// Who a call is, if it has a key or may be shared: computed from the encoded form even where nothing is encoded to travel.
fn identity_of_local(
    session: &Arc<Session>,
    call: &CallNode,
    graph: Option<(&CallGraph, &[TaskId])>,
) -> Result<Option<Identity>, TaskError> {
    if !is_shared(call) {
        return Ok(None);
    }
    if let FunctionHandle::Local(closure) = call.function() {
        // A closure is equal to itself and to nothing else; what it is given cannot be compared.
        let mut hash = ContentHash::new();
        hash.number(Arc::as_ptr(closure) as usize as u64);
        return Ok(key_of(call).map(|text| identity_by_key(text, hash.finish())));
    }
    let mut inputs = Inputs::new(session, graph).dry();
    with_scratch(|bytes| {
        call.encode_args(&mut inputs, bytes).map_err(unencodable)?;
        Ok(identity(call, &inputs, bytes))
    })
}

fn key_of(call: &CallNode) -> Option<&str> {
    call.options().and_then(|o| o.key.as_deref())
}

fn is_shared(call: &CallNode) -> bool {
    call.is_pure() || key_of(call).is_some()
}

fn identity(call: &CallNode, inputs: &Inputs<'_>, args: &[u8]) -> Option<Identity> {
    if !is_shared(call) {
        return None;
    }
    let hash = inputs.hash(call.function().declared().id().0, args);
    Some(match key_of(call) {
        Some(text) => identity_by_key(text, hash),
        None => Identity {
            id: TaskId { origin: hash[0], seq: hash[1] },
            key: Key { text: String::new(), call_hash: hash[0] },
        },
    })
}

fn identity_by_key(text: &str, call_hash: [u64; 2]) -> Identity {
    let mut hash = ContentHash::new();
    hash.bytes(b"key");
    hash.bytes(text.as_bytes());
    let [origin, seq] = hash.finish();
    Identity { id: TaskId { origin, seq }, key: Key { text: text.to_owned(), call_hash: call_hash[0] } }
}

/// What is not at its default, the priority apart.
fn options(call: &CallNode, key: Option<Key>, parent: Option<TaskId>) -> Option<Box<SubmitOptions>> {
    if key.is_none() && parent.is_none() && call.is_plain() {
        return None;
    }
    let none = CallOptions::default();
    let said = call.options().unwrap_or(&none);
    let millis = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    Some(Box::new(SubmitOptions {
        retries: call.retries(),
        workers: said.workers.clone(),
        allow_other_workers: said.allow_other_workers,
        resources: call.resources(),
        timeout_ms: call.timeout().map(millis),
        runtime: call.function().declared().options().runtime.map(str::to_owned),
        key,
        parent,
        no_rerun: said.rerun == Rerun::Never,
    }))
}

/// Lends a buffer that stays with the thread, so that small arguments cost no allocation.
fn with_scratch<T>(encode: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    const KEEP_BYTES: usize = 64 * 1024;
    thread_local!(static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    // Taken, not borrowed: a value's own `Serialize` may submit something.
    let mut bytes = SCRATCH.take();
    bytes.clear();
    let result = encode(&mut bytes);
    if bytes.capacity() <= KEEP_BYTES {
        SCRATCH.set(bytes);
    }
    result
}

/// Copies what is small and leaves the buffer; a large buffer is handed over as a copy-free payload by whoever owns it.
fn take_payload(bytes: &[u8]) -> Payload {
    Payload::copy_from(bytes)
}
