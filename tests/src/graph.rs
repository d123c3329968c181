//! Random graphs of calls, and what each call must give.
use crate::function::blend;
use longshore_sim::Rng;
use std::collections::BTreeSet;

/// One call: its inputs are earlier nodes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Distinguishes it from other nodes.
    pub salt: u64,
    /// Size of its value in bytes.
    pub nbytes: usize,
    /// Indices of earlier nodes.
    pub inputs: Vec<usize>,
}

/// A graph of `len` nodes. Most values are small, one in eight is too large to travel with messages.
#[must_use]
pub fn random(rng: &mut Rng, len: usize) -> Vec<Node> {
    (0..len).map(|i| node(rng, i)).collect()
}

fn node(rng: &mut Rng, i: usize) -> Node {
    let inputs_len = if i == 0 || rng.one_in(3) { 0 } else { 1 + rng.index(3) };
    // Near ones mostly, so that graphs are deep as well as wide.
    let near = |rng: &mut Rng| if rng.one_in(4) { rng.index(i) } else { i - 1 - rng.index(i.min(8)) };
    let mut inputs: Vec<usize> = (0..inputs_len).map(|_| near(rng)).collect();
    inputs.dedup();
    let nbytes = if rng.one_in(8) { 5_000 + rng.index(60_000) } else { rng.index(100) };
    Node { salt: rng.next_u64(), nbytes, inputs }
}

/// What a node gives: a value, or the error of any of the failing nodes that it depends on.
pub type Expected = Result<Vec<u8>, BTreeSet<String>>;

/// What each node gives, computed one after the other.
#[must_use]
pub fn expected(graph: &[Node]) -> Vec<Expected> {
    let mut values: Vec<Expected> = Vec::with_capacity(graph.len());
    for node in graph {
        let errors: BTreeSet<String> =
            node.inputs.iter().filter_map(|i| values[*i].as_ref().err()).flatten().cloned().collect();
        let inputs = node.inputs.iter().filter_map(|i| values[*i].as_deref().ok());
        let value = match errors.is_empty() {
            true => blend(node.salt, node.nbytes, inputs).map_err(|e| BTreeSet::from([e])),
            false => Err(errors),
        };
        values.push(value);
    }
    values
}
