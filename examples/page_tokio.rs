//! The whole idea on one page, for a program on tokio: describe a call, submit it, await its future.
use longshore::{TokioClient, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[tokio::main]
async fn main() -> Result<(), longshore::Error> {
    let client = TokioClient::local().await?; // dask: await Client(asynchronous=True)
    let future = client.submit(inc(10)); // returns at once, is never awaited
    let result = future.await?; // dask: await future
    assert_eq!(result, 11);
    client.close().await?;
    println!("inc(10) is {result}, said tokio");
    Ok(())
}
