//! Runs seeds of the simulated workload and says which failed.
use clap::Parser;
use longshore_tests::sim;
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Seeds of a random graph workload on a simulated cluster whose workers are killed.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Threads to run them on.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let begun = Instant::now();
    let next = AtomicU64::new(args.start);
    let end = args.start + args.seeds;
    let (passed, calls, virtual_ms) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match panic::catch_unwind(|| sim::run(seed)) {
                        Ok(report) => {
                            passed.fetch_add(1, Ordering::Relaxed);
                            calls.fetch_add(report.counts.calls as u64, Ordering::Relaxed);
                            let ms = u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX);
                            virtual_ms.fetch_add(ms, Ordering::Relaxed);
                        }
                        Err(_) => eprintln!("seed {seed} FAILED; again with --seeds 1 --start {seed}"),
                    }
                }
            });
        }
    });
    let passed = passed.into_inner();
    let failed = args.seeds - passed;
    println!(
        "{} calls in {} virtual seconds, {:.1} s of real time",
        calls.into_inner(),
        virtual_ms.into_inner() / 1000,
        begun.elapsed().as_secs_f64()
    );
    println!("sim seeds: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
