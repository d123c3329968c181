//! A bar that grows as tasks end.
use crate::future::{Group, TaskFuture};
use indicatif::{ProgressBar, ProgressStyle};
use std::future::poll_fn;
use std::io::IsTerminal;
use std::sync::Arc;

/// Draws a bar on the terminal until all these tasks have ended, with a value or without. Draws nothing where standard error
/// is not a terminal; waits all the same.
///
/// # Cancel safety
/// Dropping it removes the bar and nothing else.
pub async fn progress<'a, T: 'a>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
    let futures: Vec<_> = futures.into_iter().map(|f| f.cell().clone()).collect();
    let bar = if std::io::stderr().is_terminal() { bar(futures.len() as u64) } else { ProgressBar::hidden() };
    let group = Arc::new(Group::in_order());
    futures.iter().for_each(|cell| cell.join(&group, 0, false));
    while poll_fn(|cx| group.poll_next(cx)).await.is_some() {
        bar.inc(1);
    }
    bar.finish_and_clear();
}

fn bar(len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks, {elapsed} gone, {eta} left");
    // The template is a constant; were it wrong, the default would do.
    style.map_or_else(|_| ProgressBar::new(len), |style| ProgressBar::new(len).with_style(style))
}
