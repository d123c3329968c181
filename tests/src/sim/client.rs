//! A client that carries out its plan and holds every outcome against the oracle.
use super::oracle::{self, Cause, Expected, World};
use super::plan::{Kind, Name, Node, Place, Plan, Step};
use super::task::{delegate, mix, steep};
use super::{Counts, PATIENCE, SILENCE};
use longshore::{Call, Client, Error, Input, Rerun, TaskError, TaskErrorKind, TaskFuture, TaskId};
use longshore_rt::{Runtime, RuntimeExt};
use longshore_sim::SimRuntime;

type Value = Vec<u8>;

/// A client in one session.
pub(super) struct Actor<'a> {
    rt: SimRuntime,
    client: Client<SimRuntime>,
    plan: &'a Plan,
    expected: Vec<Expected>,
    /// What there is of each node.
    held: Vec<Held>,
    keys: Vec<Option<TaskId>>,
    /// Its session may end before it does.
    mortal: bool,
    lost: bool,
    pub(super) counts: Counts,
}

enum Held {
    Nothing,
    Call(Call<Value>),
    Future(TaskFuture<Value>),
}

impl<'a> Actor<'a> {
    pub(super) fn new(
        rt: &SimRuntime,
        client: Client<SimRuntime>,
        plan: &'a Plan,
        world: World,
        mortal: bool,
    ) -> Self {
        Actor {
            rt: rt.clone(),
            client,
            plan,
            expected: oracle::expected(plan, world),
            held: plan.nodes.iter().map(|_| Held::Nothing).collect(),
            keys: vec![None; plan.nodes.len()],
            mortal,
            lost: false,
            counts: Counts::default(),
        }
    }

    /// Carries out the whole plan. Whether the session lasted.
    pub(super) async fn live(&mut self) -> bool {
        for step in &self.plan.steps {
            self.step(step).await;
        }
        for at in 0..self.plan.nodes.len() {
            self.check(at).await;
        }
        if !self.lost {
            self.retry_all().await;
        }
        if self.lost {
            self.check_end().await;
        }
        self.held.clear();
        self.client.close().await.expect("closing does not fail");
        !self.lost
    }

