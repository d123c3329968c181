//! One seed, one run.

mod echo;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use echo::secs;
use longshore_sim::{FaultRates, Faults, Kill, Policy, Sim, SimConfig, Stats, Trace, first_divergence};

struct Outcome {
    fingerprint: u64,
    stats: Stats,
    trace: Trace,
    elapsed: Duration,
    echoes: u64,
}

fn outcome(sim: &Sim, echoes: u64) -> Outcome {
    Outcome {
        fingerprint: sim.fingerprint(),
        stats: sim.stats(),
        trace: sim.trace(),
        elapsed: sim.elapsed(),
        echoes,
    }
}

/// Every kind of fault, at fixed times.
fn chaos(seed: u64, clients: usize, policy: Policy) -> Outcome {
    let sim = Sim::new(SimConfig { record_trace: true, policy, ..SimConfig::seed(seed) });
    let tally = echo::populate(&sim, clients, 20, false);
    sim.at(secs(2), |s| s.cut("w0", "server"));
    sim.at(secs(3), |s| s.reset_between("w1", "server"));
    sim.at(secs(4), |s| s.kill("w2", Kill::Process));
    sim.at(secs(4), |s| s.kill("w3", Kill::Power));
    sim.at(secs(6), |s| drop(s.restart("w2")));
    sim.at(secs(8), |s| s.kill("server", Kill::Process));
    sim.at(secs(9), |s| drop(s.restart("server")));
    sim.at(secs(12), |s| s.heal("w0", "server"));
    sim.at(secs(15), |s| s.kill("server", Kill::Power));
    sim.at(secs(18), |s| drop(s.restart("server")));
    sim.at(secs(20), |s| s.slow_link("w4", "server", secs(1)..=secs(2)));
    sim.at(secs(50), |s| drop(s.restart("w3")));
    echo::finish(&sim, &tally, clients as u64);
    outcome(&sim, tally.echoes.load(Relaxed))
}

fn assert_same(seed: u64, a: &Outcome, b: &Outcome) {
    if let Some(divergence) = first_divergence(&a.trace, &b.trace) {
        panic!("seed {seed}: {divergence}");
    }
    assert_eq!((a.fingerprint, a.stats, a.elapsed, a.echoes), (b.fingerprint, b.stats, b.elapsed, b.echoes));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut fingerprints = Vec::new();
    for seed in 0..30 {
        let policy = if seed % 5 == 0 { Policy::Fifo } else { Policy::Random };
        let (a, b) = (chaos(seed, 8, policy), chaos(seed, 8, policy));
        assert_same(seed, &a, &b);
        assert!(a.echoes >= 8 * 20);
        fingerprints.push(a.fingerprint);
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 30, "different seeds give different runs");
}

/// When all processes are gone and what was on its way has arrived, no connection and no task is left.
fn assert_nothing_is_left(sim: &Sim) {
    sim.kill_matching("*", Kill::Process);
    sim.run_for(secs(60)).unwrap();
    let Stats { tasks_live, connections_live, .. } = sim.stats();
    assert_eq!((tasks_live, connections_live), (0, 0), "{}", sim.report());
}

#[test]
fn faults_that_are_drawn_are_part_of_the_seed() {
    let run = |seed| {
        let sim = Sim::new(SimConfig { record_trace: true, ..SimConfig::seed(seed) });
        let tally = echo::populate(&sim, 6, 60, false);
        let plan = Faults::swarm(seed).unleash(&sim);
        sim.run_until(plan.end).unwrap();
        echo::finish(&sim, &tally, 6);
        // Those that were done before the end have been restarted, perhaps, and count again.
        assert!(sim.elapsed() < plan.end + secs(300), "seed {seed}: all ends once all is healed\n{plan}");
        let outcome = outcome(&sim, tally.echoes.load(Relaxed));
        assert_nothing_is_left(&sim);
        outcome
    };
    for seed in 0..30 {
        assert_same(seed, &run(seed), &run(seed));
    }
}

#[test]
fn worlds_in_parallel_threads_do_not_disturb_one_another() {
    let alone = chaos(3, 6, Policy::Random).fingerprint;
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| chaos(3, 6, Policy::Random).fingerprint)).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), alone);
    }
}

#[test]
fn a_process_more_does_not_change_what_the_others_draw() {
    use longshore_rt::Runtime;
    let draw = |names: &[&str]| {
        let sim = Sim::new(SimConfig::seed(9));
        let last = names.iter().map(|name| sim.node(name)).next_back().unwrap();
        (last.entropy(), last.entropy())
    };
    assert_eq!(draw(&["a"]), draw(&["z", "b", "a"]));
    assert_ne!(draw(&["a"]), draw(&["b"]));
}

#[test]
fn what_does_not_follow_from_the_seed_is_found_and_located() {
    let run = || {
        let sim = Sim::new(SimConfig { record_trace: true, ..SimConfig::seed(7) });
        let tally = echo::populate(&sim, 5, 5, true);
        echo::finish(&sim, &tally, 5);
        outcome(&sim, 0)
    };
    let (a, b) = (run(), run());
    assert_ne!(a.fingerprint, b.fingerprint);
    let divergence = first_divergence(&a.trace, &b.trace).expect("they part");
    assert!(divergence.index > 0, "the runs begin alike");
    assert!(divergence.at < secs(2), "and part when the first pause is over: {divergence}");
}

#[test]
fn contents_are_part_of_the_fingerprint() {
    use futures_lite::AsyncWriteExt;
    use longshore_rt::{Endpoint, Listener, Runtime};
    let run = |text: &'static [u8]| {
        let sim = Sim::new(SimConfig::seed(1));
        let a = sim.node("a");
        sim.run(async {
            let listener = a.listen(&Endpoint::tcp("a", 1)).await.unwrap();
            let mut conn = a.connect(&listener.local()).await.unwrap();
            conn.write_all(text).await.unwrap();
        })
        .unwrap();
        sim.run_for(secs(1)).unwrap();
        sim.fingerprint()
    };
    assert_eq!(run(b"one"), run(b"one"));
    assert_ne!(run(b"one"), run(b"two"));
}

#[test]
fn all_is_healed_at_the_end_of_a_plan() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig::seed(seed));
        let tally = echo::populate(&sim, 4, 10, false);
        let faults = Faults { rates: FaultRates::uniform(30), ..Faults::seed(seed) };
        let plan = faults.unleash(&sim);
        assert!(plan.faults.len() > 100);
        sim.run_until(plan.end).unwrap();
        assert!(sim.processes("*").iter().all(|name| sim.is_alive(name)), "seed {seed}");
        let echoes = tally.echoes.load(Relaxed);
        // Everybody whose rounds are not over talks again, soon.
        sim.run_for(secs(90)).unwrap();
        assert!(tally.echoes.load(Relaxed) > echoes, "seed {seed}\n{plan}");
    }
}

/// A bound on work that does not depend on the machine it is done on.
#[test]
fn an_echo_costs_few_steps_and_little_stays_behind() {
    for clients in [50, 500] {
        let sim = Sim::new(SimConfig::seed(1));
        let tally = echo::populate(&sim, clients, 20, false);
        echo::finish(&sim, &tally, clients as u64);
        let stats = sim.stats();
        assert!(stats.steps < 8 * 20 * clients as u64, "{stats:?}");
        assert!(stats.events_pending < 10 * clients, "{stats:?}");
    }
}
