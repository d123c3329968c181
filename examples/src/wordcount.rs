//! What `wordcount` is told and what it says.
use crate::count::{Counts, report};
use crate::files::{self, Listing};
use crate::sequential;
use anyhow::Error;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Below this the result is always compared with that of a sequential count.
const CHECK_BYTES_MAX: u64 = 64_000_000;
/// What is counted when no folder is named: in an unoptimized build less, since it is ten times as slow.
const UNASKED_BYTES_MAX: u64 = if cfg!(debug_assertions) { 8_000_000 } else { 1_000_000_000 };
const BATCH_BYTES_MIN: u64 = 256 * 1024;
const BATCH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Counts words and finds the commonest terms in the text files below a folder.
#[derive(Debug, Parser)]
pub struct Options {
    /// The folder. Without it, the sources in cargo's registry, or those of this program.
    dir: Option<PathBuf>,
    /// Worker processes: as many as there are processors, unless said otherwise.
    #[arg(long)]
    workers: Option<usize>,
    /// How many terms to show.
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// Compare with a sequential count. A small folder always is.
    #[arg(long)]
    check: bool,
}

impl Options {
    /// The folder whose files are counted.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(files::cargo_sources)
    }

    /// How many worker processes there are to be.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.or(available_parallelism().ok().map(usize::from)).unwrap_or(1).max(1)
    }

    /// How much is counted at most.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        if self.dir.is_some() { u64::MAX } else { UNASKED_BYTES_MAX }
    }

    /// How much goes to a worker at a time: several batches for each, of a size that is worth the way.
    #[must_use]
    pub fn batch_bytes(&self, listing: &Listing) -> u64 {
        (listing.bytes / (8 * self.workers() as u64)).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX)
    }

    /// Says what was counted, and compares it with a sequential count if that is asked for or quick.
    ///
    /// # Errors
    /// The two differ.
    pub fn report(&self, mut counts: Counts, listing: &Listing, took: Duration) -> Result<(), Error> {
        listing.complaints.iter().for_each(|complaint| counts.complain(complaint.clone()));
        println!("{}\n{}", self.dir().display(), report(&counts, self.top));
        let (workers, seconds) = (self.workers(), took.as_secs_f64());
        let mb_per_s = counts.bytes as f64 / 1e6 / seconds;
        println!("{seconds:.2} s with {workers} worker processes: {mb_per_s:.1} MB/s");
        if self.check || listing.bytes < CHECK_BYTES_MAX {
            let start = Instant::now();
            sequential::compare(&counts, listing).map_err(Error::msg)?;
            println!("equal to a sequential count, which took {:.2} s", start.elapsed().as_secs_f64());
        }
        Ok(())
    }
}

/// A bar of so many steps. Draws nothing where there is no terminal.
///
/// # Errors
/// None; a template that is wrong would be one.
pub fn progress_bar(len: usize) -> Result<ProgressBar, Error> {
    let bar = ProgressBar::new(len as u64);
    bar.set_style(ProgressStyle::with_template("{bar:50} {percent}% of the files, {eta} left")?);
    Ok(bar)
}
