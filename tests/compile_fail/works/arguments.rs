//! Everything that may stand in the place of an argument, without a type being written.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

use longshore::{Arg, Call, Input, TaskFuture, task};
use std::sync::Arc;

/// Documented.
#[task]
pub fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn sum(xs: Vec<i64>) -> i64 {
    xs.iter().sum()
}

#[task]
fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}

#[task]
fn len(text: &str) -> usize {
    text.len()
}

#[task]
fn shared(xs: Arc<Vec<i64>>) -> usize {
    xs.len()
}

#[task]
fn maybe(x: Option<i64>) -> i64 {
    x.unwrap_or(0)
}

#[task]
fn pair(pair: (i64, String)) -> String {
    format!("{}{}", pair.0, pair.1)
}

#[task]
fn name() -> String {
    "name".to_owned()
}

/// Never called: there is no cluster here.
fn futures(x: TaskFuture<i64>, text: TaskFuture<String>, xs: TaskFuture<Vec<i64>>) {
    let _ = [inc(x.clone()), inc(&x), inc(inc(&x))];
    let _ = [sum(xs.clone()), sum(&xs), sum(vec![x.clone()]), sum(vec![&x]), sum([x.clone(), x.clone()]), sum([&x])];
    let many = vec![x.clone(), x.clone()];
    let _ = [sum(&many), sum(&many[..]), sum(many.iter().collect::<Vec<_>>())];
    let _ = [sum(vec![Input::from(1), Input::from(&x), inc(&x).into()])];
    let _ = [maybe(Some(x.clone())), maybe(Some(&x)), maybe(None::<i64>), maybe(None::<TaskFuture<i64>>)];
    let _ = [pair((x.clone(), text.clone())), pair((&x, &text)), pair((Input::from(1), Input::from(&text)))];
    let _ = [len(&text), len("text"), len(String::new()), len(name())];
    let _ = [shared(vec![1]), shared(&xs), shared(vec![&x])];
}

fn generic<X: Arg<i64>>(x: X) -> Call<i64> {
    inc(x)
}

fn main() {
    let _ = futures;
    assert_eq!(inc(10).run().unwrap(), 11);
    assert_eq!(generic(inc(1)).run().unwrap(), 3);
    assert_eq!(mean(vec![1.0, 2.0]).run().unwrap(), 1.5);
    assert_eq!(sum((1..4).collect::<Vec<_>>()).run().unwrap(), 6);
    assert_eq!(sum((1..4).map(inc).collect::<Vec<_>>()).run().unwrap(), 9);
    let sum = sum(vec![inc(1), inc(2)]);
    assert_eq!(sum.run().unwrap(), 5);
}
