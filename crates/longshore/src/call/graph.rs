//! A call and all calls among its arguments, inputs first.
use super::CallNode;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::sync::Arc;

/// Calls in an order in which each comes after its arguments; the last one is the call that was asked for.
///
/// A call that is used several times is listed once. Made without recursion, so that chains may be as long as memory is.
#[derive(Debug)]
pub(crate) struct CallGraph {
    calls: Vec<Arc<CallNode>>,
    places: HashMap<*const CallNode, u32, FixedState>,
}

impl CallGraph {
    pub(crate) fn new(root: Arc<CallNode>) -> Self {
        let mut graph = CallGraph { calls: Vec::new(), places: HashMap::default() };
        let mut open = vec![Open::new(root)];
        while let Some(top) = open.last_mut() {
            match top.children.pop() {
                Some(child) if graph.places.contains_key(&Arc::as_ptr(&child)) => {}
                Some(child) => open.push(Open::new(child)),
                None => {
                    let done = open.pop().map(|open| open.call);
                    done.into_iter().for_each(|call| graph.push(call));
                }
            }
        }
        graph
    }

    fn push(&mut self, call: Arc<CallNode>) {
        // A call can be open twice only if it is its own argument, and it cannot be.
        self.places.insert(Arc::as_ptr(&call), self.calls.len() as u32);
        self.calls.push(call);
    }

    /// All calls, inputs first.
    pub(crate) fn calls(&self) -> &[Arc<CallNode>] {
        &self.calls
    }

    /// The place of a call in [`Self::calls`].
    pub(crate) fn place(&self, call: &Arc<CallNode>) -> Option<u32> {
        self.places.get(&Arc::as_ptr(call)).copied()
    }
}

/// A call whose arguments are being listed.
struct Open {
    call: Arc<CallNode>,
    /// Those not listed yet, last first.
    children: Vec<Arc<CallNode>>,
}

impl Open {
    fn new(call: Arc<CallNode>) -> Self {
        let mut children: Vec<_> = call.children().cloned().collect();
        children.reverse();
        Open { call, children }
    }
}
