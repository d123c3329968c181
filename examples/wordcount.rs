//! Counts words and finds the commonest terms in every text file below a folder, on a cluster of worker processes.
//!
//! Files go to the workers in batches; what they count stays with them. Counts are put together two by two, in a tree that
//! grows while the counting goes on, so at no time is there more than a handful of them. Only the end of it comes here.
use anyhow::Context;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use longshore::rt::TokioRuntime;
use longshore::{LocalCluster, TaskFuture, TokioClient, as_completed, task};
use longshore_examples::count::{Counts, report};
use longshore_examples::files::{self, Listing};
use longshore_examples::sequential;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Instant;

/// Below this the result is always compared with that of a sequential count.
const CHECK_BYTES_MAX: u64 = 64_000_000;
/// What is counted when no folder is named: in an unoptimized build less, since it is ten times as slow.
const UNASKED_BYTES_MAX: u64 = if cfg!(debug_assertions) { 8_000_000 } else { 1_000_000_000 };
const BATCH_BYTES_MIN: u64 = 256 * 1024;
const BATCH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Counts words and finds the commonest terms in the text files below a folder.
#[derive(Parser)]
struct Options {
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

#[task]
fn count(paths: &[PathBuf]) -> Counts {
    Counts::of_files(paths)
}

/// By reference: the counts are where this runs, or come there from another worker, and are not copied.
#[task]
fn merge(one: &Counts, other: &Counts) -> Counts {
    one.merged(other)
}

/// Counts that wait for others as large: the trees of a forest, each lower than the one before it.
struct Forest<'a> {
    client: &'a TokioClient,
    trees: Vec<(u32, TaskFuture<Counts>)>,
}

impl Forest<'_> {
    fn plant(&mut self, mut tree: TaskFuture<Counts>) {
        let mut height = 0;
        while let Some((_, other)) = self.trees.pop_if(|(other, _)| *other == height) {
            tree = self.client.submit(merge(other, tree));
            height += 1;
        }
        self.trees.push((height, tree));
    }

    /// All in one; the smallest go first.
    fn fell(self) -> TaskFuture<Counts> {
        let trees = self.trees.into_iter().rev().map(|(_, tree)| tree);
        let whole = trees.reduce(|small, large| self.client.submit(merge(large, small)));
        whole.unwrap_or_else(|| self.client.submit(count(Vec::<PathBuf>::new())))
    }
}

/// Counts all batches, `width` of them at a time.
async fn count_all(client: &TokioClient, batches: Vec<Vec<PathBuf>>, width: usize) -> anyhow::Result<Counts> {
    // Draws nothing where there is no terminal.
    let bar = ProgressBar::new(batches.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:50} {percent}% of the files, {eta} left")?);
    let mut forest = Forest { client, trees: Vec::new() };
    let mut running = as_completed([]);
    let mut batches = batches.into_iter();
    loop {
        for batch in batches.by_ref().take(width - running.len()) {
            let counts = client.submit(count(batch));
            running.push(counts.clone());
            forest.plant(counts);
        }
        if running.next().await.is_none() {
            break;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(forest.fell().await?)
}

fn main() -> anyhow::Result<()> {
    // Worker processes are this very program, started again. In one of them this line never returns.
    longshore::init();
    run(Options::parse())
}

#[tokio::main]
async fn run(options: Options) -> anyhow::Result<()> {
    let dir = options.dir.clone().unwrap_or_else(files::cargo_sources);
    let bytes_max = if options.dir.is_some() { u64::MAX } else { UNASKED_BYTES_MAX };
    let workers = options.workers.or(available_parallelism().ok().map(usize::from)).unwrap_or(1).max(1);
    let cluster = LocalCluster::builder(TokioRuntime::current()?)
        .processes(true)
        .workers(workers)
        .threads_per_worker(1);
    let cluster = cluster.start().await?;
    let client = TokioClient::connect(cluster.address()).await?;

    let start = Instant::now();
    let listing =
        Listing::below(&dir, bytes_max).with_context(|| format!("{} cannot be read", dir.display()))?;
    let batch_bytes = (listing.bytes / (8 * workers as u64)).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX);
    let mut counts = count_all(&client, listing.batches(batch_bytes), 4 * workers).await?;
    let seconds = start.elapsed().as_secs_f64();
    client.close().await?;
    cluster.close().await;

    listing.complaints.iter().for_each(|complaint| counts.complain(complaint.clone()));
    println!("{}\n{}", dir.display(), report(&counts, options.top));
    println!(
        "{seconds:.2} s with {workers} worker processes: {:.1} MB/s",
        counts.bytes as f64 / 1e6 / seconds
    );
    if options.check || listing.bytes < CHECK_BYTES_MAX {
        let start = Instant::now();
        sequential::compare(&counts, &listing).map_err(anyhow::Error::msg)?;
        println!("equal to a sequential count, which took {:.2} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}
