//! The worker process of the end-to-end tests; and, with an argument, a program that starts a cluster of itself.
//!
//! `cluster` computes something and waits until it is killed or its input ends; `abandon` returns from `main` with the cluster still
//! running. With `LONGSHORE_TESTS_FORGET` naming a file it is a program that forgot `init()`, and notes each of its starts there.
use longshore::LocalCluster;
use longshore::blocking::Client;
use longshore::rt::{BlockOn, DynRuntime, ExecutorRuntime, OwnedExecutor};
use longshore_tests::it_function;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::sync::Arc;

fn main() -> Result<(), anyhow::Error> {
    it_function::link();
    match std::env::var_os("LONGSHORE_TESTS_FORGET") {
        Some(file) => {
            let mut file = OpenOptions::new().create(true).append(true).open(file)?;
            writeln!(file, "{}", std::process::id())?;
        }
        None => longshore::init_with(own_runtime),
    }
    match std::env::args().nth(1).as_deref() {
        Some("abandon") => start_cluster(false),
        // Without an argument too: it is what a forgetful program's children do.
        _ => start_cluster(true),
    }
}

/// A runtime of the program's own, under a name that only the program knows.
fn own_runtime(name: &str) -> Option<DynRuntime> {
    (name == "own").then(|| DynRuntime::new(ExecutorRuntime::new(Arc::default())))
}

fn start_cluster(stay: bool) -> Result<(), anyhow::Error> {
    let rt = OwnedExecutor::new()?;
    let cluster = LocalCluster::builder(rt.clone()).workers(2).threads_per_worker(1).processes(true);
    let cluster = rt.block_on(cluster.start())??;
    let client = Client::with(rt).address(cluster.address()).connect()?;
    let sum = client.submit(it_function::add(1, 2)).result()?;
    let pids: Vec<String> = cluster.worker_pids().iter().map(u32::to_string).collect();
    println!("{sum} {}", pids.join(" "));
    std::io::stdout().flush()?;
    if stay {
        std::io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
