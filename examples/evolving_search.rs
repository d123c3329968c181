//! A search that grows while it runs: `as_completed` gives results as they come, and each may lead to new work.
//!
//! An evolution looks for the best settings of a toy training run. In each generation the slots meet in pairs, another pair
//! each time, and the winner's settings, mutated, go into both slots. A pair goes on as soon as both its runs have ended, so
//! nobody waits for the slowest of a generation; and because pairs are fixed, the outcome does not depend on who is fast.
use longshore::{TaskError, TokioClient, as_completed, task};
use serde::{Deserialize, Serialize};

const SLOTS: u32 = 16;
const GENERATIONS: u32 = 12;

/// Settings of the training run, and what they are good for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Trial {
    slot: u32,
    generation: u32,
    rate: f64,
    momentum: f64,
    loss: f64,
}

/// Tries a mutation of the parent's settings; keeps the better of the two.
#[task]
fn evolve(parent: Trial, slot: u32, generation: u32) -> Trial {
    let chance = |n| random(u64::from(generation) << 32 | u64::from(slot) << 8 | n);
    let spread = 1.0 / f64::from(generation + 1);
    let rate = parent.rate * (8.0 * spread * (chance(0) - 0.5)).exp();
    let momentum = (parent.momentum + spread * (chance(1) - 0.5)).clamp(0.0, 0.99);
    let loss = train(rate, momentum);
    let better = if loss < parent.loss { Trial { rate, momentum, loss, ..parent } } else { parent };
    Trial { slot, generation, ..better }
}

/// The toy: fits a parabola to a cubic by gradient descent with momentum. Gives the error that is left.
fn train(rate: f64, momentum: f64) -> f64 {
    let points = || (0..64).map(|i| f64::from(i) / 32.0 - 1.0).map(|x| ([1.0, x, x * x], x * x * x + 0.5));
    let dot = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut weights, mut speed) = ([0.0; 3], [0.0; 3]);
    for _ in 0..50 {
        for i in 0..3 {
            let slope: f64 = points().map(|(x, y)| (dot(&weights, &x) - y) * x[i]).sum();
            speed[i] = momentum * speed[i] - rate * slope / 64.0;
        }
        (0..3).for_each(|i| weights[i] += speed[i]);
    }
    let loss = points().map(|(x, y)| (dot(&weights, &x) - y).powi(2)).sum::<f64>() / 64.0;
    if loss.is_finite() { loss } else { f64::MAX }
}

/// A number from 0 to 1 that depends on the seed alone.
fn random(seed: u64) -> f64 {
    let mixed = (seed ^ 0x9E37_79B9).wrapping_add(1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn founder(slot: u32) -> Trial {
    Trial { slot, generation: 0, rate: 0.001, momentum: 0.0, loss: f64::MAX }
}

/// The slot that is met in a generation: in four generations everybody's settings can get everywhere.
fn partner(slot: u32, generation: u32) -> u32 {
    slot ^ 1 << (generation % SLOTS.ilog2())
}

/// Runs the evolution. Gives the smallest loss of each generation, and how many pairs did not wait for theirs.
async fn search(client: &TokioClient) -> Result<(Vec<f64>, usize), TaskError> {
    let mut ended: Vec<Vec<Option<Trial>>> = vec![vec![None; SLOTS as usize]; GENERATIONS as usize];
    let mut ahead = 0;
    let mut trials = as_completed((0..SLOTS).map(|slot| client.submit(evolve(founder(slot), slot, 0))));
    while let Some(future) = trials.next().await {
        let trial = future.await?;
        let (slot, generation) = (trial.slot, trial.generation);
        let peers = &mut ended[generation as usize];
        let other = peers[partner(slot, generation) as usize].clone();
        peers[slot as usize] = Some(trial.clone());
        let Some(other) = other.filter(|_| generation + 1 < GENERATIONS) else { continue };
        ahead += usize::from(peers.iter().any(Option::is_none));
        let winner = if (trial.loss, trial.slot) <= (other.loss, other.slot) { &trial } else { &other };
        for slot in [slot, other.slot] {
            trials.push(client.submit(evolve(winner.clone(), slot, generation + 1)));
        }
    }
    let best = |trials: &[Option<Trial>]| trials.iter().flatten().map(|t| t.loss).fold(f64::MAX, f64::min);
    Ok((ended.iter().map(|trials| best(trials)).collect(), ahead))
}

#[tokio::main]
async fn main() -> Result<(), longshore::Error> {
    let client = TokioClient::local().await?;
    let (losses, ahead) = search(&client).await?;
    for (generation, loss) in losses.iter().enumerate() {
        println!("generation {generation:2}: loss {loss:.6}");
    }
    println!("{ahead} pairs went on before their generation was complete");
    assert!(losses.is_sorted_by(|earlier, later| earlier >= later), "what was good is kept");
    assert!(losses[GENERATIONS as usize - 1] < losses[0] / 2.0, "and it gets better");
    assert_eq!(search(&client).await?.0, losses, "however fast each of the runs was");
    client.close().await
}
