//! The programs of the README, word for word: each is built and run here, and compared with what the README says.

#[rustfmt::skip]
mod page {
use longshore::{task, TokioClient};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[tokio::main]
async fn main() -> Result<(), longshore::Error> {
    let client = TokioClient::local().await?;   // dask: await Client(asynchronous=True)
    let future = client.submit(inc(10));        // returns at once, is never awaited
    let result = future.await?;                 // dask: await future
    assert_eq!(result, 11);
    client.close().await?;
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
}

#[rustfmt::skip]
mod without_async {
#[longshore::task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[test]
fn it_runs() -> Result<(), longshore::Error> {
let client = longshore::blocking::Client::local()?;      // dask: Client()
let future = client.submit(inc(10));
assert_eq!(future.result()?, 11);
client.close()
}
}

#[rustfmt::skip]
mod both_worlds {
#[longshore::task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[test]
fn it_runs() -> Result<(), longshore::Error> {
let client = longshore::blocking::Client::local()?;
async fn f(client: &longshore::blocking::Client) -> Result<Vec<i64>, longshore::Error> {
    let futures = client.map(inc, 0..10);
    Ok(client.asynchronous().gather(futures).await?)     // async view of the same client; .blocking() is the way back
}
assert_eq!(smol::block_on(f(&client))?, (1..=10).collect::<Vec<_>>());
client.close()
}
}

#[test]
fn these_are_the_programs_of_the_readme() {
    let (here, readme) = (include_str!("page.rs"), include_str!("../../README.md"));
    let programs: Vec<&str> =
        readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(programs.len(), 3, "the README has other programs than those here");
    for program in programs {
        assert!(here.contains(program), "the README has another program than any here:\n{program}");
    }
}
