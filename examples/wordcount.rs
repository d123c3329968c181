//! Counts words and finds the commonest terms in every text file below a folder, on a cluster of worker processes.
//!
//! Files go to the workers in batches; what they count stays with them. Counts are put together two by two, in a tree that
//! grows while the counting goes on, so at no time is there more than a handful of them. Only the end of it comes here.
use anyhow::Context;
use clap::Parser;
use longshore::rt::TokioRuntime;
use longshore::{LocalCluster, TaskFuture, TokioClient, as_completed, task};
use longshore_examples::count::Counts;
use longshore_examples::files::Listing;
use longshore_examples::wordcount::{Options, progress_bar};
use std::path::PathBuf;
use std::time::Instant;

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
    let bar = progress_bar(batches.len())?;
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
    let (dir, workers) = (options.dir(), options.workers());
    let cluster = LocalCluster::builder(TokioRuntime::current()?);
    let cluster = cluster.processes(true).workers(workers).threads_per_worker(1);
    let cluster = cluster.start().await?;
    let client = TokioClient::connect(cluster.address()).await?;

    let start = Instant::now();
    let listing = Listing::below(&dir, options.bytes_max());
    let listing = listing.with_context(|| format!("{} cannot be read", dir.display()))?;
    let batches = listing.batches(options.batch_bytes(&listing));
    let counts = count_all(&client, batches, 4 * workers).await?;
    let took = start.elapsed();
    client.close().await?;
    cluster.close().await;

    options.report(counts, &listing, took)
}
