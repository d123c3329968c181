//! Calls of a `map` that are encoded when there is room for them.
//!
//! A map has as many futures as inputs at once, and nobody says how many inputs there are. Once as much waits to be sent as
//! may wait, the rest of its calls stays as it is described, and a task of the client's runtime encodes it piece by piece.
//! Whatever the client says meanwhile waits behind a gate, so that the order is the one in which it was said. Deliberately
//! absent: a graph among the inputs. Its calls are encoded at once, since their ids hang on each other.
use super::session::{Bound, Session};
use super::submit::{Identity, Prepared, append_ahead, known_identity, parent, prepare_known};
use crate::call::{CallBody, CallNode};
use crate::error::{TaskError, TaskErrorKind};
use crate::future::{CellRef, FutureRef, TokenRef};
use futures_lite::future::yield_now;
use longshore_core::client::Gate;
use longshore_proto::TaskId;
use longshore_rt::RuntimeExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Calls that are encoded before it is seen again whether there is room.
const CALLS_PER_TURN: usize = 128;
/// The same in bytes.
const BYTES_PER_TURN: usize = 256 * 1024;

/// A call that is to be sent.
pub(super) enum Later {
    /// Not encoded yet.
    Call {
        call: Arc<CallNode>,
        id: TaskId,
        identity: Option<Identity>,
        token: TokenRef,
        parent: Option<TaskId>,
    },
    /// Encoded, and announced.
    Ready(Box<Prepared>),
}

/// The future of a call, and what is to be sent for it.
struct Promised {
    future: FutureRef,
    later: Vec<Later>,
}

impl Session {
    /// Submits what there is no room for yet.
    pub(super) fn submit_later(
        self: &Arc<Self>,
        calls: impl Iterator<Item = CallBody>,
        futures: &mut Vec<FutureRef>,
    ) {
        let gate = self.with(|shared| shared.outbox.close_gate());
        let mut all = Vec::new();
        for call in calls {
            let Promised { future, later } = self.promise(call);
            futures.push(future);
            self.announce(later, &mut all);
        }
        let feeding = Feeding { session: self.clone(), gate, calls: all.into_iter() };
        self.rt().spawn("client-map", feeding.run()).detach();
    }

    fn promise(self: &Arc<Self>, call: CallBody) -> Promised {
        let node = match call {
            CallBody::Node(node) if !node.has_children() => node,
            other => {
                let mut calls = Vec::new();
                let future = self.prepare_into(other, &mut calls);
                let later = calls.into_iter().map(|call| Later::Ready(Box::new(call))).collect();
                return Promised { future, later };
            }
        };
        let own = self.next_ids(1);
        let identity = match known_identity(self, &node) {
            Ok(identity) => identity,
            Err(e) => return Promised { future: CellRef::failed(own, e), later: Vec::new() },
        };
        let id = identity.as_ref().map_or(own, |identity| identity.id);
        let future = CellRef::pending(id, self.clone());
        let token = future.token();
        Promised { future, later: vec![Later::Call { call: node, id, identity, token, parent: parent() }] }
    }

    /// Tells the machine of futures at once: they may be dropped long before their calls are sent.
    fn announce(&self, later: Vec<Later>, all: &mut Vec<Later>) {
        for later in later {
            let (id, call_hash, token) = match &later {
                Later::Call { id, identity, token, .. } => {
                    (*id, identity.as_ref().map(Identity::call_hash), token.clone())
                }
                Later::Ready(call) => match call.future.clone() {
                    Some(token) => (call.submit.id, call.call_hash(), token),
                    None => {
                        all.push(later);
                        continue;
                    }
                },
            };
            let announced = self.with(|shared| {
                shared.accepts(Bound::Lifted).map_err(|e| (token.clone(), e))?;
                let announced = shared.outbox.announce(id, call_hash, token);
                announced.map_err(|(token, why)| (token, super::session::refused(&why, "")))
            });
            match announced {
                Ok(true) => all.push(later),
                Ok(false) => {}
                Err((token, error)) => token.0.refuse(error.of_function(later.function())),
            }
        }
    }

    /// Encodes a call whose future exists. A call that cannot be encoded fails its future.
    fn prepare_later(self: &Arc<Self>, later: Later) -> Option<Prepared> {
        let function = later.function();
        let (call, id, identity, token, parent) = match later {
            Later::Ready(call) => return Some(*call),
            Later::Call { call, id, identity, token, parent } => (call, id, identity, token, parent),
        };
        // The user's own `Serialize` runs here, where nobody of the user's sees a panic.
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            let prepared = prepare_known(self, &call, id, identity, parent);
            drop(call);
            prepared
        }));
        let error = match prepared {
            Ok(Ok(prepared)) => return Some(prepared),
            Ok(Err(error)) => error,
            Err(_) => {
                TaskError::local(TaskErrorKind::Unencodable, function, "an argument's Serialize panicked")
            }
        };
        self.give_up(&token, error);
        None
    }
}

impl Later {
    fn function(&self) -> &'static str {
        match self {
            Later::Call { call, .. } => call.function().declared().name(),
            Later::Ready(call) => call.function.name(),
        }
    }
}

/// Sends the rest of a map as room comes.
struct Feeding {
    session: Arc<Session>,
    gate: Gate,
    calls: std::vec::IntoIter<Later>,
}

impl Feeding {
    async fn run(mut self) {
        while self.calls.len() > 0 {
            if self.session.room_ahead_of(self.gate).await.is_err() {
                // The session is over, and with it every future that has no value.
                return;
            }
            self.turn();
            // The driver may be on the same thread.
            yield_now().await;
        }
    }

    fn turn(&mut self) {
        let (mut prepared, mut bytes) = (Vec::new(), 0);
        while prepared.len() < CALLS_PER_TURN
            && bytes < BYTES_PER_TURN
            && let Some(later) = self.calls.next()
        {
            let call = self.session.prepare_later(later);
            bytes += call.as_ref().map_or(0, |call| call.submit.args.nbytes());
            prepared.extend(call);
        }
        let kept: Vec<_> = self
            .session
            .with(|shared| prepared.into_iter().map(|call| append_ahead(shared, call)).collect::<Vec<_>>());
        // Futures among them may be dropped now, which takes the lock.
        drop(kept);
    }
}

impl Drop for Feeding {
    /// What comes after the map goes even if the map cannot.
    fn drop(&mut self) {
        self.session.open_gate(self.gate);
    }
}
