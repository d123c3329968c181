//! The whole idea on one page, for a program with an `async_executor::Executor` of its own, which the program runs.
use longshore::{ExecutorClient, task};
use std::sync::Arc;

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() -> Result<(), longshore::Error> {
    let executor = Arc::new(async_executor::Executor::new());
    let page = async {
        let client = ExecutorClient::local(executor.clone()).await?; // dask: await Client(asynchronous=True)
        let future = client.submit(inc(10)); // returns at once, is never awaited
        let result = future.await?; // dask: await future
        assert_eq!(result, 11);
        client.close().await?;
        println!("inc(10) is {result}, said an executor of our own");
        Ok(())
    };
    // Longshore never runs the executor: it goes on while the program runs it, on whatever threads the program chooses.
    futures_lite::future::block_on(executor.run(page))
}
