//! What a simulated echo costs: `cargo bench -p longshore-sim`.

#[path = "../tests/echo/mod.rs"]
mod echo;

use std::time::Instant;

use longshore_sim::{Sim, SimConfig};

const ROUNDS: u64 = 20;

fn main() {
    for clients in [250, 2_000, 8_000] {
        let begin = Instant::now();
        let sim = Sim::new(SimConfig::seed(1));
        let tally = echo::populate(&sim, clients, ROUNDS, false);
        echo::finish(&sim, &tally, clients as u64);
        let (stats, real) = (sim.stats(), begin.elapsed());
        println!(
            "{clients:>6} clients x {ROUNDS} echoes: {real:?} for {:?} of virtual time, {} steps, {} ns a step",
            sim.elapsed(),
            stats.steps,
            real.as_nanos() as u64 / stats.steps,
        );
    }
}
