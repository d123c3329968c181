//! The driver behind a lock, so that a thread that waits can do its work itself.
//!
//! ```text
//!  submit, while the driver sleeps ──▶ send what there is
//!  a thread that blocks ─────────────▶ lead: take turns, wait for the socket, take turns, …
//!  the driver's task ────────────────▶ all else, and everything when nobody leads
//! ```
//! Each change of threads costs more than everything else that a client does for a call, and this saves two: the thread
//! that submits sends, and the thread that waits reads. One thread leads at a time; others that block follow, and one of
//! them leads on when the leader has what it wants. When nobody follows, the socket is read by nobody for a moment: most
//! programs that block will block again at once. The driver's task looks after [`TICK`], or at once if somebody awaits
//! something without blocking, and from then on the runtime waits for the socket.
use super::driver::{Driver, Turn};
use super::session::Session;
use crate::caller_runs::{Trampoline, is_running_here};
use crate::context::while_waiting;
use crate::future::{Calls, Parker, Wakes};
use crate::link::Attendance;
use longshore_rt::{Instant, Runtime, ThreadContext};
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long nobody may read before the driver's task does; also how long a release may wait to be sent.
pub(super) const TICK: Duration = Duration::from_millis(1);
/// Who submits again so soon, and has not waited for anything since, lets the driver send, which has more at a time.
const SEND_PAUSE: Duration = Duration::from_micros(50);
/// How long a thread leads. Who waits longer has time to wait the usual way, which finds out whether that can end.
const LEAD_MAX: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Desk {
    papers: Mutex<Papers>,
    /// Somebody who does not lead waits for something.
    others_wait: AtomicBool,
    /// Nobody reads the scheduler's link, until the driver's task does.
    unread: AtomicBool,
    /// When a submission was last sent by who submitted it.
    sent_at: AtomicU64,
}

#[derive(Default)]
struct Papers {
    driver: Option<Box<Driver>>,
    /// Wakes the driver's task.
    task: Option<Waker>,
    /// A thread reads the scheduler's link.
    leader: bool,
    /// One did since the driver's task last looked.
    led: bool,
    followers: Vec<Arc<Parker>>,
}

thread_local!(static LEADS: Cell<bool> = const { Cell::new(false) });

impl Desk {
    pub(super) fn new() -> Self {
        Desk {
            papers: Mutex::default(),
            others_wait: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            sent_at: AtomicU64::new(0),
        }
    }

    /// `None` when a turn has panicked: the driver's task ends the session then.
    fn lock(&self) -> Option<MutexGuard<'_, Papers>> {
        self.papers.lock().ok()
    }

    fn take(&self) -> Option<Box<Driver>> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner).driver.take()
    }
}

impl Session {
    /// Sends what gathered on this thread. Whether there is nothing left for the driver's task to do.
    pub(super) fn send_here(&self) -> bool {
        let desk = self.desk();
        let now = self.rt().now();
        let sent_at = Instant(desk.sent_at.swap(now.0, Ordering::Relaxed));
        if now < sent_at + SEND_PAUSE {
            return false;
        }
        let trampoline = Trampoline::begin();
        let is_sent = self.try_send();
        trampoline.remember();
        is_sent
    }

    fn try_send(&self) -> bool {
        // Who has it sends what there is, or has died of a defect.
        let Ok(mut papers) = self.desk().papers.try_lock() else { return false };
        let Papers { driver: Some(driver), task: Some(task), .. } = &mut *papers else { return false };
        driver.send(&mut Context::from_waker(task))
    }

    /// Somebody waits for news.
    pub(crate) fn expect_news(&self) {
        if LEADS.get() {
            return;
        }
        let desk = self.desk();
        desk.others_wait.store(true, Ordering::SeqCst);
        if desk.unread.load(Ordering::SeqCst) {
            self.wake_driver();
        }
    }

    /// Blocks this thread until `fut` is done and does the driver's work meanwhile. `None` if that is not possible here, or
    /// takes long.
    pub(crate) fn lead<F: Future>(&self, mut fut: Pin<&mut F>) -> Option<F::Output> {
        let mut lead = Lead::new(self);
        let until = self.rt().now() + LEAD_MAX;
        let waker = Waker::from(lead.parker.clone());
        let mut waiting = None;
        loop {
            lead.parker.clear();
            {
                let _mark = ThreadContext::Async.enter();
                if let Poll::Ready(value) = fut.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Some(value);
                }
            }
            waiting.get_or_insert_with(while_waiting);
            let place = lead.take_turn()?;
            if lead.parker.is_notified() {
                continue;
            }
            let now = self.rt().now();
            if now >= until {
                return None;
            }
            match place {
                Place::Leads(attendance) => {
                    if lead.parker.watch(attendance.socket(), until - now)? {
                        attendance.is_readable();
                    }
                }
                Place::Follows => lead.parker.park(until - now),
            }
        }
    }

    /// Threads that lead and follow.
    #[cfg(test)]
    pub(super) fn blocked_len(&self) -> usize {
        let Some(papers) = self.desk().lock() else { return 0 };
        usize::from(papers.leader) + papers.followers.len()
    }

    /// Who waited for a result before it says more has nothing to gather, and sends that at once.
    pub(crate) fn has_waited(&self) {
        self.desk().sent_at.store(0, Ordering::Relaxed);
    }

    /// Whether the next submission is sent by who submits it, however soon it comes.
    #[cfg(test)]
    pub(super) fn sends_next(&self) -> bool {
        self.desk().sent_at.load(Ordering::Relaxed) == 0
    }

    /// Hands reading to the next, under the lock.
    fn hand_on(&self, papers: &mut Papers) {
        if let Some(next) = papers.followers.pop() {
            return std::task::Wake::wake(next);
        }
        let desk = self.desk();
        desk.unread.store(true, Ordering::SeqCst);
        if desk.others_wait.load(Ordering::SeqCst) || !self.lock().ticks {
            self.wake_driver();
        }
    }
}

