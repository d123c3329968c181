//! Starts a worker process, watches it, and starts it anew when it dies.
use super::child::EXIT_CLUSTER_ENDED;
use atomic_waker::AtomicWaker;
use longshore_proto::plan::{MARKER, PlanError, WorkerPlan};
use std::env;
use std::future::poll_fn;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

/// First pause before a dead worker is started again; doubles with each death in a row.
const RESTART_MS_MIN: u64 = 20;
const RESTART_MS_MAX: u64 = 5_000;
/// A worker that lived so long is not counted as dying again and again.
const STABLE: Duration = Duration::from_secs(10);

/// How a worker process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerEnd {
    /// Name of the worker.
    pub name: String,
    /// Its exit status, or why there is none.
    pub status: String,
}

/// Keeps one worker process running: starts it, watches it, and starts it again when it dies, unless it ended because a
/// client [shut the cluster down](crate::Client::shutdown).
///
/// The program must call [`longshore::init`](crate::init) first thing in its `main`. Dropping the supervisor tells the process to
/// leave, which it does within some seconds.
#[derive(Debug)]
#[must_use = "the process is told to leave when its supervisor is dropped"]
pub struct Supervisor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    waiter: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    /// Whether a worker that dies is started again.
    restart: bool,
    /// The pipe whose end tells the child to go.
    stdin: Option<ChildStdin>,
    /// Process id while it runs and has not been waited for.
    pid: Option<u32>,
    last_end: Option<WorkerEnd>,
    /// The supervising thread is done.
    ended: bool,
}

impl Supervisor {
    /// Starts the process and a thread that watches it.
    ///
    /// # Errors
    /// The process or the thread could not be started.
    pub fn start(command: PathBuf, plan: WorkerPlan) -> io::Result<Supervisor> {
        let shared = Arc::new(Shared::default());
        let child = spawn(&command, &plan, &shared)?;
        let watch = Watch { shared: shared.clone(), command, plan };
        thread::Builder::new().name("longshore-supervisor".into()).spawn(move || watch.run(child))?;
        Ok(Supervisor { shared })
    }

    /// From now on the worker is started again when it dies.
    pub fn restart_when_dead(&self) {
        self.shared.state().restart = true;
    }

    /// Tells the child to go, by closing its pipe.
    pub fn stop(&self) {
        let mut state = self.shared.state();
        state.stopping = true;
        state.stdin = None;
        self.shared.changed.notify_all();
    }

    /// Ends the child at once.
    pub fn kill(&self) {
        let state = self.shared.state();
        // The id is cleared under the same lock before the child is waited for, so it cannot be another process's.
        let pid = state.pid.and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// How the process ended last, if it did.
    #[must_use]
    pub fn last_end(&self) -> Option<WorkerEnd> {
        self.shared.state().last_end.clone()
    }

    /// Process id of the child, while one runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.shared.state().pid
    }

    /// Waits until the process has ended and will not be started again.
    pub async fn ended(&self) {
        poll_fn(|cx| self.poll_stopped(cx)).await;
    }

