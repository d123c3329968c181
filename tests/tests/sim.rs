//! The simulated workload: a few seeds in every run of the tests; `cargo xtask sim` runs many.
use longshore_tests::sim;

#[test]
fn graphs_survive_the_loss_of_workers() {
    for seed in 0..12 {
        let report = sim::run(seed);
        assert!(report.calls >= 20, "{report:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(sim::run(3), sim::run(3));
}
