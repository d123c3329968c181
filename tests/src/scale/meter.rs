//! What a part of the simulated cluster really costs: processor time and memory of its own code.
//!
//! A [`Metered`] runtime is the simulated one, with a look at the thread's processor clock and at the allocator before and
//! after each poll. The code that is polled sees nothing of it. What it costs to pass bytes on to the simulated network is
//! counted too, as a real scheduler's calls of its kernel are; not so the memory of bytes that were passed on, which is freed
//! elsewhere.
use longshore_rt::{BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, TaskMeta};
use longshore_sim::{Sim, SimConn, SimListener, SimRuntime, SimSleep};
use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// The bytes that are allocated now, by whom it may be.
pub type Allocated = fn() -> i64;

/// No allocator that counts.
#[must_use]
pub fn uncounted() -> i64 {
    0
}

/// What was measured since the last [`Meter::restart`].
#[derive(Copy, Clone, Debug, Default)]
pub struct Reading {
    /// Processor time.
    pub time: Duration,
    /// How often something was polled.
    pub polls: u64,
    /// Bytes that are held.
    pub held_bytes: i64,
    /// The most that were held after a poll.
    pub peak_bytes: i64,
}

/// Adds up what a process's polls cost.
#[derive(Debug)]
pub struct Meter {
    allocated: Allocated,
    reading: Mutex<Reading>,
}

impl Meter {
    /// A meter that asks `allocated` about memory.
    #[must_use]
    pub fn new(allocated: Allocated) -> Arc<Self> {
        Arc::new(Meter { allocated, reading: Mutex::default() })
    }

    /// What was measured.
    #[must_use]
    pub fn read(&self) -> Reading {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew; what is held stays held.
    pub fn restart(&self) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let held_bytes = reading.held_bytes;
        *reading = Reading { held_bytes, peak_bytes: held_bytes, ..Reading::default() };
    }

    /// Measures a poll. `written` says how much the process has passed on to the network so far.
    fn poll<T>(&self, written: impl Fn() -> u64, poll: impl FnOnce() -> T) -> T {
        let passed_on = written();
        let (time, bytes) = (thread_time(), (self.allocated)());
        let polled = poll();
        let (time, bytes) = (thread_time() - time, (self.allocated)() - bytes);
        let bytes = bytes - i64::try_from(written() - passed_on).unwrap_or_default();
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.time += time;
        reading.polls += 1;
        reading.held_bytes += bytes;
        reading.peak_bytes = reading.peak_bytes.max(reading.held_bytes);
        polled
    }
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (secs, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default())
}

/// A simulated runtime of which every poll is metered.
#[derive(Clone, Debug)]
pub struct Metered {
    rt: SimRuntime,
    meter: Arc<Meter>,
}

impl Metered {
    /// Has the polls of what is spawned on a runtime measured.
    #[must_use]
    pub fn new(rt: SimRuntime, meter: Arc<Meter>) -> Self {
        Metered { rt, meter }
    }
}

struct Watched {
    future: BoxFuture<'static, ()>,
    meter: Arc<Meter>,
    sim: Sim,
    process: String,
}

impl Future for Watched {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Watched { future, meter, sim, process } = &mut *self;
        meter.poll(|| sim.written_bytes(process), || future.as_mut().poll(cx))
    }
}

impl Runtime for Metered {
    type Sleep = SimSleep;
    type Conn = SimConn;
    type Listener = SimListener;

    fn name(&self) -> &'static str {
        self.rt.name()
    }

    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        let (sim, process, meter) = (self.rt.sim(), self.rt.process_name(), self.meter.clone());
        self.rt.spawn_raw(meta, Box::pin(Watched { future: fut, meter, sim, process }))
    }

    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.rt.spawn_blocking_raw(meta, job)
    }

    fn now(&self) -> Instant {
        self.rt.now()
    }

    fn unix_now(&self) -> Duration {
        self.rt.unix_now()
    }

    fn sleep_until(&self, at: Instant) -> SimSleep {
        self.rt.sleep_until(at)
    }

    fn entropy(&self) -> u64 {
        self.rt.entropy()
    }

    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<SimConn>> + Send + 'static + use<> {
        self.rt.connect(to)
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<SimListener>> + Send + 'static + use<> {
        self.rt.listen(on)
    }
}
