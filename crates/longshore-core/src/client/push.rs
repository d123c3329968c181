//! Handing scattered values to the workers that need them. The client keeps each until the scheduler says nobody does.
use super::Machine;
use super::event::{Action, Actions, Route, Token};
use super::lane::{Lane, Put};
use longshore_proto::{
    ClientToScheduler, Grant, Payload, PeerId, PeerRequest, RelayId, TaskHandle, TaskId, Time,
};

/// A value that the client gave to the cluster and must keep.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) value: Payload,
    /// How often it was given and not let go of: giving it again may cross with the word that it was no longer needed.
    times: usize,
}

impl<D: Token> Machine<D> {
    pub(super) fn on_held(&mut self, id: TaskId, value: Payload) {
        self.held.entry(id).or_insert(Held { value, times: 0 }).times += 1;
    }

    /// A value need not be kept, as far as it was given once.
    pub(super) fn on_let_go(&mut self, id: TaskId) {
        let Some(held) = self.held.get_mut(&id) else { return self.stale += 1 };
        held.times -= 1;
        if held.times == 0 {
            self.held.remove(&id);
        }
    }

    /// The scheduler wants a value of ours on `worker`.
    pub(super) fn on_push(
        &mut self,
        now: Time,
        id: TaskId,
        task: TaskHandle,
        worker: PeerId,
        relay: Option<Grant>,
        out: &mut Actions<D>,
    ) {
        let reachable = relay.is_some() || self.peers.get(&worker).is_some_and(|p| p.is_promising(now));
        let Some(value) = self.held.get(&id).map(|held| &held.value).filter(|_| reachable) else {
            return out.push(push_failed(task, worker, relay));
        };
        let route = if relay.is_some() { Route::Scheduler } else { Route::Peer(worker) };
        let put = Put::new(task, worker, value.clone(), relay);
        self.lanes.entry(route).or_default().puts.push_back(put);
        self.reach(route, out);
    }

    /// More may be sent of a value that goes through the scheduler.
    pub(super) fn on_grant(&mut self, grant: Grant) {
        let put = self.lanes.get_mut(&Route::Scheduler).and_then(|lane| find(lane, grant.relay));
        match put {
            Some(put) => put.grant = Some(grant),
            None => self.stale += 1,
        }
    }

    /// A value no longer goes through the scheduler.
    pub(super) fn on_end_relay(&mut self, relay: RelayId) {
        let Some(lane) = self.lanes.get_mut(&Route::Scheduler) else { return self.stale += 1 };
        lane.puts.retain(|put| put.grant.is_none_or(|grant| grant.relay != relay));
        self.ready.insert(Route::Scheduler);
    }

    /// Ways on which something may be sent piece by piece.
    pub fn sending(&self) -> impl Iterator<Item = Route> {
        self.lanes.iter().filter(|(route, l)| l.has_piece() && self.is_sendable(**route)).map(|(r, _)| *r)
    }

    fn is_sendable(&self, route: Route) -> bool {
        match route {
            Route::Scheduler => true,
            Route::Peer(peer) => self.peers.get(&peer).is_some_and(|p| p.reach == super::lane::Reach::Up),
        }
    }

    /// What sends the next piece on `route`. The driver asks when the link has room, so a large value never waits in
    /// memory twice.
    pub fn next_piece(&mut self, now: Time, route: Route) -> Option<Action<D>> {
        let lane = self.lanes.get_mut(&route)?;
        let (chunk, sent) = lane.next_piece()?;
        lane.moved_at = now;
        match (route, sent.grant) {
            // How it ends there is the scheduler's affair.
            (Route::Scheduler, Some(Grant { relay, .. })) => {
                if sent.is_last {
                    self.ready.insert(route);
                }
                Some(Action::Send(ClientToScheduler::Upload { relay, chunk }))
            }
            (Route::Scheduler, None) => None,
            (Route::Peer(to), _) => {
                if sent.is_last {
                    lane.unconfirmed.insert(sent.task, sent.worker);
                }
                Some(Action::SendPeer { to, message: PeerRequest::Put(chunk) })
            }
        }
    }

    /// A worker has a value whole.
    pub(super) fn on_put_stored(&mut self, now: Time, from: PeerId, task: TaskHandle) {
        let lane = self.lanes.get_mut(&Route::Peer(from));
        let Some(lane) = lane.filter(|l| l.unconfirmed.contains_key(&task)) else { return self.stale += 1 };
        lane.unconfirmed.remove(&task);
        lane.moved_at = now;
        self.ready.insert(Route::Peer(from));
    }
}

/// The value that goes this way under this number.
fn find(lane: &mut Lane, relay: RelayId) -> Option<&mut Put> {
    lane.puts.iter_mut().find(|put| put.grant.is_some_and(|grant| grant.relay == relay))
}

pub(super) fn push_failed<D>(task: TaskHandle, worker: PeerId, relay: Option<Grant>) -> Action<D> {
    let relay = relay.map(|grant| grant.relay);
    Action::Send(ClientToScheduler::PushFailed { task, worker, relay })
}
