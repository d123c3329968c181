use super::*;
use futures_lite::future::block_on;
use std::any::Any;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A runtime that only counts how often it was asked to poll.
#[derive(Default)]
struct Asked(AtomicUsize);

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task beside the runtime that it was spawned on.
struct Spawned<F: Role> {
    task: CallerRuns<F>,
    runtime: Arc<Asked>,
}

impl<F: Role> Spawned<F> {
    fn new(future: F) -> Self {
        Spawned { task: CallerRuns::new(future), runtime: Arc::default() }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.runtime.clone());
        Pin::new(&mut self.task).poll(&mut Context::from_waker(&waker))
    }

    fn asked(&self) -> usize {
        self.runtime.0.load(Ordering::SeqCst)
    }
}

/// Wakes a task.
#[derive(Clone, Default)]
struct Bell(Arc<Mutex<Option<Waker>>>);

impl Bell {
    fn hear(&self, cx: &Context<'_>) {
        *self.0.lock().unwrap() = Some(cx.waker().clone());
    }

    fn ring(&self) {
        let waker = self.0.lock().unwrap().clone();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Counts its polls; at each but the first it does something.
fn counts(
    bell: &Bell,
    polls: &Arc<AtomicUsize>,
    mut then: impl FnMut() + Send + 'static,
) -> impl Role<Output = ()> {
    let (bell, polls) = (bell.clone(), polls.clone());
    std::future::poll_fn(move |cx| {
        bell.hear(cx);
        if polls.fetch_add(1, Ordering::SeqCst) > 0 {
            then();
        }
        Poll::Pending
    })
}

fn polls() -> Arc<AtomicUsize> {
    Arc::default()
}

#[test]
fn it_is_its_runtimes_unless_a_thread_lends_itself() {
    let (bell, count) = (Bell::default(), polls());
    let mut spawned = Spawned::new(counts(&bell, &count, || {}));
    assert!(spawned.poll().is_pending());
    bell.ring();
    bell.ring();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 1), "asked once until it has polled");
    assert!(spawned.poll().is_pending());
    let trampoline = Trampoline::begin();
    bell.ring();
    drop(trampoline);
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (2, 2), "what was gathered in vain");
}

#[test]
fn what_is_woken_by_polling_is_polled_too() {
    let (first, second, count) = (Bell::default(), Bell::default(), polls());
    let mut behind = Spawned::new(counts(&second, &count, || {}));
    let ring = second.clone();
    let mut ahead = Spawned::new(counts(&first, &polls(), move || ring.ring()));
    assert!(behind.poll().is_pending() && ahead.poll().is_pending());
    let trampoline = Trampoline::begin();
    let inner = Trampoline::begin();
    first.ring();
    inner.run();
    assert_eq!(count.load(Ordering::SeqCst), 1, "the outer one decides");
    trampoline.run();
    assert_eq!((count.load(Ordering::SeqCst), ahead.asked(), behind.asked()), (2, 0, 0));
}

#[test]
fn who_blocks_polls_what_it_woke_when_it_submitted() {
    let (bell, count) = (Bell::default(), polls());
    let mut spawned = Spawned::new(counts(&bell, &count, || {}));
    assert!(spawned.poll().is_pending());
    let submits = || {
        let trampoline = Trampoline::begin();
        bell.ring();
        trampoline.remember();
    };
    submits();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 1), "it may never block");
    run_remembered();
    run_remembered();
    assert!(spawned.poll().is_pending());
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 2), "polled once for one wake-up");
    submits();
    let _mark = ThreadContext::Async.enter();
    run_remembered();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (2, 2), "where nobody may block");
}

