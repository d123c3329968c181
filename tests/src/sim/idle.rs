//! A cluster that has nothing to do: what it says, and how often anybody wakes.
use crate::function::inc;
use longshore::{Address, Client, Compute, Scheduler, Worker};
use longshore_rt::RuntimeExt;
use longshore_sim::{Sim, SimConfig, Stats};
use std::time::Duration;

const WORKERS: u64 = 2;
const MINUTE: Duration = Duration::from_secs(60);
/// The scheduler speaks to everybody at once, every five seconds.
const BEATS: u64 = 12;

fn address() -> Address {
    Address::tcp("scheduler", 8786)
}

/// A cluster of which the work is done.
async fn at_rest(sim: &Sim) -> Client<longshore_sim::SimRuntime> {
    sim.process("scheduler", |rt| async move {
        let mut scheduler = Scheduler::builder(rt).listen(address()).start().await.unwrap();
        scheduler.finished().await;
    });
    for number in 0..WORKERS {
        let name = format!("worker-{number}");
        sim.process(&name.clone(), move |rt| {
            let builder =
                Worker::builder(rt, address()).listen(Address::tcp(name.clone(), 0)).name(name.clone());
            let builder = builder.nthreads(1).compute(Compute::Runtime);
            async move { drop(builder.start().await.unwrap().finished().await) }
        });
    }
    let client = Client::builder(sim.node("client")).address(address()).connect().await.unwrap();
    client.wait_for_workers(WORKERS as u32).await.unwrap();
    for future in client.map(inc, 0..100) {
        future.await.unwrap();
    }
    client
}

#[test]
fn an_idle_minute_is_a_dozen_questions_and_answers() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig { short_io: false, ..SimConfig::seed(seed) });
        let watcher = sim.node("watcher");
        let minute = async {
            let client = at_rest(&sim).await;
            // What was let go is told of, and one beat passes, so that the minute begins between two.
            watcher.sleep(Duration::from_secs(7)).await;
            let before = sim.stats();
            watcher.sleep(MINUTE).await;
            let after = sim.stats();
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2, "all of them are still there");
            (before, after)
        };
        let (before, after) = sim.run(minute).unwrap();
        let passed = |what: fn(&Stats) -> u64| what(&after) - what(&before);
        let peers = WORKERS + 1;
        assert_eq!(
            passed(|s| s.segments),
            BEATS * peers * 2,
            "seed {seed}: a question and an answer for each"
        );
        // The scheduler's beat, each peer's question, and at the scheduler each answer by itself at worst; then a look at
        // leases that moved, at most one each 15 s for each peer and one turn more after it; and this test's own sleep.
        let looks = peers * 5 * 2;
        let polls = passed(|s| s.polls);
        assert!(polls <= BEATS * (2 + peers * 2) + looks + 1, "seed {seed}: {polls} wake-ups");
        assert_eq!(passed(|s| s.tasks) + passed(|s| s.jobs) + passed(|s| s.connections), 0, "seed {seed}");
    }
}
