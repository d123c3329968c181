//! Handing scattered values to the workers that need them. The client keeps each until the scheduler says nobody does.
use super::Machine;
use super::event::{Action, Actions, Route, Token};
use super::lane::Put;
use longshore_proto::client::Chunk;
use longshore_proto::{ClientToScheduler, PeerId, TaskHandle, TaskId, Time};

impl<D: Token> Machine<D> {
    /// The scheduler wants a value of ours on `worker`.
    pub(super) fn on_push(
        &mut self,
        now: Time,
        id: TaskId,
        task: TaskHandle,
        worker: PeerId,
        relay: bool,
        out: &mut Actions<D>,
    ) {
        let reachable = relay || self.peers.get(&worker).is_some_and(|p| p.is_promising(now));
        let Some(value) = self.held.get(&id).filter(|_| reachable) else {
            return out.push(push_failed(task, worker));
        };
        let route = if relay { Route::Scheduler } else { Route::Peer(worker) };
        let put = Put { task, worker, value: value.clone(), offset: 0 };
        self.lanes.entry(route).or_default().puts.push_back(put);
        self.reach(route, out);
    }

    /// Ways on which something waits to be sent piece by piece.
    pub fn sending(&self) -> impl Iterator<Item = Route> {
        self.lanes
            .iter()
            .filter(|(route, l)| !l.puts.is_empty() && self.is_sendable(**route))
            .map(|(r, _)| *r)
    }

    fn is_sendable(&self, route: Route) -> bool {
        match route {
            Route::Scheduler => true,
            Route::Peer(peer) => self.peers.get(&peer).is_some_and(|p| p.reach == super::lane::Reach::Up),
        }
    }

    /// The next piece to send on `route`. The driver asks when the link has room, so a large value never waits in
    /// memory twice.
    pub fn next_chunk(&mut self, now: Time, route: Route) -> Option<Chunk> {
        let lane = self.lanes.get_mut(&route)?;
        let (chunk, last) = lane.puts.front_mut()?.next();
        lane.moved_at = now;
        if last && let Some(put) = lane.puts.pop_front() {
            match route {
                // The scheduler passes it on; how that ends is its own affair.
                Route::Scheduler => {}
                Route::Peer(_) => drop(lane.unconfirmed.insert(put.task, put.worker)),
            }
        }
        Some(chunk)
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

pub(super) fn push_failed<D>(task: TaskHandle, worker: PeerId) -> Action<D> {
    Action::Send(ClientToScheduler::PushFailed { task, worker })
}