    /// How the child ended last, if it did.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<WorkerEnd> {
        self.shared.waiter.register(cx.waker());
        match &self.shared.state().last_end {
            Some(end) => Poll::Ready(end.clone()),
            None => Poll::Pending,
        }
    }

    /// Ready when there is no child any more and will be none.
    pub(crate) fn poll_stopped(&self, cx: &Context<'_>) -> Poll<()> {
        self.shared.waiter.register(cx.waker());
        if self.shared.state().ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the watching thread has.
struct Watch {
    shared: Arc<Shared>,
    command: PathBuf,
    plan: WorkerPlan,
}

impl Watch {
    fn run(mut self, mut child: Child) {
        let name = self.plan.name.clone();
        let mut deaths = 0u32;
        loop {
            let born = std::time::Instant::now();
            let status = wait(&mut child, &self.shared);
            if status.as_ref().is_ok_and(|s| s.code() == Some(EXIT_CLUSTER_ENDED)) {
                self.shared.state().stopping = true;
            }
            let end = WorkerEnd { name: self.plan.name.clone(), status: describe(status) };
            if !self.note_end(end) {
                break;
            }
            deaths = if born.elapsed() > STABLE { 1 } else { deaths + 1 };
            if !self.pause(deaths) {
                break;
            }
            // The scheduler may not have noticed yet that the last one is gone.
            self.plan.name = format!("{name}.{deaths}");
            match spawn(&self.command, &self.plan, &self.shared) {
                Ok(next) => child = next,
                Err(error) => {
                    tracing::error!(worker = name, %error, "a worker process could not be started again");
                    break;
                }
            }
        }
        self.shared.state().ended = true;
        self.shared.waiter.wake();
    }

    /// Notes how the child ended; whether it is to be started again.
    fn note_end(&self, end: WorkerEnd) -> bool {
        let mut state = self.shared.state();
        state.stdin = None;
        let again = state.restart && !state.stopping;
        if !state.stopping {
            tracing::warn!(worker = end.name, status = end.status, again, "a worker process ended");
        }
        state.last_end = Some(end);
        drop(state);
        self.shared.waiter.wake();
        again
    }

    /// Waits before another start; `false` if told to stop meanwhile.
    fn pause(&self, deaths: u32) -> bool {
        let pause_ms =
            RESTART_MS_MIN.saturating_mul(1 << deaths.min(16).saturating_sub(1)).min(RESTART_MS_MAX);
        let state = self.shared.state();
        let waited =
            self.shared.changed.wait_timeout_while(state, Duration::from_millis(pause_ms), |s| !s.stopping);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }
}

fn spawn(command: &PathBuf, plan: &WorkerPlan, shared: &Shared) -> io::Result<Child> {
    let mut command = Command::new(command);
    command.env(MARKER, "1").stdin(Stdio::piped());
    if let Some((name, value)) = thread_count(&plan.runtime, |name| env::var_os(name).is_some()) {
        command.env(name, value);
    }
    let plan = plan.encode().map_err(|e: PlanError| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let mut state = shared.state();
    let mut child = command.spawn()?;
    // Taken out, since waiting for a child closes the pipe it still owns.
    let mut stdin = child.stdin.take();
    if let Some(pipe) = &mut stdin
        && let Err(e) = pipe.write_all(&plan)
    {
        // It is gone already; waiting for it tells how.
        tracing::debug!(error = %e, "a worker process did not read its plan");
    }
    state.stdin = if state.stopping { None } else { stdin };
    state.pid = Some(child.id());
    Ok(child)
}

/// What gives a worker's runtime one thread, unless the user has said how many. A worker needs no more, and async-std, which
/// alone has several unless told otherwise, hands each message from one to another.
fn thread_count(runtime: &str, is_set: impl FnOnce(&str) -> bool) -> Option<(&'static str, &'static str)> {
    const NAME: &str = "ASYNC_STD_THREAD_COUNT";
    (runtime == "async-std" && !is_set(NAME)).then_some((NAME, "1"))
}

/// Waits for the end of a child and only then for its exit status, so that nobody signals a process id that was given away.
fn wait(child: &mut Child, shared: &Shared) -> io::Result<ExitStatus> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()) {
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    }
    shared.state().pid = None;
    child.wait()
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(e) => format!("unknown ({e})"),
    }
}

#[cfg(test)]
mod tests {
    use super::thread_count;

    #[test]
    fn the_users_word_on_threads_stands() {
        assert_eq!(thread_count("async-std", |_| false), Some(("ASYNC_STD_THREAD_COUNT", "1")));
        assert_eq!(thread_count("async-std", |_| true), None);
        assert_eq!(thread_count("tokio", |_| false), None);
    }
}
