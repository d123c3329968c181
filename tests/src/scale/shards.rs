//! A graph spread over several schedulers, each with workers of its own.
//!
//! A scheduler knows nothing of the others, so what joins them is a client with a session at each. A task is submitted to
//! the scheduler that owns it as soon as its inputs are known there: those of the same scheduler by their futures, long
//! before they have values; those of another by value, once the client has it. So an edge that is cut costs two hops over
//! the client, and holds up what follows until then.
use super::cluster::{connect, start_scheduler, start_workers};
use super::meter::{Meter, uncounted};
use super::work::{HOME_LEN, Weave, join, leaf, value};
use super::{Costs, world};
use longshore::{AsCompleted, Client, Input, TaskFuture, TaskId, as_completed};
use longshore_rt::Runtime;
use longshore_sim::{Sim, SimRuntime};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Who owns which task.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Partition {
    /// Neighbours stay together: as many homes for each scheduler.
    Homes,
    /// A hash of the task's number decides, as if nothing were known of the graph.
    Hash,
}

/// What is run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random follows from it.
    pub seed: u64,
    /// Schedulers.
    pub shards: usize,
    /// Workers of one thread, all schedulers' together.
    pub workers: usize,
    /// The graph.
    pub weave: Weave,
    /// Who owns which task.
    pub partition: Partition,
    /// What things take in virtual time.
    pub costs: Costs,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Edges of the graph, and those between tasks of two schedulers.
    pub edges: usize,
    /// See [`edges`](Self::edges).
    pub cut_edges: usize,
    /// Values that were carried from one scheduler to another, each once.
    pub carried: usize,
    /// Tasks of the scheduler with most, as a multiple of the mean.
    pub imbalance: f64,
    /// Virtual time from the first submission to the last result.
    pub makespan: Duration,
    /// The part of it in which each scheduler's core was busy.
    pub busy: Vec<f64>,
    /// The part of it in which the client's core was busy.
    pub client_busy: f64,
    /// The part of the workers' time in which they ran tasks.
    pub utilisation: f64,
    /// Real time of the whole run.
    pub real: Duration,
    /// Stands for all that happened.
    pub fingerprint: u64,
}

fn name(shard: usize) -> String {
    format!("scheduler-{shard}")
}

/// Runs it.
///
/// # Panics
/// When a result is wrong or missing.
#[must_use]
pub fn run(setup: &Setup) -> Report {
    let begun = Instant::now();
    let sim = world(setup.seed, &setup.costs);
    let meter = Meter::new(uncounted);
    let workers_each = setup.workers / setup.shards;
    for shard in 0..setup.shards {
        start_scheduler(&sim, &name(shard), &setup.costs, &meter);
        start_workers(&sim, &name(shard), workers_each);
    }
    let rt = sim.node("client");
    sim.set_poll_cost("client", setup.costs.client);
    let mut crossing = Crossing::new(setup);
    let (makespan, busy, client_busy) = sim
        .run(async {
            for shard in 0..setup.shards {
                let client = connect(&rt, &name(shard), workers_each).await;
                warm(&client, workers_each).await;
                crossing.clients.push(client);
            }
            let (start, before) = (rt.now(), processors(&sim, setup.shards));
            crossing.go().await;
            let makespan = rt.now().duration_since(start);
            let part = |at: usize, name: &str| {
                (sim.processor_time(name) - before[at]).as_secs_f64() / makespan.as_secs_f64()
            };
            let busy = (0..setup.shards).map(|shard| part(shard, &name(shard))).collect();
            let client_busy = part(setup.shards, "client");
            crossing.clients.clear();
            (makespan, busy, client_busy)
        })
        .expect("nothing else runs on this thread");
    let (edges, cut_edges) = crossing.edges();
    Report {
        edges,
        cut_edges,
        carried: crossing.carried,
        imbalance: crossing.imbalance(setup.shards),
        makespan,
        busy,
        client_busy,
        utilisation: setup.costs.task.as_secs_f64() * setup.weave.len() as f64
            / (makespan.as_secs_f64() * setup.workers as f64),
        real: begun.elapsed(),
        fingerprint: sim.fingerprint(),
    }
}

/// Every worker runs something of each kind, so that it is known how long that takes.
async fn warm(client: &Client<SimRuntime>, workers: usize) {
    let leaves = client.map(leaf, 0..workers as u64);
    let joins: Vec<_> = leaves.iter().map(|one| client.submit(join(0, one, one))).collect();
    client.gather(joins).await.expect("leaves and joins do not fail");
}

/// What the cores of all schedulers, and last that of the client, have done so far.
fn processors(sim: &Sim, shards: usize) -> Vec<Duration> {
    let names = (0..shards).map(name).chain(["client".to_owned()]);
    names.map(|name| sim.processor_time(&name)).collect()
}

