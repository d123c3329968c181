//! Questions about the cluster.
use super::task::State;
use super::{Actions, Machine, to_client};
use longshore_proto::query::{Answer, Query, SchedulerInfo, WorkerInfo};
use longshore_proto::{PeerId, SchedulerToClient, TaskId};

impl Machine {
    pub(super) fn on_query(&mut self, peer: PeerId, request: u32, query: Query, out: &mut Actions) {
        let answer = match query {
            Query::WhoHas(ids) => Answer::WhoHas(self.who_has(ids)),
            Query::SchedulerInfo => Answer::SchedulerInfo(self.info()),
            Query::Processing => Answer::Processing(self.processing()),
            Query::Story(id) => Answer::Story(self.story_of(id)),
            Query::Versions => Answer::Versions(env!("CARGO_PKG_VERSION").to_owned(), self.versions()),
            Query::WaitForWorkers(n) => {
                self.waiting_for_workers.push((peer, request, n));
                return self.answer_waits_for_workers(out);
            }
            // Messages of one link are handled in order, so everything before this was.
            _ => Answer::Flushed,
        };
        out.push(to_client(peer, SchedulerToClient::Answer { request, answer }));
    }

    /// Answers those who wait for as many workers as there are now.
    pub(super) fn answer_waits_for_workers(&mut self, out: &mut Actions) {
        let ready = u32::try_from(self.workers.ready_len()).unwrap_or(u32::MAX);
        self.waiting_for_workers.retain(|(peer, request, n)| {
            let come = ready >= *n;
            if come {
                let answer = Answer::Workers(ready);
                out.push(to_client(*peer, SchedulerToClient::Answer { request: *request, answer }));
            }
            !come
        });
    }

    fn who_has(&self, ids: Vec<TaskId>) -> Vec<(TaskId, Vec<String>)> {
        if ids.is_empty() {
            return self
                .tasks
                .iter()
                .filter(|(_, t)| t.state.is_done())
                .map(|(_, t)| self.holders(t.id))
                .collect();
        }
        ids.into_iter().map(|id| self.holders(id)).collect()
    }

    /// Names of the workers that hold a value. A value that the scheduler keeps itself is held by no worker.
    fn holders(&self, id: TaskId) -> (TaskId, Vec<String>) {
        let task = self.tasks.find(id).map(|slot| &self.tasks[slot].state);
        let names = match task {
            Some(State::Stored(s)) => s.holders.iter().filter_map(|p| self.workers.get(*p)),
            Some(State::Inline(_)) => return (id, vec!["scheduler".to_owned()]),
            _ => return (id, Vec::new()),
        };
        (id, names.map(|w| w.hello.name.clone()).collect())
    }

    fn info(&self) -> SchedulerInfo {
        SchedulerInfo {
            incarnation: self.config.incarnation,
            workers: self.workers.iter().map(|(_, w)| worker_info(w)).collect(),
            clients: u32::try_from(self.clients.len()).unwrap_or(u32::MAX),
            tasks: self.tasks.counts(),
            finished_total: self.finished_total,
        }
    }

    fn processing(&self) -> Vec<(String, Vec<TaskId>)> {
        let ids = |w: &super::worker::Worker| w.assigned.iter().map(|s| self.tasks[*s].id).collect();
        self.workers.iter().map(|(_, w)| (w.hello.name.clone(), ids(w))).collect()
    }

    fn versions(&self) -> Vec<(String, String)> {
        self.workers.iter().map(|(_, w)| (w.hello.name.clone(), w.hello.version.clone())).collect()
    }

    fn story_of(&self, id: TaskId) -> Vec<String> {
        self.tasks.find(id).map_or_else(Vec::new, |slot| self.story.lines(Some(self.tasks.handle(slot))))
    }
}

fn worker_info(w: &super::worker::Worker) -> WorkerInfo {
    WorkerInfo {
        name: w.hello.name.clone(),
        address: w.hello.address.clone(),
        nthreads: w.hello.nthreads,
        runtime: w.hello.runtime.clone(),
        pid: w.hello.pid,
        assigned: u32::try_from(w.assigned.len()).unwrap_or(u32::MAX),
        stored_bytes: w.stored_bytes,
        resources: w.hello.resources.clone(),
    }
}
