//! The loop: run what is ready, else let the next event happen.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use longshore_rt::{BlockOnError, BoxJob, PanicObserver, ThreadContext, observe_panics};

use crate::agenda::Event;
use crate::clock::nanos;
use crate::job::Finished;
use crate::ready::{Ready, TaskWake};
use crate::sim::Sim;
use crate::slab::Key;
use crate::state::{Script, State};
use crate::task::Turn;
use crate::trace::Happening;
use crate::world::World;

/// What is to be done next, outside the lock.
enum Next {
    /// Poll the future given to `run`.
    Root,
    Task(Key, Turn),
    Script(Script),
    Job(BoxJob),
    /// Drop a job whose process is dead.
    Forget(BoxJob),
    /// Go on: it was done under the lock.
    Again,
    /// Nothing is ready, and nothing is due within the limit.
    Idle,
    /// The run has failed.
    Fail(&'static str),
    /// A task has failed it.
    Panicked(String),
}

/// What one round of the loop came to.
enum Round {
    Worked,
    Root,
    Idle,
}

/// One call of `run` or `run_until`. While a panic passes, the outermost says how to come back to it.
struct Session<'a> {
    world: &'a World,
    root: Key,
    _observer: PanicObserver,
}

impl<'a> Session<'a> {
    fn begin(world: &'a Arc<World>) -> Result<Self, BlockOnError> {
        let me = std::thread::current().id();
        let (driver, context) = (world.with(|state| state.driver), ThreadContext::current());
        // A blocking job may wait for the world: it is run from within the job.
        let nested = driver == Some(me) && context == ThreadContext::Blocking;
        if context == ThreadContext::Async || (driver.is_some() && !nested) {
            return Err(BlockOnError::InsideAsync);
        }
        if !nested {
            world.ready.set_driver(Some(me));
        }
        let number = world.with(|state| state.begin_run(me));
        let told = Arc::clone(world);
        let observer = observe_panics(move |panic| told.with(|state| state.note_unobserved(&panic)));
        Ok(Self { world, root: Key::special(number), _observer: observer })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let (outermost, deferred) = self.world.with(State::end_run);
        self.world.ready.put_back(deferred);
        if !outermost {
            return;
        }
        self.world.ready.set_driver(None);
        if std::thread::panicking() {
            let whereabouts = self.world.with(|state| state.whereabouts());
            eprintln!("longshore-sim: the run failed at {whereabouts}");
        }
    }
}

impl Sim {
    /// Runs the world until `fut` is done. The thread counts as running async code meanwhile.
    ///
    /// A blocking job may call this too. The job then waits while the world goes on around it, but jobs that wait
    /// at the same time must end in the reverse of the order in which they began to: there is one stack.
    ///
    /// # Errors
    /// [`BlockOnError::InsideAsync`] when the thread runs async code, of this world or of another runtime.
    ///
    /// # Panics
    /// With the seed, when the run has failed: nothing is ready and nothing will happen, the time limit of
    /// [`SimConfig`](crate::SimConfig) is passed, tasks run on without time passing, a task panics and nobody
    /// takes note, or another OS thread takes part. A panic in `fut` passes through.
    pub fn run<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        self.drive(fut, u64::MAX, "deadlock: nothing is ready and nothing is going to happen")
    }

    /// Runs the world until `fut` is done, which it must be before that much more virtual time has passed: for
    /// what a healed world owes.
    ///
    /// # Errors
    /// As [`run`](Sim::run).
    ///
    /// # Panics
    /// As [`run`](Sim::run), and when the time is over.
    pub fn run_within<F: Future>(&self, time: Duration, fut: F) -> Result<F::Output, BlockOnError> {
        let limit = nanos(self.elapsed() + time);
        self.drive(fut, limit, &format!("overdue: what the run waits for has not happened within {time:?}"))
    }

    fn drive<F: Future>(&self, fut: F, limit: u64, idle: &str) -> Result<F::Output, BlockOnError> {
        let session = Session::begin(&self.world)?;
        let mut fut = pin!(fut);
        let wake = TaskWake::new(Arc::clone(&self.world.ready), session.root);
        let waker = Waker::from(Arc::clone(&wake));
        waker.wake_by_ref();
        loop {
            match self.round(limit) {
                Round::Worked => {}
                Round::Idle => self.fail(idle),
                Round::Root => {
                    wake.begin_poll();
                    let _mark = ThreadContext::Async.enter();
                    if let Poll::Ready(value) = fut.as_mut().poll(&mut Context::from_waker(&waker)) {
                        self.fail_if_panicked();
                        return Ok(value);
                    }
                }
            }
        }
    }

    /// Runs the world until the given virtual time, whether or not there is anything to do.
    ///
    /// # Errors
    /// As [`run`](Sim::run).
    ///
    /// # Panics
    /// As [`run`](Sim::run), except that idleness is no failure.
    pub fn run_until(&self, deadline: Duration) -> Result<(), BlockOnError> {
        let _session = Session::begin(&self.world)?;
        let limit = nanos(deadline);
        while !matches!(self.round(limit), Round::Idle) {}
        self.world.with(|state| state.advance(limit));
        Ok(())
    }

    /// Runs the world for some more virtual time.
    ///
    /// # Errors
    /// As [`run`](Sim::run).
    ///
    /// # Panics
    /// As [`run_until`](Sim::run_until).
    pub fn run_for(&self, time: Duration) -> Result<(), BlockOnError> {
        self.run_until(self.elapsed() + time)
    }

    fn round(&self, limit: u64) -> Round {
        match self.world.with(|state| state.next(&self.world.ready, limit)) {
            Next::Root => return Round::Root,
            Next::Idle => return Round::Idle,
            Next::Again => {}
            Next::Task(key, turn) => self.poll_task(key, turn),
            Next::Job(job) => job(),
            Next::Forget(job) => drop(job),
            Next::Script(script) => script(&Sim::handle(&self.world)),
            Next::Fail(why) => self.fail(why),
            Next::Panicked(what) => self.fail(&what),
        }
        Round::Worked
    }

    fn poll_task(&self, key: Key, mut turn: Turn) {
        let mark = ThreadContext::Async.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            turn.future.as_mut().poll(&mut Context::from_waker(&turn.waker)).is_ready()
        }));
        drop(mark);
        let done = !matches!(polled, Ok(false));
        let spent = self.world.with(|state| state.end_poll(key, turn.future, done));
        if let Err(panic) = polled {
            let process = self.world.with(|state| state.processes.get(turn.pid).name.clone());
            let (task, location) = (turn.meta.name, turn.meta.location);
            eprintln!("longshore-sim: task {process} / {task}, spawned at {location}, panicked");
            resume_unwind(panic);
        }
        drop(spent); // Runs destructors, which may use the world.
    }

    /// Fails a run that would else end before anybody looks at the panic.
    fn fail_if_panicked(&self) {
        if let Some(what) = self.world.with(|state| state.unobserved.take()) {
            self.fail(&what);
        }
    }

    /// Ends the run.
    fn fail(&self, why: &str) -> ! {
        let report = self.world.with(|state| state.report(why));
        panic!("{report}");
    }
}

