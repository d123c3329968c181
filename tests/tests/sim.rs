//! The simulated workload: a few seeds in every run of the tests; `cargo xtask sim` runs many.
use longshore_tests::sim;

/// And the workload tries what it says it tries.
#[test]
fn every_outcome_is_one_that_may_be() {
    let reports: Vec<sim::Report> = (0..16).map(sim::run).collect();
    let sum = |count: fn(&sim::Counts) -> usize| reports.iter().map(|r| count(&r.counts)).sum::<usize>();
    assert!(sum(|c| c.calls) > 500, "outcomes that were looked at: {reports:#?}");
    assert!(sum(|c| c.failed) > 50, "failures that reached their futures: {reports:#?}");
    assert!(sum(|c| c.retried) > 2, "calls that were asked for once more: {reports:#?}");
    assert!(sum(|c| c.sessions_lost) > 0, "sessions that ended with their scheduler: {reports:#?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    // From one place in the code: a panic's backtrace, if one is taken, names it.
    let [first, second] = [3, 3].map(sim::run);
    assert_eq!(first, second);
}
