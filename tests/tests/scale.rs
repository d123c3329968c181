//! The large clusters of `cargo xtask scale`, small: every result is held against the sequential program, and the same seed
//! is the same run.
use longshore_tests::scale::meter::uncounted;
use longshore_tests::scale::work::Weave;
use longshore_tests::scale::{Costs, nested, one, shards};
use std::time::Duration;

fn one_setup(workers: usize, tasks: u64, task_us: u64) -> one::Setup {
    let costs = Costs { task: Duration::from_micros(task_us), ..Costs::default() };
    one::Setup { seed: 1, workers, tasks, live: 2_000, costs, allocated: uncounted }
}

#[test]
fn a_hundred_workers_are_kept_busy_and_waves_bound_what_is_live() {
    let report = one::run(&one_setup(100, 10_000, 5_000));
    assert_eq!(report.live_peak, 2_000);
    assert!(report.utilisation > 0.9 && report.utilisation <= 1.0, "{report:?}");
    assert!(report.busy > Duration::ZERO && report.busy < report.makespan, "{report:?}");
}

#[test]
fn a_scheduler_saturates() {
    // Far more than it can bear: the workers could run two millions a second.
    let setup = one_setup(200, 5_000, 100);
    let report = one::run(&setup);
    assert!(report.busy.as_secs_f64() > 0.8 * report.makespan.as_secs_f64(), "{report:?}");
    assert!(report.utilisation < 0.8, "{report:?}");
    assert_eq!(report.fingerprint, one::run(&setup).fingerprint);
}

fn shards_setup(
    shards: usize,
    width: usize,
    partition: shards::Partition,
    stray_permille: u64,
) -> shards::Setup {
    let weave = Weave { width, layers: 4, stray_permille, seed: 5 };
    let costs = Costs { task: Duration::from_micros(100), ..Costs::default() };
    shards::Setup { seed: 5, shards, workers: 256, weave, partition, costs }
}

#[test]
fn two_shards_do_more_than_one_and_cut_edges_cost() {
    let homes = |shards, stray| shards::run(&shards_setup(shards, 2_048, shards::Partition::Homes, stray));
    let (one, two, cut) = (homes(1, 0), homes(2, 0), homes(2, 400));
    assert_eq!((one.cut_edges, two.cut_edges, two.carried), (0, 0, 0));
    assert!(two.makespan.as_secs_f64() < 0.7 * one.makespan.as_secs_f64(), "{one:?}\n{two:?}");
    assert!(cut.cut_edges > cut.edges / 20 && cut.carried <= cut.cut_edges, "{cut:?}");
    assert!(cut.makespan > two.makespan, "{two:?}\n{cut:?}");
    assert_eq!(cut.fingerprint, homes(2, 400).fingerprint);
}

#[test]
fn what_is_spread_without_regard_to_edges_is_cut_in_half() {
    let hashed = shards::run(&shards_setup(2, 512, shards::Partition::Hash, 0));
    let part = hashed.cut_edges as f64 / hashed.edges as f64;
    assert!((0.45..0.55).contains(&part), "{part} of the edges are cut");
    assert!(hashed.imbalance < 1.1, "{hashed:?}");
}

#[test]
fn children_share_the_blocks_and_add_a_level() {
    let costs = Costs { task: Duration::from_micros(100), ..Costs::default() };
    let setup = nested::Setup {
        seed: 3,
        children: 2,
        workers: 64,
        tasks: 5_000,
        block_len: 125,
        uneven: true,
        blocks_at_once: 2,
        costs,
    };
    let two = nested::run(&setup);
    assert!(two.tasks >= 5_000 && two.imbalance < 1.3, "{two:?}");
    assert!(two.latency > two.latency_below, "{two:?}");
    let one = nested::run(&nested::Setup { children: 1, ..setup.clone() });
    assert!(two.makespan.as_secs_f64() < 0.7 * one.makespan.as_secs_f64(), "{one:?}\n{two:?}");
    assert_eq!(two.fingerprint, nested::run(&setup).fingerprint);
}
