//! Walking graphs of calls.
use super::{add, inc, sum};
use crate::Call;
use crate::call::{CallBody, CallGraph};
use std::sync::Arc;

fn graph<T>(call: Call<T>) -> CallGraph {
    match call.into_body() {
        CallBody::Node(node) => CallGraph::new(node),
        CallBody::Held(_) => unreachable!("a described call"),
    }
}

#[test]
fn inputs_come_before_what_needs_them() {
    let shared = inc(1);
    let graph = graph(sum(vec![add(shared.clone(), inc(2)), shared.clone(), inc(shared)]));
    assert_eq!(graph.calls().len(), 5, "the shared call is there once");
    for (place, call) in graph.calls().iter().enumerate() {
        assert_eq!(graph.place(call), Some(place as u32));
        assert!(call.children().all(|child| graph.place(child) < Some(place as u32)));
    }
}

#[test]
fn a_deep_graph_is_walked_and_dropped_without_recursion() {
    let mut call = inc(0);
    for _ in 0..100_000 {
        call = add(call.clone(), call);
    }
    let graph = graph(call);
    assert_eq!(graph.calls().len(), 100_001);
    let root = graph.calls().last().cloned().expect("a root");
    drop(graph);
    assert_eq!(Arc::strong_count(&root), 1);
}

#[test]
fn a_deep_call_that_is_never_run_is_dropped() {
    let mut call = inc(0);
    for _ in 0..100_000 {
        call = sum(vec![call, inc(1)]);
    }
    drop(call);
}
