//! Calls through the form that travels: encoded here, found by id, run from bytes.
use super::{add, inc, len, nothing, shout, sum};
use crate::call::{Args, Call, CallBody, CallGraph, CallNode, Dependencies};
use crate::function::{Run, RunFailureKind, RunResult, registry};
use crate::future::FutureRef;
use crate::value::{EncodeError, StoredValue, Value};
use crate::{Input, lambda, local, task};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A cluster of one that forgets all types between runs.
struct Wire<'a> {
    graph: &'a CallGraph,
    results: &'a [Bytes],
    inputs: Vec<StoredValue>,
    inline_arg_bytes_max: usize,
}

impl Wire<'_> {
    fn push(&mut self, value: StoredValue) -> u32 {
        self.inputs.push(value);
        self.inputs.len() as u32 - 1
    }
}

impl Dependencies for Wire<'_> {
    fn future(&mut self, _: &FutureRef) -> u32 {
        unreachable!("no futures here")
    }

    fn call(&mut self, call: &Arc<CallNode>) -> u32 {
        let place = self.graph.place(call).expect("inputs come first");
        let result = self.results[place as usize].clone();
        self.push(StoredValue::from_encoded(result))
    }

    fn inline_arg_bytes_max(&self) -> usize {
        self.inline_arg_bytes_max
    }

    fn object(&mut self, value: StoredValue) -> u32 {
        self.push(value)
    }
}

fn graph<T>(call: Call<T>) -> CallGraph {
    match call.into_body() {
        CallBody::Node(node) => CallGraph::new(node),
        CallBody::Held(_) => unreachable!("a described call"),
    }
}

fn run(function: longshore_proto::FunctionId, args: Args, inputs: Vec<StoredValue>) -> RunResult {
    match registry().find(function).expect("registered").run() {
        Run::Sync(run) => run(&args, &inputs),
        Run::Async(run) => futures_lite::future::block_on(run(args, inputs)),
    }
}

fn remote_with<T: Value>(call: Call<T>, inline_arg_bytes_max: usize) -> Result<T, EncodeError> {
    let graph = graph(call);
    let mut results = Vec::new();
    for call in graph.calls() {
        let mut wire = Wire { graph: &graph, results: &results, inputs: Vec::new(), inline_arg_bytes_max };
        let mut out = Vec::new();
        call.encode_args(&mut wire, &mut out)?;
        let inputs = wire.inputs;
        let result = run(call.function().declared().id(), Args::from_encoded(out), inputs);
        results.push(result.expect("the run succeeds").store().encoded()?);
    }
    let last = StoredValue::from_encoded(results.pop().expect("one call at least"));
    Ok(T::clone(&*last.typed().expect("the result decodes")))
}

fn remote<T: Value>(call: Call<T>) -> T {
    remote_with(call, usize::MAX).expect("everything encodes")
}

#[test]
fn an_argument_takes_two_bytes_and_its_value() {
    let graph = graph(inc(10));
    let mut out = Vec::new();
    let mut wire = Wire { graph: &graph, results: &[], inputs: Vec::new(), inline_arg_bytes_max: usize::MAX };
    graph.calls()[0].encode_args(&mut wire, &mut out).unwrap();
    assert_eq!(out, [0, 1, 20]);
}

#[test]
fn calls_give_the_same_remotely() {
    assert_eq!(remote(inc(10)), 11);
    assert_eq!(remote(add(inc(1), add(inc(2), 3))), 8);
    assert_eq!(remote(shout("abc")), "ABC");
    assert_eq!(remote(len(vec![1, 2, 3])), 3);
    remote(nothing());
}

#[test]
fn containers_are_assembled_remotely() {
    assert_eq!(remote(sum(vec![inc(1), inc(2)])), 5);
    assert_eq!(remote(sum(vec![Input::from(1), inc(2).into()])), 4);
    assert_eq!(remote(sum(Vec::<i64>::new())), 0);
    #[task]
    fn pair(pair: (i64, String), more: Option<i64>) -> String {
        format!("{}{}{more:?}", pair.0, pair.1)
    }
    assert_eq!(remote(pair((inc(1), shout("a")), Some(inc(5)))), "2ASome(6)");
    assert_eq!(remote(pair((1, "a".to_owned()), None::<Call<i64>>)), "1aNone");
}

