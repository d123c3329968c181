//! Tasks that submit tasks, and a shared state that lives on the cluster: a pool of futures.
//!
//! Each island is a task that keeps a population and replaces its members by their successors. It holds no creature itself,
//! only futures: successors are computed from predecessors where those are, and a creature that nobody refers to any more is
//! forgotten. At its end an island waits for its fittest. Waiting for a future in a task gives up the task's thread, so
//! this works even here, where three islands share a single thread with all that they submit.
use longshore::rt::SmolRuntime;
use longshore::{LocalCluster, SmolClient, TaskFuture, context, task};
use serde::{Deserialize, Serialize};

const ISLANDS: u64 = 3;
const POPULATION: usize = 8;
const EPOCHS: u64 = 20;

/// The smaller its genes are, the fitter it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Creature {
    genes: Vec<f64>,
}

impl Creature {
    fn weakness(&self) -> f64 {
        self.genes.iter().map(|gene| gene * gene).sum()
    }
}

#[task]
fn born(seed: u64) -> Creature {
    Creature { genes: (0..16).map(|gene| 2.0 * random(seed << 8 | gene) - 1.0).collect() }
}

/// A child of two with a little mutation, or the first of them if that is fitter.
#[task]
fn successor(one: &Creature, other: &Creature, seed: u64) -> Creature {
    let chance = |gene: usize, n: u64| random(seed << 8 | (gene as u64) << 2 | n);
    let inherit = |(gene, pair): (usize, (&f64, &f64))| {
        let from = if chance(gene, 0) < 0.5 { pair.0 } else { pair.1 };
        from + 0.1 * (chance(gene, 1) - 0.5)
    };
    let child = Creature { genes: one.genes.iter().zip(&other.genes).enumerate().map(inherit).collect() };
    if child.weakness() < one.weakness() { child } else { one.clone() }
}

#[task]
fn fittest(creatures: &[Creature]) -> Option<Creature> {
    creatures.iter().min_by(|a, b| a.weakness().total_cmp(&b.weakness())).cloned()
}

/// A task that submits tasks, and waits for one of them at its end.
#[task]
fn island(seed: u64) -> Result<Option<Creature>, longshore::Error> {
    let client = context().client();
    let mut pool: Vec<TaskFuture<Creature>> =
        (0..POPULATION as u64).map(|i| client.submit(born(seed + i))).collect();
    for epoch in 1..=EPOCHS {
        let shift = epoch as usize % (POPULATION - 1) + 1;
        let pairs = (0..POPULATION).map(|i| {
            let chance = seed ^ epoch << 16 ^ (i as u64) << 8;
            client.submit(successor(&pool[i], &pool[(i + shift) % POPULATION], chance))
        });
        // The predecessors' futures go here. The cluster keeps their values for as long as successors need them.
        pool = pairs.collect();
    }
    client.submit(fittest(&pool)).result()
}

/// A number from 0 to 1 that depends on the seed alone.
fn random(seed: u64) -> f64 {
    let mixed = (seed ^ 0x9E37_79B9).wrapping_add(1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn main() -> anyhow::Result<()> {
    smol::block_on(async {
        let cluster =
            LocalCluster::builder(SmolRuntime::new()).workers(1).threads_per_worker(1).start().await?;
        let client = SmolClient::connect(cluster.address()).await?;
        let islands = client.map(island, (0..ISLANDS).map(|n| n * 1000));
        let ancestor = client.submit(born(0)).await?;
        for (n, fittest) in client.gather(islands).await?.into_iter().flatten().enumerate() {
            println!("island {n}: the fittest has a weakness of {:.4}", fittest.weakness());
            assert!(
                fittest.weakness() < ancestor.weakness() / 4.0,
                "no better than {:.4}",
                ancestor.weakness()
            );
        }
        client.close().await?;
        cluster.close().await;
        Ok(())
    })
}
