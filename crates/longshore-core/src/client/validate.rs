//! What must be true after every event.
use super::event::{Route, Token};
use super::lane::{Lane, Reach};
use super::{Machine, Phase};
use std::collections::BTreeSet;

impl<D: Token> Machine<D> {
    /// Checks the machine against itself.
    ///
    /// # Panics
    /// With the story, when something that must hold does not.
    pub fn validate(&self) {
        let broken = self.broken();
        assert!(broken.is_none(), "{}\n{}", broken.unwrap_or_default(), self.story.lines(None).join("\n"));
    }

    fn broken(&self) -> Option<String> {
        self.broken_end().or_else(|| self.broken_stored()).or_else(|| self.broken_lanes())
    }

    fn broken_end(&self) -> Option<String> {
        let rest = self.futures.len() + self.stored.len() + self.lanes.len() + self.questions.len();
        (self.phase == Phase::Over && rest > 0).then(|| format!("{rest} things outlived the session"))
    }

    /// Every fetch is on its lane, and only futures are fetched for.
    fn broken_stored(&self) -> Option<String> {
        let on = |(route, lane): (&Route, &Lane)| {
            let asked = lane.asked.iter().map(|(task, (id, _))| (*route, *id, Some(*task)));
            lane.queue.iter().map(|id| (*route, *id, None)).chain(asked).collect::<Vec<_>>()
        };
        let on_lanes: BTreeSet<_> = self.lanes.iter().flat_map(on).collect();
        for (id, stored) in &self.stored {
            if self.futures.any(*id).is_none() {
                return Some(format!("{id} is stored, and nobody wants it"));
            }
            let Some(fetch) = &stored.fetch else { continue };
            let is_on =
                |route| [None, Some(stored.task)].iter().any(|t| on_lanes.contains(&(route, *id, *t)));
            if !fetch.route.is_some_and(is_on) {
                return Some(format!("{id} is fetched by {:?}, and not to be found there", fetch.route));
            }
        }
        None
    }

    fn broken_lanes(&self) -> Option<String> {
        for (route, lane) in &self.lanes {
            let sum: u64 = lane.asked.values().map(|(_, n)| n).sum();
            if sum != lane.asked_bytes {
                return Some(format!("{route:?} counts {} bytes, and {sum} are asked for", lane.asked_bytes));
            }
            if let Some((id, _)) = lane.asked.values().find(|(id, _)| !self.stored.contains_key(id)) {
                return Some(format!("{route:?} awaits {id}, which is not stored"));
            }
            let Route::Peer(peer) = route else { continue };
            let reach = self.peers.get(peer).map(|p| p.reach);
            if lane.awaits_peer() && reach != Some(Reach::Up) {
                return Some(format!("{route:?} awaits an answer, and the link is {reach:?}"));
            }
            if !lane.is_idle() && !matches!(reach, Some(Reach::Up | Reach::Dialling)) {
                return Some(format!("{route:?} has work, and the link is {reach:?}"));
            }
        }
        None
    }
}