/// Looks like a sequence to serde and is no `Vec`.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Series(Vec<i64>);

#[test]
fn long_arguments_become_inputs() {
    let xs: Vec<i64> = (0..1000).collect();
    assert_eq!(remote_with(sum(xs.clone()), 64).unwrap(), 499_500);
    assert_eq!(remote_with(sum(xs), usize::MAX).unwrap(), 499_500);
    #[task]
    fn both(a: String, b: &str) -> usize {
        a.len() + b.len()
    }
    assert_eq!(remote_with(both("a".repeat(200), "b".repeat(300)), 250).unwrap(), 500);
    assert_eq!(remote_with(both("a".repeat(127), "b".repeat(128)), 1000).unwrap(), 255);
}

#[test]
fn maps_and_structs_travel() {
    #[task]
    fn count(words: BTreeMap<String, Series>) -> BTreeMap<String, usize> {
        words.into_iter().map(|(word, series)| (word, series.0.len())).collect()
    }
    let words = BTreeMap::from([("a".to_owned(), Series(vec![1, 2])), ("b".to_owned(), Series(vec![]))]);
    assert_eq!(remote(count(words)), BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)]));
}

#[test]
fn async_functions_run_remotely_and_locally() {
    #[task]
    async fn join(a: &str, b: String, c: Arc<String>) -> String {
        futures_lite::future::yield_now().await;
        format!("{a}{b}{c}")
    }
    assert_eq!(remote(join("a", "b", shout("c"))), "abC");
    assert_eq!(futures_lite::future::block_on(join("a", "b", shout("c")).run_async()).unwrap(), "abC");
    let error = join("a", "b", "c").run().unwrap_err();
    assert!(error.to_string().contains("run_async"), "{error}");
}

#[test]
fn lambdas_travel_and_closures_do_not() {
    assert_eq!(remote(lambda!(|x: i64, xs: &[i64]| x + xs[0])(1, vec![inc(1)])), 3);
    let error = remote_with(local(|x: i64| x).call(1), usize::MAX).unwrap_err();
    assert!(matches!(error, EncodeError::Local { .. }));
    assert!(error.to_string().contains("#[task]"), "{error}");
}

#[test]
fn generic_functions_have_one_instance_per_type() {
    #[task(for T in [f64, u64])]
    fn scale<T>(x: T, k: T) -> T
    where
        T: std::ops::Mul<Output = T>,
    {
        x * k
    }
    #[task(for T in [u8, i16], for U in [String])]
    fn show<T: std::fmt::Display, U: std::fmt::Display>(x: T, xs: &[U]) -> String {
        format!("{x}{}", xs[0])
    }
    assert_eq!(remote(scale(2.0, 1.5)), 3.0);
    assert_eq!(remote(scale(2u64, scale(3, 4))), 24);
    assert_eq!(remote(show(1u8, vec!["a".to_owned()])), "1a");
    let name = |call: Call<f64>| call.function().expect("a function").name().to_owned();
    assert!(name(scale(1.0, 1.0)).ends_with("::scale<f64>"));
}

#[test]
fn bytes_that_are_no_argument_name_the_parameter_and_the_type() {
    let id = shout("a").function().expect("a function").id();
    let not_text = run(id, Args::from_encoded(vec![0, 2, 1, 0xff]), Vec::new()).unwrap_err();
    assert_eq!(not_text.kind, RunFailureKind::UndecodableArgument);
    assert!(
        not_text.message.contains("`text`") && not_text.message.contains("String"),
        "{}",
        not_text.message
    );
    let too_many = run(id, Args::from_encoded(vec![0, 2, 1, b'a', 0, 1, 0]), Vec::new()).unwrap_err();
    assert_eq!(too_many.kind, RunFailureKind::UndecodableArgument);
    let other = StoredValue::from_typed(5i64);
    let other_type = run(id, Args::from_encoded(vec![1, 0]), vec![other]).unwrap_err();
    assert!(other_type.message.contains("i64"), "{}", other_type.message);
    for args in
        [vec![], vec![9], vec![1, 7], vec![0, 200, 1], vec![2, 255, 255, 255, 255, 255, 1], vec![3, 3, 3]]
    {
        let failure = run(id, Args::from_encoded(args), Vec::new()).unwrap_err();
        assert_eq!(failure.kind, RunFailureKind::UndecodableArgument);
    }
}
