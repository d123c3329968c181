//! What may be written: attributes, parameter forms, options.
use crate::call::{CallBody, CallNode};
use crate::{Arg, Call, Rerun, task};
use std::sync::Arc;
use std::time::Duration;

fn node<T>(call: &Call<T>) -> &CallNode {
    match call.body() {
        CallBody::Node(node) => node,
        CallBody::Held(_) => unreachable!("a described call"),
    }
}

#[task(pure, name = "forms.everything", retries = 2, priority = -1, resources(gpu = 1.0, "big disk" = 2), timeout = "30s")]
fn everything() {}

#[test]
fn the_attribute_gives_what_calls_start_from() {
    let call = everything();
    let node = node(&call);
    assert!(node.is_pure() && !node.is_plain());
    assert_eq!(node.function().name(), "forms.everything");
    assert_eq!((node.retries(), node.priority(), node.timeout()), (2, -1, Some(Duration::from_secs(30))));
    assert_eq!(node.resources(), [("gpu".to_owned(), 1.0), ("big disk".to_owned(), 2.0)]);
}

#[test]
fn a_call_says_otherwise() {
    let call = everything().key("k").pure(false).priority(5).retries(0).resource("gpu", 0.5);
    let call = call
        .timeout(Duration::from_millis(1))
        .workers(["w1", "w2"])
        .allow_other_workers()
        .rerun(Rerun::Never);
    let node = node(&call);
    assert!(!node.is_pure());
    assert_eq!((node.retries(), node.priority(), node.timeout()), (0, 5, Some(Duration::from_millis(1))));
    assert_eq!(node.resources(), [("big disk".to_owned(), 2.0), ("gpu".to_owned(), 0.5)]);
    let options = node.options().expect("something was said");
    assert_eq!((options.key.as_deref(), options.rerun), (Some("k"), Rerun::Never));
    assert_eq!((options.workers.len(), options.allow_other_workers), (2, true));
}

#[test]
fn a_plain_function_says_nothing() {
    assert!(node(&super::inc(1)).is_plain());
    assert!(!node(&super::inc(1)).is_pure());
}

#[task(runtime = "tokio")]
async fn on_tokio() {}

#[test]
fn a_runtime_is_a_restriction() {
    assert_eq!(node(&on_tokio()).function().declared().options().runtime, Some("tokio"));
}

/// Documented, and so is what the macro makes of it.
#[task]
#[deprecated = "only to see that the attribute is kept"]
#[allow(clippy::needless_return)]
pub(super) fn attributed(mut r#type: i64, _: &str, _unused: Arc<i64>) -> i64 {
    r#type += 1;
    return r#type;
}

#[test]
#[expect(deprecated)]
fn attributes_and_odd_names_are_kept() {
    assert_eq!(attributed(1, "x", 2).run().unwrap(), 2);
}

#[task]
fn with_lifetimes<'a>(a: &'a str, b: &'a [u8]) -> usize {
    a.len() + b.len()
}

#[test]
fn lifetimes_of_parameters_may_be_named() {
    assert_eq!(with_lifetimes("ab", vec![1]).run().unwrap(), 3);
}

struct Model;

impl Model {
    #[task]
    fn fit(x: i64) -> i64 {
        x * 2
    }
}

#[test]
fn associated_functions_can_be_tasks() {
    assert_eq!(Model::fit(2).run().unwrap(), 4);
}

mod renamed {
    pub(crate) use crate::__private;
}

#[test]
fn the_crate_may_go_by_another_name() {
    #[task(crate = self::renamed)]
    fn renamed(x: i64) -> i64 {
        x
    }
    assert_eq!(renamed(1).run().unwrap(), 1);
}

#[test]
fn arguments_can_be_passed_on() {
    fn twice(x: impl Arg<i64>) -> Call<i64> {
        super::add(super::inc(x), 1)
    }
    assert_eq!(twice(1).run().unwrap(), 3);
    assert_eq!(twice(super::inc(1)).run().unwrap(), 4);
}

#[test]
fn a_task_that_names_itself_describes_a_call() {
    #[task]
    fn fib(n: u64) -> u64 {
        if n < 2 { n } else { fib(n - 1).run().unwrap_or(0) + fib(n - 2).run().unwrap_or(0) }
    }
    assert_eq!(fib(10).run().unwrap(), 55);
}

#[test]
fn borrowed_parameters_see_the_stored_value_itself() {
    use crate::call::{Args, LocalArg, LocalArgs};
    use crate::value::StoredValue;
    #[task]
    fn address(x: &[i64]) -> usize {
        x.as_ptr() as usize
    }
    #[task]
    fn shared(x: Arc<Vec<i64>>) -> usize {
        x.as_ptr() as usize
    }
    let stored = StoredValue::from_typed(vec![1i64, 2, 3]);
    let expected = stored.typed_ref::<Vec<i64>>().unwrap().as_ptr() as usize;
    for call in [address(Vec::<i64>::new()), shared(Vec::<i64>::new())] {
        let crate::function::Run::Sync(run) = call.function().expect("a function").run() else {
            unreachable!("a plain fn")
        };
        for args in [
            Args::from_encoded(vec![1, 0]),
            Args::from_local(LocalArgs { closure: None, parameters: vec![LocalArg::Input(0)] }),
        ] {
            let result = run(&args, std::slice::from_ref(&stored)).unwrap();
            assert_eq!(result.store().typed_ref::<usize>(), Ok(&expected));
        }
    }
}
