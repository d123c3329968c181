//! Questions about the cluster.
use super::{Client, Session};
use crate::error::Error;
use crate::future::TaskFuture;
use longshore_proto::TaskId;
use longshore_proto::query::{Answer, Query, SchedulerInfo};
use longshore_rt::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

impl<R> Client<R> {
    /// Names of the workers that have each of these results.
    ///
    /// # Errors
    /// The scheduler is gone or does not answer within a minute; the same goes for all other questions.
    pub async fn who_has<'a, T: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<BTreeMap<TaskId, Vec<String>>, Error> {
        let ids: Vec<TaskId> = futures.into_iter().map(TaskFuture::key).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.holders(ids).await
    }

    /// Results that each worker has.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn has_what(&self) -> Result<BTreeMap<String, Vec<TaskId>>, Error> {
        let mut has: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
        let workers = self.scheduler_info().await?.workers;
        has.extend(workers.into_iter().map(|worker| (worker.name, Vec::new())));
        for (id, holders) in self.holders(Vec::new()).await? {
            for holder in holders {
                has.entry(holder).or_default().push(id);
            }
        }
        Ok(has)
    }

    async fn holders(&self, ids: Vec<TaskId>) -> Result<BTreeMap<TaskId, Vec<String>>, Error> {
        match self.ask(Query::WhoHas(ids), "who_has").await? {
            Answer::WhoHas(holders) => Ok(holders.into_iter().collect()),
            _ => Err(Error::Answer { what: "who_has" }),
        }
    }

    /// Threads of each worker.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn nthreads(&self) -> Result<BTreeMap<String, u32>, Error> {
        let workers = self.scheduler_info().await?.workers;
        Ok(workers.into_iter().map(|worker| (worker.name, worker.nthreads)).collect())
    }

    /// The cluster as a whole.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn scheduler_info(&self) -> Result<SchedulerInfo, Error> {
        match self.ask(Query::SchedulerInfo, "scheduler_info").await? {
            Answer::SchedulerInfo(info) => Ok(info),
            _ => Err(Error::Answer { what: "scheduler_info" }),
        }
    }

    /// Tasks that each worker was given and has not finished.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn processing(&self) -> Result<BTreeMap<String, Vec<TaskId>>, Error> {
        match self.ask(Query::Processing, "processing").await? {
            Answer::Processing(tasks) => Ok(tasks.into_iter().collect()),
            _ => Err(Error::Answer { what: "processing" }),
        }
    }

    /// What happened to a task lately, oldest first, as the scheduler remembers it.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn story<T>(&self, future: &TaskFuture<T>) -> Result<Vec<String>, Error> {
        match self.ask(Query::Story(future.key()), "story").await? {
            Answer::Story(lines) => Ok(lines),
            _ => Err(Error::Answer { what: "story" }),
        }
    }

    /// Versions of Longshore in the binaries of all parts of the cluster.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn versions(&self) -> Result<Versions, Error> {
        match self.ask(Query::Versions, "versions").await? {
            Answer::Versions(scheduler, workers) => {
                let client = env!("CARGO_PKG_VERSION").to_owned();
                Ok(Versions { client, scheduler, workers: workers.into_iter().collect() })
            }
            _ => Err(Error::Answer { what: "versions" }),
        }
    }

    /// Waits until the scheduler has handled everything that this client said before.
    ///
    /// # Errors
    /// As [`who_has`](Self::who_has).
    pub async fn flush(&self) -> Result<(), Error> {
        match self.ask(Query::Flush, "flush").await? {
            Answer::Flushed => Ok(()),
            _ => Err(Error::Answer { what: "flush" }),
        }
    }

    /// Waits until so many workers are there; gives their number.
    pub fn wait_for_workers(&self, count: u32) -> WaitForWorkers {
        WaitForWorkers { session: self.session().clone(), count, limit: None }
    }

    async fn ask(&self, query: Query, what: &'static str) -> Result<Answer, Error> {
        self.session().ask(query, what, Some(ANSWER_MAX)).await
    }
}

/// Versions of Longshore in one cluster. From [`Client::versions`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Versions {
    /// This program's.
    pub client: String,
    /// The scheduler's.
    pub scheduler: String,
    /// The workers', by their names.
    pub workers: BTreeMap<String, String>,
}

impl Versions {
    /// Whether all are the same.
    #[must_use]
    pub fn agree(&self) -> bool {
        self.workers.values().chain([&self.scheduler]).all(|version| *version == self.client)
    }
}

/// A wait for workers; await it. From [`Client::wait_for_workers`].
#[must_use = "a wait does nothing unless awaited"]
pub struct WaitForWorkers {
    session: Arc<Session>,
    count: u32,
    limit: Option<Duration>,
}

impl WaitForWorkers {
    /// Fails when it takes longer.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl IntoFuture for WaitForWorkers {
    type Output = Result<u32, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            const WHAT: &str = "waiting for workers";
            match self.session.ask(Query::WaitForWorkers(self.count), WHAT, self.limit).await? {
                Answer::Workers(count) => Ok(count),
                _ => Err(Error::Answer { what: WHAT }),
            }
        })
    }
}

impl fmt::Debug for WaitForWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForWorkers").field("count", &self.count).field("limit", &self.limit).finish()
    }
}
