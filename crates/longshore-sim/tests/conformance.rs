//! The simulation keeps the rules that every runtime must keep.

use longshore_rt::{DynRuntime, conformance};
use longshore_sim::{Policy, Sim, SimConfig};

fn check(config: SimConfig) {
    let sim = Sim::new(config);
    let host = sim.node("host");
    sim.run(conformance::suite(host, "host")).expect("a plain thread");
}

/// A seed decides the order of tasks, latencies, and where reads and writes are cut short. The window is large
/// because what `read_to_end` costs without optimisation grows with the number of reads.
#[test]
fn it_keeps_every_rule_under_many_seeds() {
    for seed in 0..20 {
        check(SimConfig { window_len: 256 * 1024, ..SimConfig::seed(seed) });
    }
}

#[test]
fn it_keeps_them_first_come_first_served() {
    check(SimConfig { policy: Policy::Fifo, short_io: false, ..SimConfig::seed(0) });
}

#[test]
fn it_keeps_them_with_little_bandwidth() {
    check(SimConfig { bandwidth_bytes_per_s: Some(1_000_000), ..SimConfig::seed(1) });
}

#[test]
fn it_keeps_them_behind_dyn() {
    let sim = Sim::new(SimConfig { window_len: 256 * 1024, ..SimConfig::seed(1) });
    let host = DynRuntime::new(sim.node("host"));
    sim.run(conformance::suite(host, "host")).expect("a plain thread");
}

#[test]
fn it_refuses_to_block_inside_async_code() {
    for seed in 0..20 {
        conformance::block_on_rules(&Sim::new(SimConfig::seed(seed)).node("host"));
    }
}
