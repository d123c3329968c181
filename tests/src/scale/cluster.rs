//! Schedulers, workers and clients, each a process of the simulated world.
use super::Costs;
use super::meter::{Meter, Metered};
use longshore::{Address, Client, Compute, Scheduler, Worker};
use longshore_sim::{Sim, SimRuntime};
use std::sync::Arc;
use std::time::Duration;

const PORT: u16 = 8786;

fn address(scheduler: &str) -> Address {
    Address::tcp(scheduler, PORT)
}

/// A scheduler that is charged for what it does, and metered.
pub fn start_scheduler(sim: &Sim, name: &str, costs: &Costs, meter: &Arc<Meter>) {
    let (on, meter) = (address(name), meter.clone());
    sim.process(name, move |rt| {
        let builder = Scheduler::builder(Metered::new(rt, meter.clone())).listen(on.clone());
        async move {
            let mut scheduler = builder.start().await.expect("a fresh port");
            scheduler.finished().await;
        }
    });
    sim.set_poll_cost(name, costs.scheduler);
}

/// A worker that stays with its scheduler.
///
/// # Panics
/// When the scheduler does not let it in.
pub async fn work(rt: SimRuntime, scheduler: &str, name: &str, nthreads: u32) {
    let builder = Worker::builder(rt, address(scheduler))
        .listen(Address::tcp(name, 0))
        .name(name)
        .nthreads(nthreads)
        .compute(Compute::Runtime)
        .connect_timeout(Duration::from_secs(60));
    let mut worker = builder.start().await.expect("its scheduler lets it in");
    worker.finished().await;
}

/// So many workers of one thread.
pub fn start_workers(sim: &Sim, scheduler: &str, len: usize) {
    for i in 0..len {
        let (scheduler, name) = (scheduler.to_owned(), format!("{scheduler}-worker-{i}"));
        sim.process(&name.clone(), move |rt| {
            let (scheduler, name) = (scheduler.clone(), name.clone());
            async move { work(rt, &scheduler, &name, 1).await }
        });
    }
}

/// A client of a scheduler, as soon as that has so many workers.
///
/// # Panics
/// When it cannot connect, or workers are missing.
pub async fn connect(rt: &SimRuntime, scheduler: &str, workers: usize) -> Client<SimRuntime> {
    let client = Client::builder(rt.clone()).address(address(scheduler)).connect();
    let client = client.await.expect("the scheduler is up");
    let count = u32::try_from(workers).expect("fewer than 2^32 workers");
    client.wait_for_workers(count).timeout(Duration::from_secs(300)).await.expect("all workers come");
    client
}
