//! The machine itself: what a round trip, a copy, a thread and a process cost here, with no framework at all.
//!
//! Printed by `longshore-bench machine`; the numbers under all other numbers.

mod cpu;
mod net;

use crate::report::Record;
pub(crate) use net::{ECHO, SINK, serve_echo, serve_sink};

/// One measurement of the machine: what it is called, its unit, and one repetition of it.
type Probe = (&'static str, &'static str, fn() -> anyhow::Result<f64>);

const PROBES: &[Probe] = &[
    ("round_trip_p50", "us", net::round_trip_p50),
    ("round_trip_p99", "us", net::round_trip_p99),
    ("frames_one_by_one", "frames/s", net::frames_one_by_one),
    ("frames_by_16", "frames/s", net::frames_by_16),
    ("frames_by_64_kib", "frames/s", net::frames_by_64_kib),
    ("connect", "us", net::connect),
    ("copy_warm", "MiB/s", cpu::copy_warm),
    ("copy_into_fresh_pages", "MiB/s", cpu::copy_into_fresh_pages),
    ("hop_park", "us", cpu::hop_park),
    ("hop_channel", "us", cpu::hop_channel),
    ("channel_stream", "ns", cpu::channel_stream),
    ("thread_spawn", "us", cpu::thread_spawn),
    ("process_spawn", "us", cpu::process_spawn),
];

/// Measures the machine `reps` times, in turns.
///
/// # Errors
/// When a probe fails.
pub(crate) fn measure(reps: usize, commit: &str) -> anyhow::Result<Vec<Record>> {
    let mut runs = vec![Vec::new(); PROBES.len()];
    for _ in 0..reps {
        for ((_, _, probe), runs) in PROBES.iter().zip(&mut runs) {
            runs.push(probe()?);
        }
    }
    let records = PROBES
        .iter()
        .zip(runs)
        .filter_map(|((metric, unit, _), runs)| Record::new(metric, unit, runs))
        .map(|record| Record { mode: "machine".into(), commit: commit.into(), ..record });
    Ok(records.collect())
}
