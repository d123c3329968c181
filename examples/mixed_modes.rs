//! One client in both worlds: `asynchronous()` is the async view of a blocking client, `blocking()` the way back.
use longshore::{Error, TokioClient, blocking, task};
use std::thread;
use std::time::Duration;

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn slow_inc(x: i64) -> i64 {
    thread::sleep(Duration::from_millis(50));
    x + 1
}

/// Async code that is handed a blocking client, here by a program that has no runtime of its own.
async fn f(client: &blocking::Client) -> Result<Vec<i64>, Error> {
    let futures = client.map(inc, 0..10);
    Ok(client.asynchronous().gather(futures).await?) // the async view of the same client
}

/// Code from before there was async, generic in whose client it is.
fn legacy<R>(client: &blocking::Client<R>) -> Result<i64, Error> {
    client.submit(slow_inc(1)).result()
}

fn blocking_program() -> Result<(), Error> {
    let client = blocking::Client::local()?;
    assert_eq!(legacy(&client)?, 2);
    // Any way to run a future will do; the client has threads of its own.
    assert_eq!(smol::block_on(f(&client))?, (1..=10).collect::<Vec<_>>());
    client.close()
}

#[tokio::main]
async fn async_program() -> Result<String, Error> {
    let client = TokioClient::local().await?;
    // Blocking a thread of the runtime would stop everything that runs there, so it is refused, and the error says what to do.
    let refused = match legacy(&client.blocking()) {
        Err(refused @ Error::Blocking(_)) => refused.to_string(),
        other => panic!("blocking was not refused: {other:?}"),
    };
    // On a thread that is there for it, the same code works.
    let view = client.blocking();
    let two = tokio::task::spawn_blocking(move || legacy(&view)).await;
    assert_eq!(two.expect("legacy does not panic")?, 2);
    client.close().await?;
    Ok(refused)
}

fn main() -> Result<(), Error> {
    blocking_program()?;
    let refused = async_program()?;
    println!("one client, both worlds; where blocking would hang it is refused:\n  {refused}");
    Ok(())
}
