mod encoded;
mod fallible;
mod forms;
mod graph;

use crate::future::FutureRef;
use crate::{Call, Input, TaskError, TaskErrorKind, TaskFn, lambda, local, task};
use std::cell::Cell;
use std::sync::Arc;

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
fn shout(text: &str) -> String {
    text.to_uppercase()
}

#[task]
fn len(xs: Arc<Vec<i64>>) -> usize {
    xs.len()
}

#[task]
fn nothing() {}

#[test]
fn runs_a_call_and_the_calls_within() {
    assert_eq!(inc(10).run().unwrap(), 11);
    assert_eq!(add(inc(1), add(inc(2), 3)).run().unwrap(), 8);
    nothing().run().unwrap();
}

#[test]
fn takes_containers_of_calls() {
    assert_eq!(sum(vec![1, 2]).run().unwrap(), 3);
    assert_eq!(sum(vec![inc(1), inc(2)]).run().unwrap(), 5);
    assert_eq!(sum([inc(1), inc(2)]).run().unwrap(), 5);
    assert_eq!(sum(vec![Input::from(1), inc(2).into()]).run().unwrap(), 4);
}

#[test]
fn takes_references_and_shared_values() {
    assert_eq!(shout("abc").run().unwrap(), "ABC");
    assert_eq!(shout(String::from("abc")).run().unwrap(), "ABC");
    assert_eq!(len(vec![1, 2, 3]).run().unwrap(), 3);
}

#[test]
fn an_option_is_none_or_some_call() {
    #[task]
    fn or_zero(x: Option<i64>) -> i64 {
        x.unwrap_or(0)
    }
    assert_eq!(or_zero(None::<i64>).run().unwrap(), 0);
    assert_eq!(or_zero(Some(3)).run().unwrap(), 3);
    assert_eq!(or_zero(Some(inc(3))).run().unwrap(), 4);
    assert_eq!(or_zero(None::<Call<i64>>).run().unwrap(), 0);
}

#[test]
fn tuples_take_calls() {
    #[task]
    fn pair(pair: (i64, String)) -> String {
        format!("{}{}", pair.0, pair.1)
    }
    assert_eq!(pair((1, "a".to_owned())).run().unwrap(), "1a");
    assert_eq!(pair((inc(1), shout("a"))).run().unwrap(), "2A");
    assert_eq!(pair((Input::from(1), Input::from(shout("a")))).run().unwrap(), "1A");
}

#[test]
fn arrays_take_calls() {
    #[task]
    fn last(xs: [i64; 3]) -> i64 {
        xs[2]
    }
    assert_eq!(last([1, 2, 3]).run().unwrap(), 3);
    assert_eq!(last([inc(1), inc(2), inc(3)]).run().unwrap(), 4);
    assert_eq!(last([1, 2, 3].map(Input::from)).run().unwrap(), 3);
}

#[test]
fn a_chain_of_calls_needs_no_stack() {
    let mut call = inc(0);
    for _ in 1..100_000 {
        call = inc(call);
    }
    assert_eq!(call.clone().run().unwrap(), 100_000);
    drop(call);
}

#[test]
fn a_cloned_call_is_one_task() {
    thread_local!(static RUNS: Cell<u32> = const { Cell::new(0) });
    #[task]
    fn counted(x: i64) -> i64 {
        RUNS.set(RUNS.get() + 1);
        x
    }
    let call = counted(1);
    assert_eq!(sum([call.clone(), call.clone(), counted(1)]).run().unwrap(), 3);
    assert_eq!(RUNS.get(), 2, "the clones are one, the equal call is another");
}

#[test]
fn what_is_said_of_a_clone_is_not_said_of_the_call() {
    let call = inc(1);
    let urgent = call.clone().priority(5);
    let priority = |call: &Call<i64>| match call.body() {
        super::CallBody::Node(node) => node.priority(),
        super::CallBody::Held(_) => unreachable!("a described call"),
    };
    assert_eq!((priority(&call), priority(&urgent)), (0, 5));
}

#[test]
fn a_lambda_is_called_like_a_function() {
    let inc = lambda!(|x: i64| x + 1);
    assert_eq!(inc(10).run().unwrap(), 11);
    let shout = lambda!(|x: &str| x.to_uppercase());
    assert_eq!(shout.call("a").run().unwrap(), "A");
    assert_eq!(shout.call(shout.call("b")).run().unwrap(), "B");
    assert_eq!(lambda!(|x: i64, y: i64| x * y)(2, 3).run().unwrap(), 6);
    let _: Call<i32> = lambda!(|| 1)();
}

#[test]
fn a_local_closure_captures() {
    let offset = Arc::new(5);
    let shift = local(move |x: i64| x + *offset);
    assert_eq!(shift.call(inc(1)).run().unwrap(), 7);
}

#[test]
fn closures_run_without_arguments_and_with_four() {
    let held = Cell::new(0);
    let count = local(move || {
        held.set(held.get() + 1);
        held.get()
    });
    assert_eq!(count.call().run().unwrap(), 1);
    assert_eq!(count.clone().call().run().unwrap(), 2, "clones are the same closure");
    let four = local(|a: i64, b: i64, c: i64, d: i64| a + b * c - d);
    assert_eq!(four.call(1, inc(1), 3, 4).run().unwrap(), 3);
}

#[test]
fn a_local_closure_assembles_its_arguments() {
    let total = local(|xs: Vec<i64>| xs.iter().sum::<i64>());
    assert_eq!(total.call(vec![inc(1), inc(2)]).run().unwrap(), 5);
}

#[test]
fn functions_lambdas_and_closures_can_be_mapped() {
    fn describe<X, F: TaskFn<X>>(f: F, xs: impl IntoIterator<Item = X>) -> Vec<Call<F::Output>> {
        xs.into_iter().map(|x| f.describe(x)).collect()
    }
    assert_eq!(sum(describe(inc, 0..3)).run().unwrap(), 6);
    assert_eq!(sum(describe(lambda!(|x: i64| x * 2), 0..3)).run().unwrap(), 6);
    assert_eq!(sum(describe(local(|x: i64| x * 3), 0..3)).run().unwrap(), 9);
    assert_eq!(sum(describe(|x| add(x, 1), 0..3)).run().unwrap(), 6);
    assert_eq!(sum(describe(inc, describe(inc, 0..3))).run().unwrap(), 9);
}

#[test]
fn a_future_that_failed_fails_the_run() {
    let id = longshore_proto::TaskId { origin: 1, seq: 2 };
    let error = TaskError::simple(longshore_proto::FailureKind::Lost, "load", "gone");
    let future = crate::TaskFuture::<i64>::new(FutureRef::failed(id, error));
    let error = add(&future, inc(future.clone())).run().unwrap_err();
    assert_eq!((error.kind(), error.message()), (TaskErrorKind::Lost, "gone"));
}