    /// Carries out the steps and leaves without waiting for anything.
    pub(super) async fn leave_early(&mut self) {
        for step in &self.plan.steps {
            self.step(step).await;
        }
        self.client.close().await.expect("closing does not fail");
        for at in 0..self.plan.nodes.len() {
            let Held::Future(future) = &self.held[at] else { continue };
            assert!(future.is_done(), "node {at} is pending after its client was closed");
            match future.error() {
                Some(e) if e.kind() == TaskErrorKind::ClientClosed => {}
                Some(e) if e.kind() == TaskErrorKind::SchedulerLost && self.mortal => {}
                Some(e) => self.explained(at, &e),
                None => {}
            }
        }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Submit(at) => self.submit(*at).await,
            Step::Drop(at) => self.held[*at] = Held::Nothing,
            Step::Await(at) => self.check(*at).await,
            Step::Sleep(how_long) => self.rt.sleep(*how_long).await,
            Step::Ask(at) => self.ask(*at).await,
            Step::Cancel(at) => {
                if let Held::Future(future) = &self.held[*at] {
                    let was_done = future.is_done();
                    future.cancel();
                    assert!(future.is_done(), "node {at} is pending after it was cancelled");
                    assert!(
                        was_done || future.is_cancelled() || future.error().is_some(),
                        "node {at} is not cancelled"
                    );
                }
            }
            Step::Detach(at) => {
                if let Held::Future(future) = std::mem::replace(&mut self.held[*at], Held::Nothing) {
                    future.detach();
                }
            }
        }
    }

    async fn submit(&mut self, at: usize) {
        let node = &self.plan.nodes[at];
        let future = match node.kind {
            Kind::Scattered => self.scatter(at).await,
            _ => {
                let call = self.describe(node);
                if node.inner {
                    self.held[at] = Held::Call(call);
                    return;
                }
                self.client.submit(call)
            }
        };
        self.keys[at] = Some(future.key());
        self.held[at] = Held::Future(future);
    }

    async fn scatter(&mut self, at: usize) -> TaskFuture<Value> {
        let node = &self.plan.nodes[at];
        let value = self.expected[at].value.clone().expect("what is put in has a value");
        let mut scatter = self.client.scatter(value);
        if node.name == Name::Content {
            scatter = scatter.hash();
        }
        if node.recipe.salt.is_multiple_of(5) {
            scatter = scatter.broadcast();
        }
        scatter.send()
    }

    fn describe(&self, node: &Node) -> Call<Value> {
        let inputs: Vec<Input<Value>> =
            node.inputs.iter().filter_map(|input| self.held[*input].input()).collect();
        assert_eq!(inputs.len(), node.inputs.len(), "the plan uses what it has given up");
        let (recipe, ballast) = (node.recipe.clone(), oracle::ballast(node));
        let call = match node.kind {
            Kind::Async => steep(recipe, ballast, inputs),
            Kind::Delegating => delegate(recipe, ballast, inputs),
            Kind::Plain | Kind::Scattered => mix(recipe, ballast, inputs),
        };
        let call = call.priority(node.priority).retries(node.retries);
        let call = match &node.name {
            Name::Own => call,
            Name::Content => call.pure(true),
            Name::Key(key) => call.key(key),
            Name::Contested => call.key(format!("contested-{}", node.recipe.salt % 4)),
        };
        let call = match &node.place {
            Place::Any => call,
            Place::On(workers) => call.workers(workers),
            Place::Rather(workers) => call.workers(workers).allow_other_workers(),
        };
        let call =
            if node.recipe.gpus > 0 { call.resource("gpu", f64::from(node.recipe.gpus)) } else { call };
        if node.once { call.rerun(Rerun::Never) } else { call }
    }

    /// Asks the scheduler something.
    async fn ask(&mut self, at: usize) {
        let Held::Future(future) = &self.held[at] else { return };
        let answer = match at % 3 {
            0 => self.client.who_has([future]).await.map(drop),
            1 => self.client.scheduler_info().await.map(drop),
            _ => self.client.flush().await,
        };
        match answer {
            Ok(()) => {}
            Err(Error::SchedulerLost { .. }) if self.mortal => self.lost = true,
            Err(e) => panic!("the scheduler was asked, and: {e}"),
        }
    }

    /// Awaits a node and looks at what comes.
    async fn check(&mut self, at: usize) {
        let Held::Future(future) = &self.held[at] else { return };
        let Ok(outcome) = self.rt.timeout(PATIENCE, future.wait()).await else {
            panic!("node {at} never ended: {:?}\n{}", self.plan.nodes[at], self.story(future).await)
        };
        self.judge(at, outcome);
    }

    fn judge(&mut self, at: usize, outcome: Result<Value, TaskError>) {
        self.counts.calls += 1;
        match outcome {
            Ok(value) => {
                let expected = self.expected[at].value.as_ref();
                assert_eq!(Some(&value), expected, "node {at} has a wrong value: {:?}", self.plan.nodes[at]);
            }
            Err(e) if e.kind() == TaskErrorKind::SchedulerLost && self.mortal => self.lost = true,
            Err(e) => {
                self.counts.failed += 1;
                self.explained(at, &e);
            }
        }
    }

    /// The error is one that is expected, and names the task that failed first.
    fn explained(&self, at: usize, e: &TaskError) {
        let causes = self.expected[at].causes_of(e, self.plan);
        let node = &self.plan.nodes[at];
        assert!(!causes.is_empty(), "node {at}: {e}, expected {:?}\n{node:?}", self.expected[at].causes);
        // A future that was given up here, or never sent, fails without the cluster knowing.
        let Some(root) = e.root() else { return };
        let is_root = |cause: &&Cause| self.keys[cause.root()].is_none_or(|key| key == root);
        assert!(causes.iter().any(is_root), "node {at}: {e}, of the root {root}, expected {causes:?}");
        if self.keys[at].is_some_and(|key| key != root) {
            assert!(!e.path().is_empty(), "node {at} does not say how it came to fail: {e:?}");
        } else if matches!(causes[0], Cause::Refused(_) | Cause::Panicked(_)) && !node.shared {
            assert!(e.attempts() > node.retries, "node {at} was not tried {} times: {e}", node.retries + 1);
        }
    }

    /// Has what may be run with success run again until it is.
    async fn retry_all(&mut self) {
        const ROUNDS_MAX: usize = 30;
        for at in 0..self.plan.nodes.len() {
            let mut rounds = 0;
            while let Some(future) = self.failed(at) {
                assert!(rounds < ROUNDS_MAX, "node {at} still fails: {:?}", future.error());
                rounds += 1;
                self.counts.retried += 1;
                future.retry();
                self.check(at).await;
            }
        }
    }

    /// The future of a node, if it failed and may succeed when it is run again.
    fn failed(&self, at: usize) -> Option<TaskFuture<Value>> {
        let Held::Future(future) = &self.held[at] else { return None };
        let error = future.error().filter(|_| !self.lost)?;
        let causes = self.expected[at].causes_of(&error, self.plan);
        let passes = causes.iter().all(|cause| cause.passes(self.plan));
        let local = error.root().is_none();
        (passes && !local && !self.repeats(at)).then(|| future.clone())
    }

    /// Whether asking for a node once more may repeat one that must not be run twice.
    fn repeats(&self, at: usize) -> bool {
        let mut needed = vec![false; at + 1];
        needed[at] = true;
        (0..=at).rev().any(|at| {
            let node = &self.plan.nodes[at];
            if needed[at] {
                node.inputs.iter().for_each(|input| needed[*input] = true);
            }
            needed[at] && node.once
        })
    }

    /// When the session is over, everything says so, at once.
    async fn check_end(&mut self) {
        let begun = self.rt.now();
        for at in 0..self.plan.nodes.len() {
            self.check(at).await;
        }
        let late = self.client.submit(self.describe(&first_call(self.plan)));
        assert_eq!(
            late.error().map(|e| e.kind()),
            Some(TaskErrorKind::SchedulerLost),
            "a call after the end"
        );
        let asked = self.client.flush().await;
        assert!(matches!(asked, Err(Error::SchedulerLost { .. })), "a question after the end: {asked:?}");
        let took = self.rt.now().duration_since(begun);
        assert!(took <= SILENCE, "after the end it took {took:?} to say so");
    }

    async fn story(&self, future: &TaskFuture<Value>) -> String {
        let story = self.client.story(future).await.unwrap_or_default().join("\n");
        let (info, processing) = (self.client.scheduler_info().await, self.client.processing().await);
        format!("{story}\n{info:#?}\n{processing:?}")
    }
}

/// A call without inputs.
fn first_call(plan: &Plan) -> Node {
    Node { inputs: Vec::new(), kind: Kind::Plain, name: Name::Own, inner: false, ..plan.nodes[0].clone() }
}

impl Held {
    fn input(&self) -> Option<Input<Value>> {
        match self {
            Held::Nothing => None,
            Held::Call(call) => Some(call.clone().into()),
            Held::Future(future) => Some(future.into()),
        }
    }
}