impl State {
    fn begin_run(&mut self, driver: ThreadId) -> u32 {
        if self.runs.is_empty() {
            (self.driver, self.foreign_use) = (Some(driver), false);
        }
        self.runs_begun = self.runs_begun.wrapping_add(1);
        self.runs.push(self.runs_begun);
        self.runs_begun
    }

    /// Says whether it was the outermost run, and what is to be woken again.
    fn end_run(&mut self) -> (bool, Vec<Key>) {
        self.runs.pop();
        let outermost = self.runs.is_empty();
        if outermost {
            self.driver = None;
        }
        (outermost, std::mem::take(&mut self.deferred))
    }

    /// Decides what comes next, and does as much of it as can be done under the lock.
    fn next(&mut self, ready: &Ready, limit: u64) -> Next {
        if let Some(what) = self.unobserved.take() {
            return Next::Panicked(what);
        }
        if let Some(script) = self.due_script() {
            self.note(Happening::Script);
            return Next::Script(script);
        }
        match ready.take(self.config.policy, &mut self.rng.scheduler) {
            _ if self.foreign_use => {
                Next::Fail("nondeterminism: another OS thread used the world while it ran")
            }
            Err(_) => Next::Fail("nondeterminism: another OS thread woke a task"),
            Ok(Some(key)) => self.next_poll(key),
            Ok(None) => self.next_happening(ready, limit),
        }
    }

    fn next_poll(&mut self, key: Key) -> Next {
        let next = match key.as_special() {
            Some(run) if self.runs.last() == Some(&run) => {
                self.active = None;
                self.note(Happening::Root);
                Next::Root
            }
            Some(run) => {
                if self.runs.contains(&run) {
                    self.deferred.push(key);
                }
                return Next::Again; // Else it was woken by what outlived its run.
            }
            None => match self.begin_poll(key) {
                Some(turn) => Next::Task(key, turn),
                None => return Next::Again,
            },
        };
        match self.count_poll() {
            true => next,
            false => Next::Fail("livelock: tasks keep running and time does not pass"),
        }
    }

    fn next_happening(&mut self, ready: &Ready, limit: u64) -> Next {
        let Some(event) = self.next_event(limit) else { return Next::Idle };
        if self.now > nanos(self.config.time_limit) {
            return Next::Fail("the time limit is passed: what the run waits for does not happen");
        }
        match event {
            Event::Timer(key) => {
                self.note(Happening::Timer);
                let waker = self.timers.remove(key).flatten();
                self.outbox.wake.extend(waker);
            }
            Event::Deliver { conn, side, segment } => self.deliver(conn, side, segment),
            Event::Stall { conn, side, generation } => self.stall(conn, side, generation),
            Event::Syn(syn) => self.deliver_syn(syn),
            Event::Answer { dial, answer } => self.answer_dial(dial, answer),
            Event::Job { owner, name, job } => match self.finish_job(owner, name, job) {
                Finished::Run(job) => return Next::Job(job),
                Finished::Drop(job) => return Next::Forget(job),
                Finished::Later => {}
            },
            Event::Script(script) => {
                self.note(Happening::Script);
                return Next::Script(script);
            }
            Event::ProcessorFree(pid) => ready.put_back(self.processor_free(pid)),
        }
        Next::Again
    }
}
