//! Large values that go through the scheduler, because workers and clients cannot reach each other: to a client that does not
//! read, or hardly; to a worker on a slow link; and with each of the three dying meanwhile.
use crate::function::{chain, inc, mix};
use longshore::{Address, Client, Compute, Scheduler, TaskCounts, TaskFuture, Worker, wait};
use longshore_rt::{Runtime, RuntimeExt};
use longshore_sim::{Kill, PollCost, Sim, SimConfig, SimRuntime};
use std::time::Duration;

const MIB: usize = 1 << 20;
const VALUE_BYTES: usize = 8 * MIB;
/// What the scheduler lets be on its way to one client or worker, and a bit for messages and for what the network holds.
const BUFFERED_BYTES_MAX: u64 = 17 << 20;

fn address() -> Address {
    Address::tcp("scheduler", 8786)
}

fn simulation(seed: u64) -> Sim {
    // Larger windows than a simulated connection usually has: there is much to carry.
    Sim::new(SimConfig { window_len: 512 * 1024, short_io: false, ..SimConfig::seed(seed) })
}

/// A scheduler and workers.
fn start(sim: &Sim, workers: usize) {
    sim.process("scheduler", |rt| async move {
        let scheduler = Scheduler::builder(rt).listen(address()).validate(true).start().await;
        scheduler.unwrap().finished().await;
    });
    (0..workers).for_each(|number| start_worker(sim, number));
}

/// A worker that nobody can dial: where it says it listens, nobody does.
fn start_worker(sim: &Sim, number: usize) {
    let name = format!("worker-{number}");
    sim.process(&name.clone(), move |rt| {
        let nowhere = Address::tcp(name.clone(), 1);
        let builder = Worker::builder(rt, address()).listen(Address::tcp(name.clone(), 2)).advertise(nowhere);
        let builder = builder.name(name.clone()).nthreads(2).compute(Compute::Runtime).validate(true);
        async move { drop(builder.start().await.unwrap().finished().await) }
    });
}

async fn connect(rt: SimRuntime) -> Client<SimRuntime> {
    Client::builder(rt).address(address()).connect().await.unwrap()
}

/// Bytes are counted for those who have a processor; this one costs nothing.
fn count_bytes(sim: &Sim, names: &[&str]) {
    names.iter().for_each(|name| sim.set_poll_cost(name, PollCost::default()));
}

/// What `from` has written and the scheduler has not passed on.
fn buffered(sim: &Sim, from: &str) -> u64 {
    sim.written_bytes(from).saturating_sub(sim.written_bytes("scheduler"))
}

/// Values on a worker, each of another salt.
async fn values(client: &Client<SimRuntime>, len: u64) -> Vec<TaskFuture<Vec<u8>>> {
    let values: Vec<_> =
        (1..=len).map(|n| client.submit(mix(n, VALUE_BYTES, Vec::<Vec<u8>>::new()))).collect();
    wait(&values).await.unwrap();
    values
}

fn check(values: &[Vec<u8>]) {
    for (salt, value) in (1..).zip(values) {
        assert!(
            *value == chain(salt, VALUE_BYTES, std::iter::empty()),
            "value {salt} is not the one that was made"
        );
    }
}

/// Calls something small for so long; the longest that it took, and the most that the scheduler held of what `from` sent.
async fn watch(sim: &Sim, client: &Client<SimRuntime>, from: &str, time: Duration) -> (Duration, u64) {
    let (rt, mut longest, mut most) = (client.runtime(), Duration::ZERO, 0);
    let until = rt.now() + time;
    while rt.now() < until {
        let begun = rt.now();
        let one = client.submit(inc(1).workers(["worker-1"]));
        assert_eq!(one.await.unwrap(), 2);
        longest = longest.max(rt.now().duration_since(begun));
        most = most.max(buffered(sim, from));
        rt.sleep(Duration::from_millis(5)).await;
    }
    (longest, most)
}

