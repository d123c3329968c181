use super::*;
use futures_lite::future::block_on;
use std::sync::atomic::AtomicUsize;
use std::thread;

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
    fn new(future: F, has_callbacks: bool) -> Self {
        Spawned { task: CallerRuns::new(future, has_callbacks), runtime: Arc::default() }
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
    let mut spawned = Spawned::new(counts(&bell, &count, || {}), false);
    assert!(spawned.poll().is_pending());
    bell.ring();
    bell.ring();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 1), "asked once until it has polled");
    assert!(spawned.poll().is_pending());
    let lend = Lend::begin(Caller::Idle);
    bell.ring();
    drop(lend);
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (2, 2), "what was gathered in vain");
}

#[test]
fn what_is_woken_by_polling_is_polled_too() {
    let (first, second, count) = (Bell::default(), Bell::default(), polls());
    let mut behind = Spawned::new(counts(&second, &count, || {}), false);
    let ring = second.clone();
    let mut ahead = Spawned::new(counts(&first, &polls(), move || ring.ring()), false);
    assert!(behind.poll().is_pending() && ahead.poll().is_pending());
    let lend = Lend::begin(Caller::User);
    let inner = Lend::begin(Caller::Idle);
    first.ring();
    inner.poll_woken();
    assert_eq!(count.load(Ordering::SeqCst), 1, "the outer one decides");
    lend.poll_woken();
    assert_eq!((count.load(Ordering::SeqCst), ahead.asked(), behind.asked()), (2, 0, 0));
}

#[test]
fn callbacks_do_not_run_on_top_of_users_code() {
    let (bell, count) = (Bell::default(), polls());
    let mut spawned = Spawned::new(counts(&bell, &count, || {}), true);
    assert!(spawned.poll().is_pending());
    let lend = Lend::begin(Caller::User);
    bell.ring();
    lend.poll_woken();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 1));
    assert!(spawned.poll().is_pending());
    let lend = Lend::begin(Caller::Idle);
    bell.ring();
    lend.poll_woken();
    assert_eq!((spawned.asked(), count.load(Ordering::SeqCst)), (1, 3));
}

#[test]
fn those_that_wake_each_other_for_ever_do_not_keep_the_thread() {
    let (ping, pong) = (Bell::default(), Bell::default());
    let (to_ping, to_pong) = (ping.clone(), pong.clone());
    let (pings, pongs) = (polls(), polls());
    let mut one = Spawned::new(counts(&ping, &pings, move || to_pong.ring()), false);
    let mut other = Spawned::new(counts(&pong, &pongs, move || to_ping.ring()), false);
    assert!(one.poll().is_pending() && other.poll().is_pending());
    let lend = Lend::begin(Caller::Idle);
    ping.ring();
    lend.poll_woken();
    assert_eq!(pings.load(Ordering::SeqCst) + pongs.load(Ordering::SeqCst), 2 + POLLS_MAX);
    assert_eq!(one.asked() + other.asked(), 1, "one of them is its runtime's now");
}

#[test]
fn it_ends_on_its_runtime() {
    let bell = Bell::default();
    let (hear, mut is_first) = (bell.clone(), true);
    let future = std::future::poll_fn(move |cx| {
        hear.hear(cx);
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(7) }
    });
    let mut spawned = Spawned::new(future, false);
    assert!(spawned.poll().is_pending());
    let lend = Lend::begin(Caller::Idle);
    bell.ring();
    lend.poll_woken();
    assert_eq!((spawned.asked(), spawned.poll()), (1, Poll::Ready(7)));
}

#[test]
fn a_panic_is_its_runtimes_whoever_polls() {
    let (bell, count) = (Bell::default(), polls());
    let mut spawned = Spawned::new(counts(&bell, &count, || panic!("a defect")), false);
    assert!(spawned.poll().is_pending());
    let lend = Lend::begin(Caller::Idle);
    bell.ring();
    lend.poll_woken();
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
    let mut spawned = Spawned::new(future, false);
    assert!(spawned.poll().is_pending());
    *slot.lock().unwrap() = Some(Box::new(spawned.task));
    let lend = Lend::begin(Caller::Idle);
    bell.ring();
    lend.poll_woken();
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
                    let lend = (number % 2 == 0).then(|| Lend::begin(Caller::Idle));
                    left.fetch_add(1, Ordering::SeqCst);
                    bell.ring();
                    lend.into_iter().for_each(Lend::poll_woken);
                }
            })
        })
        .collect();
    // Hangs if a wake-up is lost.
    block_on(CallerRuns::new(future, false));
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}
