use crate::{Call, Input, lambda, local, task};
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
fn a_chain_of_calls_needs_no_stack() {
    let mut call = inc(0);
    for _ in 1..100_000 {
        call = inc(call);
    }
    assert_eq!(call.clone().run().unwrap(), 100_000);
    drop(call);
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
