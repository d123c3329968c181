//! Interruption: the first signal asks for an orderly end, a second one ends at once.
use async_channel::Receiver;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit status of a command that was interrupted twice.
const EXIT_INTERRUPTED: i32 = 130;

/// A channel that is closed by SIGINT, SIGTERM or SIGHUP.
pub(crate) fn interrupted() -> anyhow::Result<Receiver<()>> {
    let (sender, receiver) = async_channel::bounded(1);
    let again = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if again.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_INTERRUPTED);
        }
        sender.close();
    })?;
    Ok(receiver)
}
