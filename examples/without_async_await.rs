//! Neither `async` nor `.await`: futures are arguments of other calls, `on_done` says what comes next, `result()` waits.
use longshore::{TaskFuture, blocking::Client, task};
use std::sync::mpsc;

#[task]
fn square(x: u64) -> u64 {
    x * x
}

#[task]
fn add(x: u64, y: u64) -> u64 {
    x + y
}

/// Adds up futures two by two, a tree of calls. Nothing waits here: the cluster knows what has to come before what.
fn sum(client: &Client, mut futures: Vec<TaskFuture<u64>>) -> Option<TaskFuture<u64>> {
    while futures.len() > 1 {
        let pairs = futures.chunks(2).map(|pair| match pair {
            [x, y] => client.submit(add(x, y)),
            odd => odd[0].clone(),
        });
        futures = pairs.collect();
    }
    futures.pop()
}

/// Squares a number again and again until it is large, each step when the one before has ended, and says so on a channel.
///
/// The program's thread is free meanwhile: what follows runs where the news comes in, so it should be short.
fn grow(client: Client, future: TaskFuture<u64>, grown: mpsc::Sender<TaskFuture<u64>>) {
    let again = move |future: TaskFuture<u64>| match future.result() {
        Ok(x) if x < 1_000_000 => {
            let next = client.submit(square(x));
            grow(client, next, grown);
        }
        // A receiver that is gone has no more questions.
        _ => drop(grown.send(future)),
    };
    // A future must be held for as long as it is wanted; so the callback holds it, and is called with it.
    let kept = future.clone();
    future.on_done(move |future| {
        drop(kept);
        again(future);
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::local()?;
    let total = sum(&client, client.map(square, 1..=100_u64)).ok_or("there is nothing to add up")?;
    assert_eq!(total.result()?, 338_350);

    let (sender, grown) = mpsc::channel();
    for seed in 2..6_u64 {
        grow(client.clone(), client.submit(square(seed)), sender.clone());
    }
    drop(sender);
    // The channel ends when the last callback is gone.
    let mut large = grown.iter().map(|future| future.result()).collect::<Result<Vec<_>, _>>()?;
    large.sort_unstable();
    assert_eq!(large, [3_u64.pow(16), 2_u64.pow(32), 2_u64.pow(32), 5_u64.pow(16)]);
    println!("the squares up to 100² add up to {}; squared until large: {large:?}", total.result()?);
    client.close()?;
    Ok(())
}
