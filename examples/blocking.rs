//! No async at all: submitting returns at once, and `result()` blocks the thread until the value is there.
use longshore::{TaskErrorKind, blocking::Client, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
fn parse(text: &str) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

fn main() -> Result<(), longshore::Error> {
    let client = Client::local()?; // dask: Client()
    let future = client.submit(inc(10));
    assert_eq!(future.result()?, 11);

    // Futures are arguments too: their values go from worker to worker and not through this program.
    let futures = client.map(inc, 0..1000);
    let total = client.submit(sum(&futures));
    assert_eq!(total.result()?, 500_500);

    // Or all of them, in order.
    let values = client.gather(&futures)?;
    assert_eq!(values, (1..=1000).collect::<Vec<_>>());

    // What goes wrong in a task is an error here, and says what failed where.
    let failed = client.submit(inc(parse("twelve"))).result();
    let error = failed.expect_err("twelve is no number to Rust");
    assert_eq!(error.task().map(|e| e.kind()), Some(TaskErrorKind::Failed));

    println!("the sum is {}, and parsing went wrong as it should:\n  {error}", total.result()?);
    client.close()
}
