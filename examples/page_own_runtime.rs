//! The whole idea on one page, for a program on a runtime that Longshore has never heard of.
//!
//! All it has to know is how to start a future; a closure can say that. `custom_runtime` shows a whole executor instead.
use futures_lite::future::block_on;
use longshore::rt::{AsyncIo, BoxFuture};
use longshore::{Client, task};
use std::thread;

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() -> Result<(), longshore::Error> {
    // A thread for every future: a poor runtime, but one that is written in a line.
    let start = |future: BoxFuture<'static, ()>| {
        thread::spawn(|| block_on(future));
    };
    let my_runtime = AsyncIo::on("thread-per-future", start);
    block_on(async {
        let client = Client::builder(my_runtime).local().await?; // dask: await Client(asynchronous=True)
        let future = client.submit(inc(10)); // returns at once, is never awaited
        let result = future.await?; // dask: await future
        assert_eq!(result, 11);
        client.close().await?;
        println!("inc(10) is {result}, said a thread for every future");
        Ok(())
    })
}
