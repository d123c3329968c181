//! What a client is going to do, drawn from a seed: calls with everything one can say of them, values that are put in, and what
//! becomes of their futures.
//!
//! All clients of a seed begin with the same *shared* nodes, which are pure, keyed or hashed, so that each is one task of the
//! cluster that several clients want. The rest is a client's own.
use super::task::{Ending, Recipe};
use longshore_sim::Rng;
use std::time::Duration;

/// One task: a call of a function, or a value that is put in.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What it makes.
    pub(super) recipe: Recipe,
    /// Bytes of an argument that is a plain value.
    pub(super) ballast: usize,
    /// Indices of earlier nodes.
    pub(super) inputs: Vec<usize>,
    /// Which function, or none.
    pub(super) kind: Kind,
    /// What it is known by.
    pub(super) name: Name,
    /// Said of the call.
    pub(super) priority: i32,
    /// Said of the call.
    pub(super) retries: u32,
    /// Said of the call.
    pub(super) place: Place,
    /// It must not be run twice.
    pub(super) once: bool,
    /// Has no future: it is described within the calls that use it.
    pub(super) inner: bool,
    /// Other clients have it too.
    pub(super) shared: bool,
}

/// What makes the value of a node.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A plain function.
    Plain,
    /// An `async fn`.
    Async,
    /// An `async fn` that submits another task.
    Delegating,
    /// The client, who puts it in.
    Scattered,
}

/// What a task is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// By its future alone.
    Own,
    /// By its content.
    Content,
    /// By a key that all clients use for the same call.
    Key(String),
    /// By a key that each client uses for another call.
    Contested,
}

/// Where it may run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Anywhere.
    Any,
    /// On these workers only.
    On(Vec<String>),
    /// On these rather than others; they need not exist.
    Rather(Vec<String>),
}

/// One thing that a client does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Submits a node, or puts its value in.
    Submit(usize),
    /// Drops its future.
    Drop(usize),
    /// Cancels it.
    Cancel(usize),
    /// Leaves it to itself and drops its future.
    Detach(usize),
    /// Awaits it and looks at the outcome.
    Await(usize),
    /// Waits.
    Sleep(Duration),
    /// Asks the scheduler about it, and waits for the answer.
    Ask(usize),
}

/// How often clients of a seed do what: once in so many nodes, never at zero.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) cancel: u64,
    pub(super) drop: u64,
    pub(super) detach: u64,
    pub(super) scatter: u64,
    pub(super) refuse: u64,
    pub(super) panic: u64,
    pub(super) flaky: u64,
    pub(super) options: u64,
    pub(super) asynchronous: u64,
    pub(super) inner: u64,
    pub(super) gpu: u64,
    /// Length of what all clients share.
    pub(super) shared_len: usize,
    /// Names of workers that are sure to be there in the end.
    pub(super) workers: Vec<String>,
}

/// What a client does, and the nodes it speaks of.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Tasks.
    pub(super) nodes: Vec<Node>,
    /// In order.
    pub(super) steps: Vec<Step>,
}

impl Step {
    /// The node whose future it parts with.
    pub(super) fn gives_up(&self) -> Option<usize> {
        match self {
            Step::Drop(at) | Step::Cancel(at) | Step::Detach(at) => Some(*at),
            _ => None,
        }
    }
}

impl Style {
    /// Some of it often and some never, as the seed has it.
    pub(super) fn swarm(rng: &mut Rng, workers: Vec<String>) -> Style {
        let mut rate = |low, high| if rng.one_in(3) { 0 } else { rng.between(low, high) };
        Style {
            cancel: rate(4, 40),
            drop: rate(2, 20),
            detach: rate(10, 40),
            scatter: rate(6, 30),
            refuse: rate(20, 120),
            panic: rate(20, 120),
            flaky: rate(10, 60),
            options: rate(1, 6),
            asynchronous: rate(3, 12),
            inner: rate(4, 12),
            gpu: rate(4, 20),
            shared_len: rate(1, 24) as usize,
            workers,
        }
    }
}

/// Draws a client's plan. `shared` is the same for all clients, `own` is not.
pub(super) fn draw(style: &Style, mut shared: Rng, mut own: Rng) -> Plan {
    let mut drawing = Drawing { style, plan: Plan::default(), usable: Vec::new(), open: Vec::new() };
    for _ in 0..style.shared_len {
        drawing.shared_node(&mut shared);
    }
    let len = 12 + own.index(120);
    for _ in 0..len {
        drawing.node(&mut own);
        drawing.happening(&mut own);
    }
    drawing.plan
}

struct Drawing<'a> {
    style: &'a Style,
    plan: Plan,
    /// Nodes that may be inputs.
    usable: Vec<usize>,
    /// Those of them that have a future.
    open: Vec<usize>,
}

