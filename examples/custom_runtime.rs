//! A runtime of one's own, whole: some threads, a queue, and a waker that puts a task back into the queue.
//!
//! `Spawn` is all that Longshore asks of it; timers and sockets then come from async-io. The conformance suite tells whether
//! it is good enough.
use longshore::rt::{AsyncIo, BlockOn, BoxFuture, Closed, Spawn, TaskMeta, conformance};
use longshore::{Client, task};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread;

/// A future, and where it goes when it is woken.
struct Job {
    /// Empty once it is done.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    queued: AtomicBool,
    queue: Sender<Arc<Job>>,
}

/// The executor: the end of the queue into which jobs go. Its threads live as long as the program.
#[derive(Clone)]
struct MyExecutor(Sender<Arc<Job>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under one of these locks leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MyExecutor {
    fn start(threads: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = receiver.clone();
            thread::Builder::new().name("my-executor".into()).spawn(move || run(&receiver))?;
        }
        Ok(MyExecutor(sender))
    }
}

fn run(queue: &Mutex<Receiver<Arc<Job>>>) {
    let next = || lock(queue).recv().ok();
    std::iter::from_fn(next).for_each(Job::poll);
}

impl Job {
    fn poll(self: Arc<Self>) {
        // Before the poll: what wakes the task from now on is news, and puts it into the queue again.
        self.queued.store(false, Ordering::Release);
        let waker = Waker::from(self.clone());
        // Another thread that has taken it out of the queue meanwhile waits here for its turn.
        let mut slot = lock(&self.future);
        let is_done =
            |f: &mut BoxFuture<'static, ()>| f.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        slot.take_if(is_done);
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            // Without threads that run it there is nothing that it could still do.
            let _ = self.queue.clone().send(self);
        }
    }
}

impl Spawn for MyExecutor {
    fn spawn_raw(&self, _: TaskMeta, future: BoxFuture<'static, ()>) -> Result<(), Closed> {
        let (future, queued) = (Mutex::new(Some(future)), AtomicBool::new(false));
        Arc::new(Job { future, queued, queue: self.0.clone() }).wake();
        Ok(())
    }
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let my_runtime = AsyncIo::on("mine", MyExecutor::start(2)?);
    // Panics with the rule that is broken, if one is. It also has tasks panic that ought to, so panics on standard error are none
    // to worry about as long as the program goes on.
    my_runtime.block_on(conformance::suite(my_runtime.clone(), "127.0.0.1"))?;
    println!("the runtime keeps every rule");

    my_runtime.clone().block_on(async {
        let client = Client::builder(my_runtime).local().await?;
        let sum: i64 = client.gather(client.map(inc, 0..1000)).await?.into_iter().sum();
        assert_eq!(sum, 500_500);
        println!("and a cluster runs on it: 1 + … + 1000 is {sum}");
        client.close().await
    })??;
    Ok(())
}