/// A graph on its way across the schedulers.
struct Crossing {
    weave: Weave,
    owner: Vec<usize>,
    clients: Vec<Client<SimRuntime>>,
    /// Tasks that need a task, twice if they need it twice.
    users: Vec<Vec<usize>>,
    /// Futures of what was submitted, until all that need them were.
    futures: Vec<Option<TaskFuture<u64>>>,
    /// Values that were carried.
    values: Vec<Option<u64>>,
    /// Inputs that are not known to the owner yet.
    unknown: Vec<u8>,
    /// Users that were not submitted yet.
    users_left: Vec<usize>,
    ready: VecDeque<usize>,
    to_carry: AsCompleted<u64>,
    by_key: BTreeMap<TaskId, usize>,
    carried: usize,
}

impl Crossing {
    fn new(setup: &Setup) -> Self {
        let (weave, len) = (setup.weave, setup.weave.len());
        let owner = (0..len).map(|task| owner(setup, task)).collect();
        let mut users = vec![Vec::new(); len];
        for task in 0..len {
            weave.inputs(task).into_iter().flatten().for_each(|input| users[input].push(task));
        }
        Crossing {
            weave,
            owner,
            clients: Vec::new(),
            futures: vec![None; len],
            values: vec![None; len],
            unknown: (0..len).map(|task| if task < weave.width { 0 } else { 2 }).collect(),
            users_left: users.iter().map(Vec::len).collect(),
            users,
            ready: (0..weave.width).collect(),
            to_carry: as_completed(Vec::new()),
            by_key: BTreeMap::new(),
            carried: 0,
        }
    }

    async fn go(&mut self) {
        self.submit_ready();
        while let Some(future) = self.to_carry.next().await {
            let task = self.by_key.remove(&future.key()).expect("it was noted");
            self.values[task] = Some(future.await.expect("it does not fail"));
            self.carried += 1;
            self.tell(task, |ours, users| ours != users);
            self.submit_ready();
        }
        let expected = self.weave.values();
        let last = self.weave.len() - self.weave.width;
        for (future, expected) in self.futures.drain(last..).zip(&expected[last..]) {
            let future = future.expect("everything was submitted");
            let given = future.await.expect("it does not fail");
            assert_eq!(given, *expected, "a result that no sequential program gives");
        }
    }

    /// An input is known to those of its users whose owner is meant.
    fn tell(&mut self, task: usize, is_meant: impl Fn(usize, usize) -> bool) {
        for user in &self.users[task] {
            if is_meant(self.owner[task], self.owner[*user]) {
                self.unknown[*user] -= 1;
                if self.unknown[*user] == 0 {
                    self.ready.push_back(*user);
                }
            }
        }
    }

    fn submit_ready(&mut self) {
        while let Some(task) = self.ready.pop_front() {
            let (client, salt) = (&self.clients[self.owner[task]], self.weave.salt(task));
            let future = match self.weave.inputs(task) {
                None => client.submit(leaf(salt)),
                Some([a, b]) => client.submit(join(salt, self.input(task, a), self.input(task, b))),
            };
            if self.users[task].iter().any(|user| self.owner[*user] != self.owner[task]) {
                self.by_key.insert(future.key(), task);
                self.to_carry.push(future.clone());
            }
            self.futures[task] = Some(future);
            self.tell(task, |ours, users| ours == users);
            for input in self.weave.inputs(task).into_iter().flatten() {
                self.users_left[input] -= 1;
                if self.users_left[input] == 0 {
                    self.futures[input] = None;
                }
            }
        }
    }

    /// What the owner of a task is told of an input.
    fn input(&self, task: usize, input: usize) -> Input<u64> {
        match &self.futures[input] {
            Some(future) if self.owner[input] == self.owner[task] => future.into(),
            _ => self.values[input].expect("it was carried").into(),
        }
    }

    fn edges(&self) -> (usize, usize) {
        let all = (0..self.weave.len())
            .flat_map(|task| self.weave.inputs(task).into_iter().flatten().map(move |input| (input, task)));
        let cut = all.clone().filter(|(input, task)| self.owner[*input] != self.owner[*task]);
        (all.count(), cut.count())
    }

    fn imbalance(&self, shards: usize) -> f64 {
        let mut tasks = vec![0_usize; shards];
        self.owner.iter().for_each(|owner| tasks[*owner] += 1);
        let most = tasks.iter().max().copied().unwrap_or_default();
        (most * shards) as f64 / self.owner.len().max(1) as f64
    }
}

fn owner(setup: &Setup, task: usize) -> usize {
    match setup.partition {
        Partition::Homes => {
            let (home, homes) = (task % setup.weave.width / HOME_LEN, setup.weave.width / HOME_LEN);
            home * setup.shards / homes.max(1)
        }
        Partition::Hash => {
            let chance = value(task as u64 ^ setup.seed) % setup.shards as u64;
            usize::try_from(chance).unwrap_or_default()
        }
    }
}