impl Drawing<'_> {
    fn shared_node(&mut self, rng: &mut Rng) {
        let mut node = self.draw(rng);
        node.shared = true;
        // Only what always ends the same way can be told by each of the clients.
        if matches!(node.recipe.ending, Ending::RefusalUntil(_)) {
            node.recipe.ending = Ending::Value;
        }
        node.name = match rng.one_in(2) && node.kind != Kind::Scattered {
            true => Name::Key(format!("shared-{}", node.recipe.salt)),
            false => Name::Content,
        };
        // A large argument stays with the client whose call came first, and leaves with it.
        node.ballast = node.ballast.min(30);
        self.push(node);
    }

    fn node(&mut self, rng: &mut Rng) {
        let mut node = self.draw(rng);
        node.inner = node.kind == Kind::Plain && rng.one_in(self.style.inner);
        if rng.one_in(self.style.options) {
            self.options(rng, &mut node);
        }
        self.push(node);
    }

    fn push(&mut self, node: Node) {
        let at = self.plan.nodes.len();
        self.usable.push(at);
        self.plan.steps.push(Step::Submit(at));
        if !node.inner {
            self.open.push(at);
        }
        self.plan.nodes.push(node);
    }

    fn draw(&mut self, rng: &mut Rng) -> Node {
        let style = self.style;
        let scattered = rng.one_in(style.scatter);
        let inputs_len = if scattered || rng.one_in(3) { 0 } else { 1 + rng.index(3) };
        let mut inputs: Vec<usize> = (0..inputs_len).filter_map(|_| self.near(rng)).collect();
        inputs.sort_unstable();
        inputs.dedup();
        let kind = match (scattered, rng.one_in(style.asynchronous), rng.one_in(4)) {
            (true, ..) => Kind::Scattered,
            (_, false, _) => Kind::Plain,
            (_, true, false) => Kind::Async,
            (_, true, true) => Kind::Delegating,
        };
        let ending = match (rng.one_in(style.refuse), rng.one_in(style.panic), rng.one_in(style.flaky)) {
            _ if matches!(kind, Kind::Scattered | Kind::Delegating) => Ending::Value,
            (true, ..) => Ending::Refusal,
            (_, true, _) => Ending::Panic,
            (.., true) => Ending::RefusalUntil(1 + u32::try_from(rng.index(3)).unwrap_or(0)),
            _ => Ending::Value,
        };
        let gpus = u32::from(kind == Kind::Async && rng.one_in(style.gpu));
        Node {
            recipe: Recipe { salt: rng.next_u64(), nbytes: nbytes(rng), ending, gpus },
            ballast: if rng.one_in(50) { 70_000 } else { rng.index(30) },
            inputs,
            kind,
            name: Name::Own,
            priority: 0,
            retries: 0,
            place: Place::Any,
            once: false,
            inner: false,
            shared: false,
        }
    }

    /// A node that was added lately, as a rule, so that graphs are deep as well as wide.
    fn near(&self, rng: &mut Rng) -> Option<usize> {
        let len = self.usable.len();
        let back = if rng.one_in(4) { rng.index(len) } else { rng.index(len.min(8)) };
        self.usable.get(len.checked_sub(back + 1)?).copied()
    }

    fn options(&self, rng: &mut Rng, node: &mut Node) {
        node.priority = i32::try_from(rng.index(7)).unwrap_or(0) - 3;
        if rng.one_in(2) {
            node.retries = u32::try_from(rng.index(4)).unwrap_or(0);
        }
        node.once = rng.one_in(6) && node.recipe.ending == Ending::Value && node.kind != Kind::Delegating;
        let names: Vec<String> =
            (0..1 + rng.index(2)).filter_map(|_| rng.pick(&self.style.workers).cloned()).collect();
        node.place = match rng.index(6) {
            0 if !names.is_empty() && node.recipe.gpus == 0 => Place::On(names),
            1 => Place::Rather(vec!["nobody".into()]),
            2 => Place::Rather(names),
            _ => Place::Any,
        };
        if !node.inner && node.kind != Kind::Scattered && rng.one_in(8) {
            node.name = Name::Contested;
        }
    }

    /// Something that happens after a node was submitted.
    fn happening(&mut self, rng: &mut Rng) {
        let style = self.style;
        if rng.one_in(12) {
            self.plan.steps.push(Step::Sleep(Duration::from_micros(rng.between(1, 500_000))));
        }
        if rng.one_in(20) {
            self.at_open(rng, Step::Await);
        }
        if rng.one_in(30) {
            self.at_open(rng, Step::Ask);
        }
        if rng.one_in(style.drop) {
            self.give_up(rng, Step::Drop);
        }
        if rng.one_in(style.cancel) {
            self.give_up(rng, Step::Cancel);
        }
        if rng.one_in(style.detach) {
            self.give_up(rng, Step::Detach);
        }
    }

    fn at_open(&mut self, rng: &mut Rng, step: fn(usize) -> Step) {
        if let Some(at) = rng.pick(&self.open).copied() {
            self.plan.steps.push(step(at));
        }
    }

    /// Parts with a future, and now and then comes back to the same call.
    fn give_up(&mut self, rng: &mut Rng, step: fn(usize) -> Step) {
        let Some(at) = rng.pick(&self.open).copied() else { return };
        self.plan.steps.push(step(at));
        self.open.retain(|other| *other != at);
        self.usable.retain(|other| *other != at);
        let node = &self.plan.nodes[at];
        let again = node.name != Name::Own && node.inputs.iter().all(|input| self.usable.contains(input));
        if again && rng.one_in(2) {
            let node = node.clone();
            self.push(node);
        }
    }
}

/// Most values are small, one in eight is too large to travel with messages.
fn nbytes(rng: &mut Rng) -> usize {
    match rng.one_in(8) {
        true => 5_000 + rng.index(70_000),
        false => rng.index(100),
    }
}
