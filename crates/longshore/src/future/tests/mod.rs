//! Waiters and groups by themselves.
use super::group::Group;
use super::waiter::{Waiter, Waiters};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

fn woken(count: &Count) -> u32 {
    count.0.load(Ordering::Relaxed)
}

#[test]
fn a_borrower_has_one_place_whatever_wakers_it_brings() {
    let mut waiters = Waiters::default();
    for _ in 0..10 {
        waiters.register_borrower(7, &counted().1);
        waiters.register_borrower(8, &counted().1);
    }
    assert_eq!(waiters.as_slice().len(), 2);
    assert!(waiters.remove(7).is_some() && waiters.remove(7).is_none());
    assert!(waiters.remove(8).is_some() && waiters.is_empty());
}

#[test]
fn handles_leave_at_most_one_waker_each_and_none_is_lost() {
    let mut waiters = Waiters::default();
    let (first_count, first) = counted();
    assert!(waiters.register_handle(&first, 2).is_none());
    assert!(waiters.register_handle(&first, 2).is_none(), "the same task asks again");
    assert_eq!(waiters.as_slice().len(), 1);
    assert!(waiters.register_handle(&counted().1, 2).is_none());
    let evicted = waiters.register_handle(&counted().1, 2);
    evicted.expect("the oldest makes room").wake();
    assert_eq!((woken(&first_count), waiters.as_slice().len()), (1, 2));
}

#[test]
fn those_who_need_no_value_are_told_first() {
    let mut waiters = Waiters::default();
    let group = Arc::new(Group::default());
    waiters.push(Waiter::Group { group: group.clone(), place: 0, value: true });
    assert!(waiters.take_content().is_empty());
    waiters.push(Waiter::Group { group: group.clone(), place: 1, value: false });
    waiters.push(Waiter::Call(Box::new(|_| {})));
    waiters.register_borrower(1, &counted().1);
    assert_eq!(waiters.take_content().as_slice().len(), 2);
    assert!(waiters.as_slice().iter().all(Waiter::needs_value) && waiters.as_slice().len() == 2);
}

fn is_done(group: &Group, waker: &Waker) -> bool {
    group.poll_done(&Context::from_waker(waker)).is_ready()
}

#[test]
fn a_group_wakes_once_when_enough_are_done() {
    let group = Group::default();
    let (count, waker) = counted();
    (0..3).for_each(|_| group.add());
    assert!(!is_done(&group, &waker));
    assert!(group.settled(0, true).is_none() && group.settled(1, false).is_none());
    group.settled(2, false).into_iter().for_each(Waker::wake);
    assert!(is_done(&group, &waker));
    assert_eq!(woken(&count), 1);
    let first = Group::default();
    (0..3).for_each(|_| first.add());
    first.set_enough(2);
    assert!(!is_done(&first, &waker));
    assert!(first.settled(1, false).is_some() && is_done(&first, &waker));
}

#[test]
fn a_failure_is_enough_where_all_are_needed() {
    let group = Group::all_or_failed();
    (0..3).for_each(|_| group.add());
    let (_, waker) = counted();
    assert!(!is_done(&group, &waker));
    assert!(group.settled(1, true).is_some() && is_done(&group, &waker));
}

#[test]
fn an_ordered_group_gives_each_once_and_then_ends() {
    let group = Group::in_order();
    let (count, waker) = counted();
    let next = || group.poll_next(&Context::from_waker(&waker));
    assert_eq!(next(), Poll::Ready(None));
    (0..2).for_each(|_| group.add());
    assert_eq!(next(), Poll::Pending);
    group.settled(1, false).into_iter().for_each(Waker::wake);
    assert_eq!(group.ready_len(), 1);
    assert_eq!((next(), next()), (Poll::Ready(Some(1)), Poll::Pending));
    group.settled(0, false).into_iter().for_each(Waker::wake);
    assert_eq!((next(), next()), (Poll::Ready(Some(0)), Poll::Ready(None)));
    assert_eq!(woken(&count), 2);
}
