//! Futures of another client of the same cluster, used with this one.
//!
//! This session wants the task as well, and has a future of its own for it. The scheduler may not have heard of the task
//! yet: then what this session says waits behind a gate until the other one's submission is known to have arrived. Both
//! futures are held until the scheduler knows that this session wants the task, so it cannot be forgotten in between.
use super::inputs::{foreign, usable};
use super::session::{Bound, Question, Session, refused};
use crate::error::TaskError;
use crate::future::{CellRef, FutureRef, Progress};
use longshore_core::client::Gate;
use longshore_proto::query::Query;
use longshore_proto::{ClientToScheduler, TaskId};
use longshore_rt::RuntimeExt;
use std::sync::Arc;
use std::time::Duration;

/// How long a scheduler may take to say that it has heard what was said before.
const HEARD_MAX: Duration = Duration::from_secs(60);

impl Session {
    /// This session's future of the task that `theirs` awaits.
    ///
    /// # Errors
    /// It belongs to another cluster, or it failed without its cluster knowing of it.
    pub(super) fn adopt(self: &Arc<Self>, theirs: &FutureRef) -> Result<FutureRef, TaskError> {
        if self.is_own(theirs)? {
            return Ok(theirs.clone());
        }
        let Some(session) = theirs.session() else { return Err(foreign()) };
        let id = theirs.id();
        if let Some(ours) = self.adopting().get(&id).filter(|ours| !ours.is_released()) {
            return Ok(ours.clone());
        }
        let call_hash = session.lock().outbox.call_hash(id).unwrap_or_default();
        // Asked before the gate is closed, so that two sessions that adopt from each other never wait in a circle.
        let asked = match theirs.progress() {
            Progress::Pending => session.question(Query::Flush, Some(HEARD_MAX)).ok(),
            Progress::Done | Progress::Failed(_) => None,
        };
        let ours = CellRef::pending(id, self.clone());
        let gate = self.want(&ours, call_hash, asked.is_some())?;
        let before = self.adopting().insert(id, ours.clone());
        drop(before);
        let adoption =
            Adoption { session: self.clone(), theirs: theirs.clone(), ours: ours.clone(), asked, gate };
        self.rt().spawn("client-adopt", adoption.run()).detach();
        Ok(ours)
    }

    /// Whether a future is this session's.
    ///
    /// # Errors
    /// It is of no use to this session.
    pub(super) fn is_own(self: &Arc<Self>, future: &FutureRef) -> Result<bool, TaskError> {
        usable(future)?;
        match future.session() {
            Some(theirs) if Arc::ptr_eq(theirs, self) => Ok(true),
            Some(theirs) if !self.is_elsewhere(theirs) => Ok(false),
            _ => Err(foreign()),
        }
    }

    /// Has the scheduler know that this session wants the task, behind a gate if that is to wait.
    fn want(&self, ours: &CellRef, call_hash: u64, gated: bool) -> Result<Option<Gate>, TaskError> {
        let id = ours.id();
        let wanted = self.with(|shared| {
            shared.accepts(Bound::Lifted)?;
            let gate = gated.then(|| shared.outbox.close_gate());
            match shared.outbox.announce(id, Some(call_hash), ours.token()) {
                Ok(true) => shared.outbox.tell(ClientToScheduler::Want { id }),
                Ok(false) => {}
                Err((_, why)) => {
                    gate.into_iter().for_each(|gate| shared.outbox.open_gate(gate));
                    return Err(refused(&why, ""));
                }
            }
            Ok(gate)
        });
        if let Err(error) = &wanted {
            ours.refuse(error.clone());
        }
        wanted
    }
}

/// The time until the scheduler knows that the task is wanted here too.
struct Adoption {
    session: Arc<Session>,
    theirs: FutureRef,
    ours: CellRef,
    /// Answered when the scheduler has heard of the task.
    asked: Option<Question>,
    gate: Option<Gate>,
}

impl Adoption {
    async fn run(self) {
        if let Some(asked) = &self.asked {
            // However it ends: if the other session is over, the scheduler says what that means for the task. The limit is
            // kept here as well, since nobody may be driving the other session.
            let _ = self.session.rt().timeout(HEARD_MAX, asked.answer()).await;
        }
        if let Some(gate) = self.gate {
            self.session.open_gate(gate);
        }
        if let Ok(heard) = self.session.question(Query::Flush, Some(HEARD_MAX)) {
            heard.answer().await;
        }
        let ours = self.forget(self.ours.id());
        drop((ours, self.theirs));
    }

    fn forget(&self, id: TaskId) -> Option<CellRef> {
        self.session.adopting().remove(&id)
    }
}
