//! What the kernel says about a process: memory, processor time, wake-ups.
//!
//! Read from `/proc`, so Linux only. A thread of another process that ended takes its share with it; those measured here
//! live on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

/// Resident bytes of a process.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = text.split_whitespace().nth(1).context("no resident pages in statm")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Resident bytes of a process that are not parts of files: what it holds beyond its binary and libraries.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn anonymous_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(1024 * field(&status, "RssAnon:").context("no RssAnon in status")?)
}

/// Processor seconds, user's and system's, of all threads of a process; of this one also those that ended.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    if pid == std::process::id() {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        return Ok(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9);
    }
    sum_threads(pid, None, thread_cpu_seconds)
}

/// Processor seconds of some threads of this process.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn cpu_seconds_of(threads: &BTreeSet<u32>) -> anyhow::Result<f64> {
    sum_threads(std::process::id(), Some(threads), thread_cpu_seconds)
}

/// How often threads of a process went to sleep of their own will, which is how often they were woken.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn wake_ups(pid: u32) -> anyhow::Result<f64> {
    sum_threads(pid, None, |thread| {
        let status = fs::read_to_string(thread.join("status"))?;
        Ok(field(&status, "voluntary_ctxt_switches:").context("no voluntary_ctxt_switches")? as f64)
    })
}

/// The threads of this process.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn threads() -> anyhow::Result<BTreeSet<u32>> {
    let all = thread_folders(std::process::id())?;
    Ok(all.iter().filter_map(|folder| folder.file_name()?.to_str()?.parse().ok()).collect())
}

fn thread_folders(pid: u32) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn sum_threads(
    pid: u32,
    only: Option<&BTreeSet<u32>>,
    what: impl Fn(&Path) -> anyhow::Result<f64>,
) -> anyhow::Result<f64> {
    let wanted = |folder: &PathBuf| {
        let number = folder.file_name().and_then(|name| name.to_str()?.parse().ok());
        only.is_none_or(|only| number.is_some_and(|number| only.contains(&number)))
    };
    // a thread may end between being listed and being read
    Ok(thread_folders(pid)?.iter().filter(|f| wanted(f)).filter_map(|f| what(f).ok()).sum())
}

/// In nanoseconds where the kernel keeps them, else in ticks of a hundredth of a second.
fn thread_cpu_seconds(thread: &Path) -> anyhow::Result<f64> {
    if let Ok(text) = fs::read_to_string(thread.join("schedstat")) {
        let ns: u64 = text.split_whitespace().next().context("schedstat is empty")?.parse()?;
        return Ok(ns as f64 / 1e9);
    }
    let text = fs::read_to_string(thread.join("stat"))?;
    let (_, after_name) = text.rsplit_once(')').context("no name in stat")?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next().context("no times in stat")?.parse::<u64>().map_err(anyhow::Error::from);
    Ok((ticks()? + ticks()?) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line[name.len()..].split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_resident_and_most_of_that_is_its_own() {
        let me = std::process::id();
        let block = std::hint::black_box(vec![1_u8; 32 << 20]);
        assert!(anonymous_bytes(me).unwrap() > 32 << 20);
        assert!(resident_bytes(me).unwrap() > anonymous_bytes(me).unwrap());
        drop(block);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(resident_bytes(u32::MAX).is_err());
        assert!(cpu_seconds(u32::MAX).is_err());
    }

    #[test]
    fn a_thread_that_ended_is_not_forgotten() {
        let me = std::process::id();
        let before = cpu_seconds(me).unwrap();
        let work =
            || std::hint::black_box((0..20_000_000_u64).fold(1, |sum, x| std::hint::black_box(sum ^ x)));
        std::thread::spawn(work).join().unwrap();
        assert!(cpu_seconds(me).unwrap() > before + 0.001);
    }

    #[test]
    fn work_costs_time_and_sleep_costs_a_wake_up() {
        let me = std::process::id();
        let (cpu, before) = (cpu_seconds(me).unwrap(), wake_ups(me).unwrap());
        let mine = threads().unwrap();
        std::hint::black_box((0..20_000_000_u64).fold(1, |sum, x| std::hint::black_box(sum ^ x)));
        assert!(cpu_seconds(me).unwrap() > cpu);
        assert!(cpu_seconds_of(&mine).unwrap() > 0.0);
        std::thread::park_timeout(std::time::Duration::from_millis(1));
        assert!(wake_ups(me).unwrap() > before);
    }
}