#[test]
fn a_client_that_does_not_read_costs_the_scheduler_a_window_and_others_nothing() {
    let sim = simulation(1);
    start(&sim, 2);
    let (slow_rt, quick_rt) = (sim.node("slow"), sim.node("quick"));
    count_bytes(&sim, &["scheduler", "worker-0"]);
    let run = async {
        let (slow, quick) = (connect(slow_rt.clone()).await, connect(quick_rt.clone()).await);
        slow.wait_for_workers(2).await.unwrap();
        // More than a peer may have waiting for it before it is cut.
        let on = |n| slow.submit(mix(n, VALUE_BYTES, Vec::<Vec<u8>>::new()).workers(["worker-0"]));
        let values: Vec<_> = (1..=12).map(on).collect();
        wait(&values).await.unwrap();
        let own = quick.submit(mix(77, VALUE_BYTES, Vec::<Vec<u8>>::new()).workers(["worker-0"]));
        let (before, _) = watch(&sim, &quick, "worker-0", Duration::from_secs(1)).await;

        let client = slow.clone();
        let gathering = slow_rt.spawn("gather", async move { client.gather(values).await });
        quick_rt.sleep(Duration::from_millis(20)).await;
        sim.pause("slow");
        let (meanwhile, most) = watch(&sim, &quick, "worker-0", Duration::from_secs(5)).await;
        let begun = quick_rt.now();
        assert!(own.await.unwrap() == chain(77, VALUE_BYTES, std::iter::empty()));
        let took = quick_rt.now().duration_since(begun);
        println!(
            "not read: {most} bytes held; others: {before:?} before, {meanwhile:?} meanwhile, 8 MiB in {took:?}"
        );
        assert!(most > 4 << 20, "the values were on their way");
        assert!(most <= BUFFERED_BYTES_MAX, "the scheduler held {most} bytes");
        assert!(meanwhile <= 2 * before, "small calls of others took {meanwhile:?}, and {before:?} before");
        assert!(took < Duration::from_secs(1), "a value to another client took {took:?}");

        sim.resume("slow");
        sim.limit_link("slow", "scheduler", 8 << 20);
        let (meanwhile, most) = watch(&sim, &quick, "worker-0", Duration::from_secs(8)).await;
        println!("read slowly: {most} bytes held; others: {meanwhile:?}");
        assert!(most <= BUFFERED_BYTES_MAX, "the scheduler held {most} bytes");
        check(&gathering.await.unwrap().unwrap());
    };
    sim.run(run).unwrap();
}

#[test]
fn a_worker_on_a_slow_link_costs_the_scheduler_a_window_and_others_nothing() {
    let sim = simulation(2);
    start(&sim, 2);
    let (giver_rt, quick_rt) = (sim.node("giver"), sim.node("quick"));
    count_bytes(&sim, &["scheduler", "giver"]);
    let run = async {
        let (giver, quick) = (connect(giver_rt.clone()).await, connect(quick_rt).await);
        giver.wait_for_workers(2).await.unwrap();
        let (before, _) = watch(&sim, &quick, "giver", Duration::from_secs(1)).await;
        sim.limit_link("worker-0", "scheduler", 8 << 20);
        let given: Vec<_> = (1..=10)
            .map(|n| giver.scatter(chain(n, VALUE_BYTES, std::iter::empty())).workers(["worker-0"]).send())
            .collect();
        let (meanwhile, most) = watch(&sim, &quick, "giver", Duration::from_secs(8)).await;
        println!("{most} bytes held; others: {before:?} before, {meanwhile:?} meanwhile");
        assert!(most > 4 << 20, "the values were on their way");
        assert!(most <= BUFFERED_BYTES_MAX, "the scheduler held {most} bytes");
        assert!(meanwhile <= 2 * before, "small calls of others took {meanwhile:?}, and {before:?} before");
        for (salt, value) in (1..).zip(&given) {
            let blended = giver.submit(mix(5, 100, vec![value]).workers(["worker-0"])).await.unwrap();
            let own = chain(salt, VALUE_BYTES, std::iter::empty());
            assert_eq!(blended, chain(5, 100, std::iter::once(&own[..])));
        }
    };
    sim.run(run).unwrap();
}