/// What a thread that blocks does meanwhile.
enum Place {
    Leads(Arc<Attendance>),
    Follows,
}

/// A thread that blocks. Dropping it hands on what it did.
struct Lead<'a> {
    session: &'a Session,
    parker: Arc<Parker>,
    leads: bool,
    follows: bool,
    wakes: Wakes,
    led_before: bool,
}

impl<'a> Lead<'a> {
    fn new(session: &'a Session) -> Self {
        let led_before = LEADS.replace(true);
        let (parker, wakes) = (Parker::here(), Wakes::default());
        Lead { session, parker, leads: false, follows: false, wakes, led_before }
    }

    /// Does the driver's work, unless another thread does. `None` if there is none to be done by threads.
    fn take_turn(&mut self) -> Option<Place> {
        let desk = self.session.desk();
        let mut papers = desk.lock()?;
        let is_led = papers.leader && !self.leads;
        let Papers { driver: Some(driver), task: Some(task), leader, led, followers } = &mut *papers else {
            return None;
        };
        let attendance = driver.attendance()?;
        if is_led {
            if !followers.iter().any(|other| Arc::ptr_eq(other, &self.parker)) {
                followers.push(self.parker.clone());
            }
            self.follows = true;
            return Some(Place::Follows);
        }
        (*leader, *led, self.leads) = (true, true, true);
        if std::mem::take(&mut self.follows) {
            followers.retain(|other| !Arc::ptr_eq(other, &self.parker));
        }
        desk.unread.store(false, Ordering::SeqCst);
        let _mark = ThreadContext::Async.enter();
        // A session that ends is the driver's task's, which the driver wakes.
        let _ = driver.turn(Turn::Thread, &mut Context::from_waker(task));
        driver.swap_wakes(&mut self.wakes);
        drop(papers);
        self.tell_others();
        Some(Place::Leads(attendance))
    }

    /// Callbacks may wait for something in turn, which is not what this thread waits for.
    fn tell_others(&mut self) {
        LEADS.set(false);
        self.wakes.fire();
        LEADS.set(true);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        LEADS.set(self.led_before);
        if !self.leads && !self.follows {
            return;
        }
        // A turn panicked: the driver's task sees it, and tells everybody.
        let Some(mut papers) = self.session.desk().lock() else { return self.session.wake_driver() };
        if self.leads {
            papers.leader = false;
            return self.session.hand_on(&mut papers);
        }
        let followed = papers.followers.len();
        papers.followers.retain(|other| !Arc::ptr_eq(other, &self.parker));
        // It was to lead next.
        if papers.followers.len() == followed && !papers.leader {
            self.session.hand_on(&mut papers);
        }
    }
}

/// The driver's task: the one future that runs a client.
pub(super) struct Resident {
    session: Arc<Session>,
    wakes: Wakes,
    /// Callbacks that another thread left to the runtime.
    calls: Calls,
    is_over: bool,
}

impl Resident {
    pub(super) fn new(session: Arc<Session>, driver: Driver) -> Self {
        if let Some(mut papers) = session.desk().lock() {
            papers.driver = Some(Box::new(driver));
        }
        Resident { session, wakes: Wakes::default(), calls: Calls::default(), is_over: false }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let desk = self.session.desk();
        let Some(mut papers) = desk.lock() else { return Poll::Ready(()) };
        let Papers { driver: Some(driver), task, leader, led, .. } = &mut *papers else {
            return Poll::Ready(());
        };
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        let was_led = std::mem::take(led);
        let is_awaited = !*leader && desk.others_wait.swap(false, Ordering::SeqCst);
        let reads = !*leader && (is_awaited || !was_led);
        if reads {
            desk.unread.store(false, Ordering::SeqCst);
        }
        let polled = driver.turn(Turn::Task { reads, ticks: was_led && !reads }, cx);
        driver.swap_wakes(&mut self.wakes);
        polled
    }
}

impl Future for Resident {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.session.register_driver(cx);
        self.is_over = self.is_over || self.turn(cx).is_ready();
        let Resident { wakes, calls, is_over, .. } = &mut *self;
        wakes.wake(calls);
        if is_running_here() && (*is_over || !calls.is_empty()) {
            // A callback takes as long as it likes, and the end may call many: on the runtime's thread.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        calls.call();
        if *is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Resident {
    /// The session ends with it.
    fn drop(&mut self) {
        drop(self.session.desk().take());
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}
