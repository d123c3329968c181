//! The simulated workload: a few seeds in every run of the tests; `cargo xtask sim` runs many.
use longshore_tests::sim;

#[test]
fn every_outcome_is_one_that_may_be() {
    for seed in 0..16 {
        let report = sim::run(seed);
        assert!(report.counts.calls >= 8 || report.scheduler_gone, "{report:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    // From one place in the code: a panic's backtrace, if one is taken, names it.
    let [first, second] = [3, 3].map(sim::run);
    assert_eq!(first, second);
}

/// The workload tries what it says it tries.
#[test]
fn seeds_fail_retry_and_lose_their_scheduler() {
    let reports: Vec<sim::Report> = (100..130).map(sim::run).collect();
    let sum = |count: fn(&sim::Counts) -> usize| reports.iter().map(|r| count(&r.counts)).sum::<usize>();
    assert!(sum(|c| c.failed) > 100, "failures that reached their futures");
    assert!(sum(|c| c.retried) > 5, "calls that were asked for once more");
    assert!(sum(|c| c.sessions_lost) > 2, "sessions that ended with their scheduler");
}