#[test]
fn a_value_that_is_scattered_again_stays_with_its_client_while_tasks_need_it() {
    for is_used_at_first in [true, false] {
        let sim = simulation(6);
        start(&sim, 0);
        let rt = sim.node("giver");
        let run = async {
            let giver = connect(rt.clone()).await;
            let value = chain(3, VALUE_BYTES, std::iter::empty());
            let user = |given: &TaskFuture<Vec<u8>>| giver.submit(mix(5, 100, vec![given]));
            let first = giver.scatter(value.clone()).hash().send();
            let before = is_used_at_first.then(|| user(&first));
            rt.sleep(Duration::from_secs(1)).await;
            // In the second case the word that nobody needs it crosses with the value.
            drop(first);
            let again = giver.scatter(value.clone()).hash().send();
            let after = user(&again);
            rt.sleep(Duration::from_secs(1)).await;
            drop(again);
            start_worker(&sim, 0);
            let blended = chain(5, 100, std::iter::once(&value[..]));
            for made in before.into_iter().chain([after]) {
                let made = rt.timeout(Duration::from_secs(10), made).await.expect("it runs");
                assert_eq!(made.unwrap(), blended);
            }
        };
        sim.run(run).unwrap();
    }
}

/// A client that reads slowly, in the middle of gathering four values.
async fn gathering(
    sim: &Sim,
    rt: &SimRuntime,
) -> (Client<SimRuntime>, longshore_rt::Task<Result<Vec<Vec<u8>>, longshore::TaskError>>) {
    let client = connect(rt.clone()).await;
    client.wait_for_workers(2).await.unwrap();
    let values = values(&client, 4).await;
    sim.limit_link("client", "scheduler", 4 << 20);
    let gatherer = client.clone();
    let gathering = rt.spawn("gather", async move { gatherer.gather(values).await });
    rt.sleep(Duration::from_secs(3)).await;
    (client, gathering)
}

#[test]
fn a_worker_dies_while_its_values_are_on_their_way() {
    for how in [Kill::Process, Kill::Power] {
        let sim = simulation(5);
        start(&sim, 2);
        let rt = sim.node("client");
        let run = async {
            let (_client, gathering) = gathering(&sim, &rt).await;
            sim.kill("worker-0", how);
            check(&gathering.await.unwrap().unwrap());
        };
        sim.run(run).unwrap();
    }
}

#[test]
fn a_client_dies_while_values_are_on_their_way_to_it() {
    for how in [Kill::Process, Kill::Power] {
        let sim = simulation(3);
        start(&sim, 2);
        let (rt, other_rt) = (sim.node("client"), sim.node("other"));
        count_bytes(&sim, &["worker-0", "worker-1"]);
        let sent = |sim: &Sim| sim.written_bytes("worker-0") + sim.written_bytes("worker-1");
        let run = async {
            drop(gathering(&sim, &rt).await);
            sim.kill("client", how);
            let other = connect(other_rt.clone()).await;
            // Until the scheduler has noticed; a machine that vanished says nothing.
            other_rt.sleep(Duration::from_secs(21)).await;
            let before = sent(&sim);
            let info = other.scheduler_info().await.unwrap();
            assert_eq!((info.clients, info.tasks), (1, TaskCounts::default()));
            other_rt.sleep(Duration::from_secs(30)).await;
            let more = sent(&sim) - before;
            assert!(more < 10_000, "workers sent {more} bytes to nobody");
        };
        sim.run(run).unwrap();
    }
}

#[test]
fn a_scheduler_dies_while_values_go_through_it() {
    for how in [Kill::Process, Kill::Power] {
        let sim = simulation(4);
        start(&sim, 2);
        let rt = sim.node("client");
        let run = async {
            let (_client, gathering) = gathering(&sim, &rt).await;
            sim.kill("scheduler", how);
            let outcome = rt.timeout(Duration::from_secs(20), gathering).await.expect("it ends in time");
            assert!(outcome.unwrap().is_err());
        };
        sim.run(run).unwrap();
    }
}
