//! How soon stored results come, on a clock that only counts what was waited for.
use crate::address::Address;
use crate::client::Client;
use crate::function::{Function, Run, Signature};
use crate::scheduler::Scheduler;
use crate::value::ReturnValue;
use crate::worker::{Compute, Worker};
use longshore_rt::Runtime;
use longshore_sim::{JobCost, Sim, SimConfig};
use std::time::Duration;

/// More than travels with messages.
static LARGE: Function = Function::declare(
    || "tests::large",
    || Signature::new().output::<Vec<u8>>(),
    Run::Sync(|_, _| Ok(ReturnValue::of(vec![7u8; 50_000]))),
);

#[test]
fn a_stored_result_comes_without_waiting_for_a_heartbeat() {
    crate::function::register([&LARGE]);
    let job_cost = JobCost::Fixed(Duration::from_millis(1));
    let sim = Sim::new(SimConfig { job_cost, ..SimConfig::seed(1) });
    let scheduler = || Address::tcp("scheduler", 1);
    sim.process("scheduler", move |rt| async move {
        let scheduler = Scheduler::builder(rt).listen(scheduler()).validate(true).start().await;
        scheduler.expect("a fresh port").finished().await;
    });
    sim.process("worker", move |rt| async move {
        let worker = Worker::builder(rt, scheduler()).listen(Address::tcp("worker", 1));
        let worker = worker.compute(Compute::Runtime).validate(true).start().await;
        worker.expect("a fresh port").finished().await;
    });
    let rt = sim.node("client");
    sim.run(async move {
        let client = Client::builder(rt.clone()).address(scheduler()).connect().await.expect("a scheduler");
        client.wait_for_workers(1).await.expect("a worker");
        let begun = rt.now();
        let value = client.submit(crate::call::Call::<Vec<u8>>::of(&LARGE, [])).await.expect("a value");
        assert_eq!(value.len(), 50_000);
        assert!(rt.now() < begun + Duration::from_millis(500), "it took until {:?}", rt.now());
        client.close().await.expect("an orderly end");
    })
    .expect("nothing hangs");
}
