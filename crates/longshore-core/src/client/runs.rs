//! Messages that become one with the message before them.
//!
//! Calls that follow one another become a run, and so do releases. A loop that submits the next call and lets go of the one
//! before says both in turns; releases of tasks of its own may come later than they were said, since nothing is ever said
//! again about such a task, so a call joins the run before them.
use longshore_proto::limit::RELEASE_LEN_MAX;
use longshore_proto::{ClientToScheduler, Submit, SubmitRun, TaskId};

/// Appends a call.
pub(super) fn submit(messages: &mut Vec<ClientToScheduler>, submit: Submit) {
    let behind = match messages.last() {
        Some(ClientToScheduler::ReleaseRun { .. }) => 2,
        _ => 1,
    };
    let before = messages.len().checked_sub(behind);
    if before.is_none_or(|before| !joins(&mut messages[before], &submit)) {
        messages.push(ClientToScheduler::Submit(submit));
    }
}

/// Puts a call with the message before it, if that is a call or a run which it can follow. Whether it did.
fn joins(before: &mut ClientToScheduler, submit: &Submit) -> bool {
    let run = match before {
        ClientToScheduler::SubmitRun(run) => return run.join(submit),
        ClientToScheduler::Submit(first) => SubmitRun::of_two(first, submit),
        _ => None,
    };
    let joined = run.is_some();
    if let Some(run) = run {
        *before = ClientToScheduler::SubmitRun(run);
    }
    joined
}

/// Appends a release. `is_own`: the id is no hash, so it has one life only.
pub(super) fn release(messages: &mut Vec<ClientToScheduler>, id: TaskId, is_own: bool) {
    match messages.last_mut() {
        Some(ClientToScheduler::ReleaseRun { first, len })
            if is_own
                && first.origin == id.origin
                && first.seq.checked_add(u64::from(*len)) == Some(id.seq)
                && *len < RELEASE_LEN_MAX =>
        {
            *len += 1;
        }
        Some(ClientToScheduler::Release { ids }) if ids.len() < RELEASE_LEN_MAX as usize => ids.push(id),
        Some(message @ ClientToScheduler::ReleaseRun { len: 1, .. }) => {
            if let ClientToScheduler::ReleaseRun { first, .. } = *message {
                *message = ClientToScheduler::Release { ids: vec![first, id] };
            }
        }
        _ if is_own => messages.push(ClientToScheduler::ReleaseRun { first: id, len: 1 }),
        _ => messages.push(ClientToScheduler::Release { ids: vec![id] }),
    }
}