#[test]
fn those_that_wake_each_other_for_ever_do_not_keep_the_thread() {
    let (ping, pong) = (Bell::default(), Bell::default());
    let (to_ping, to_pong) = (ping.clone(), pong.clone());
    let (pings, pongs) = (polls(), polls());
    let mut one = Spawned::new(counts(&ping, &pings, move || to_pong.ring()));
    let mut other = Spawned::new(counts(&pong, &pongs, move || to_ping.ring()));
    assert!(one.poll().is_pending() && other.poll().is_pending());
    let trampoline = Trampoline::begin();
    ping.ring();
    trampoline.run();
    assert_eq!(pings.load(Ordering::SeqCst) + pongs.load(Ordering::SeqCst), 2 + POLLS_MAX);
    assert_eq!(one.asked() + other.asked(), 1, "one of them is its runtime's now");
}

#[test]
fn it_ends_on_its_runtime() {
    let bell = Bell::default();
    let (hear, mut is_first, held) = (bell.clone(), true, Arc::new(()));
    let kept = held.clone();
    let future = std::future::poll_fn(move |cx| {
        let _ = &kept;
        hear.hear(cx);
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(7) }
    });
    let mut spawned = Spawned::new(future);
    assert!(spawned.poll().is_pending());
    let trampoline = Trampoline::begin();
    bell.ring();
    trampoline.run();
    assert_eq!(Arc::strong_count(&held), 2, "nor is anything dropped elsewhere");
    assert_eq!((spawned.asked(), spawned.poll()), (1, Poll::Ready(7)));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_panic_is_its_runtimes_whoever_polls() {
    let (bell, count) = (Bell::default(), polls());
    let mut spawned = Spawned::new(counts(&bell, &count, || panic!("a defect")));
    assert!(spawned.poll().is_pending());
    let trampoline = Trampoline::begin();
    bell.ring();
    trampoline.run();
    assert_eq!(spawned.asked(), 1);
    let panic = catch_unwind(AssertUnwindSafe(|| spawned.poll())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a defect"));
}

#[test]
fn a_poll_that_drops_the_task_drops_the_future_when_it_is_over() {
    type Slot = Arc<Mutex<Option<Box<dyn Any + Send>>>>;
    let (bell, slot, held) = (Bell::default(), Slot::default(), Arc::new(()));
    let (drops, kept) = (slot.clone(), held.clone());
    let future = counts(&bell, &polls(), move || {
        let task = drops.lock().unwrap().take();
        drop(task);
        assert_eq!(Arc::strong_count(&kept), 2, "what is running still has what it needs");
    });
    let mut spawned = Spawned::new(future);
    assert!(spawned.poll().is_pending());
    *slot.lock().unwrap() = Some(Box::new(spawned.task));
    let trampoline = Trampoline::begin();
    bell.ring();
    trampoline.run();
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Threads that lend themselves and threads that do not leave numbers for a task; it gets all of them.
#[test]
fn no_wake_up_is_lost() {
    const EACH: usize = 20_000;
    const THREADS: usize = 4;
    let (bell, left) = (Bell::default(), Arc::new(AtomicUsize::new(0)));
    let (hear, leave) = (bell.clone(), left.clone());
    let mut got = 0;
    let future = std::future::poll_fn(move |cx| {
        hear.hear(cx);
        got += leave.swap(0, Ordering::SeqCst);
        if got == EACH * THREADS { Poll::Ready(()) } else { Poll::Pending }
    });
    let writers: Vec<_> = (0..THREADS)
        .map(|number| {
            let (bell, left) = (bell.clone(), left.clone());
            thread::spawn(move || {
                for _ in 0..EACH {
                    let trampoline = (number % 2 == 0).then(Trampoline::begin);
                    left.fetch_add(1, Ordering::SeqCst);
                    bell.ring();
                    trampoline.into_iter().for_each(Trampoline::run);
                }
            })
        })
        .collect();
    let (over, is_over) = channel();
    thread::spawn(move || {
        block_on(CallerRuns::new(future));
        over.send(()).unwrap();
    });
    is_over.recv_timeout(LONG).expect("a wake-up is lost");
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}
