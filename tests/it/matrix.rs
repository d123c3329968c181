//! Client, scheduler and workers on every combination of four runtimes, over loopback TCP.
//!
//! Each role is compiled once for each runtime and the sixty-four tests put those twelve together. A test's path names the runtimes of
//! the client, the scheduler and the workers, in that order.
mod home;
mod scenario;

use crate::stage::anywhere;
use home::{AsyncStd, Executor, Home, Smol, Tokio};
use longshore::{Address, Scheduler, Worker, WorkerExit};
use longshore_tests::deadline::within_deadline;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// Whoever waits for it hears when its other end is dropped.
type Stop = async_channel::Receiver<()>;
type RunScheduler = fn(&mpsc::Sender<Address>, Stop);
type RunWorker = fn(&'static str, Address, Stop);
type RunClient = fn(Address);

fn run_scheduler<H: Home>(address: &mpsc::Sender<Address>, stop: Stop) {
    H::run(async |rt| {
        let scheduler = Scheduler::builder(rt).listen(anywhere()).validate(true).start().await.unwrap();
        address.send(scheduler.address().clone()).unwrap();
        stop.recv().await.unwrap_err();
        scheduler.close().await;
    });
}

fn run_worker<H: Home>(name: &'static str, scheduler: Address, stop: Stop) {
    H::run(async |rt| {
        let worker =
            Worker::builder(rt, scheduler).name(name).nthreads(1).validate(true).start().await.unwrap();
        stop.recv().await.unwrap_err();
        assert_eq!(worker.close().await, WorkerExit::Closed);
    });
}

fn run_client<H: Home>(scheduler: Address) {
    H::run(async |rt| {
        let client = H::connect(&rt, scheduler).await.unwrap();
        scenario::run(&client).await;
        client.close().await.unwrap();
        assert!(client.is_closed());
    });
}

/// A role on a thread of its own.
struct Actor {
    thread: JoinHandle<()>,
    stop: async_channel::Sender<()>,
}

impl Actor {
    fn start(run: impl FnOnce(Stop) + Send + 'static) -> Self {
        let (stop, stopped) = async_channel::bounded(1);
        Actor { thread: thread::spawn(move || run(stopped)), stop }
    }

    fn stop(self) {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

fn combine(client: RunClient, scheduler: RunScheduler, worker: RunWorker) {
    within_deadline(move || {
        let (sender, addresses) = mpsc::channel();
        let scheduler = Actor::start(move |stop| scheduler(&sender, stop));
        let address = addresses.recv().expect("the scheduler starts");
        let workers = ["w0", "w1"].map(|name| {
            let address = address.clone();
            Actor::start(move |stop| worker(name, address, stop))
        });
        client(address);
        workers.into_iter().for_each(Actor::stop);
        scheduler.stop();
    });
}

macro_rules! clients {
    ($($name:ident $Home:ident)*) => {$(
        mod $name {
            use super::*;
            schedulers!($Home; tokio Tokio, smol Smol, async_std AsyncStd, executor Executor);
        }
    )*};
}

macro_rules! schedulers {
    ($Client:ident; $($name:ident $Home:ident),*) => {$(
        mod $name {
            use super::*;
            workers!($Client $Home; tokio Tokio, smol Smol, async_std AsyncStd, executor Executor);
        }
    )*};
}

macro_rules! workers {
    ($Client:ident $Scheduler:ident; $($name:ident $Home:ident),*) => {$(
        #[test]
        fn $name() {
            combine(run_client::<$Client>, run_scheduler::<$Scheduler>, run_worker::<$Home>);
        }
    )*};
}

clients!(tokio Tokio smol Smol async_std AsyncStd executor Executor);
