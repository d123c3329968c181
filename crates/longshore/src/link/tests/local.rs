//! A link within the process.
use super::{CountedTask, Text, close, flush, receive, receive_all, recv_once};
use crate::link::{Link, LinkError, pair};
use futures_lite::future::block_on;
use longshore_proto::{LocalValue, Payload, Rope};
use std::any::Any;
use std::sync::Arc;
use std::thread;

fn text(n: u32) -> Text {
    (n, format!("message {n}"))
}

fn texts() -> (Link<Text, Text>, Link<Text, Text>) {
    pair("left", "right")
}

/// A value that cannot be encoded.
struct Closure;

impl LocalValue for Closure {
    fn encode(&self) -> Result<Rope, String> {
        Err("closures are not encoded".into())
    }
    fn nbytes(&self) -> usize {
        8
    }
    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

#[test]
fn values_are_moved_and_not_encoded() {
    let (mut a, mut b) = pair::<Payload, Payload>("a", "b");
    let value: Arc<dyn LocalValue> = Arc::new(Closure);
    a.send(Payload::Local(value.clone())).unwrap();
    block_on(flush(&mut a)).unwrap();
    let (got, _) = block_on(receive(&mut b, 1));
    assert!(matches!(&got[0], Payload::Local(v) if Arc::ptr_eq(v, &value)));
    assert!(a.is_local());
    assert_eq!((a.peer(), b.peer()), ("b", "a"));
}

#[test]
fn closing_is_seen_after_the_last_message() {
    let (mut a, mut b) = texts();
    (0..5).for_each(|n| a.send(text(n)).unwrap());
    block_on(close(&mut a)).unwrap();
    let (got, lost) = block_on(receive_all(&mut b));
    assert_eq!(got, (0..5).map(text).collect::<Vec<_>>());
    assert!(matches!(lost, LinkError::Closed));
}

#[test]
fn a_dropped_end_is_seen_by_both_directions_of_the_other() {
    let (mut a, mut b) = texts();
    a.send(text(1)).unwrap();
    block_on(flush(&mut a)).unwrap();
    a.send(text(2)).unwrap();
    drop(a);
    b.send(text(9)).unwrap();
    assert!(matches!(block_on(flush(&mut b)), Err(LinkError::Closed)));
    let (got, lost) = block_on(receive_all(&mut b));
    assert_eq!(got, [text(1)], "what was not flushed is lost, as on a stream");
    assert!(matches!(lost, LinkError::Closed));
}

#[test]
fn a_waiting_receiver_is_woken_once_per_batch_and_an_awake_one_never() {
    let (mut a, mut b) = texts();
    let (sender, receiver) = (CountedTask::new(), CountedTask::new());
    assert!(recv_once(&mut b, &receiver).1.is_pending());
    for n in 0..100 {
        a.send(text(n)).unwrap();
    }
    assert_eq!(receiver.wakes(), 0, "nothing is handed over before the flush");
    assert!(a.poll_flush(&mut sender.cx()).is_ready());
    a.send(text(100)).unwrap();
    assert!(a.poll_flush(&mut sender.cx()).is_ready());
    assert_eq!(receiver.wakes(), 1, "once for both, since it did not look in between");
    let (got, polled) = recv_once(&mut b, &receiver);
    assert_eq!((got.len(), receiver.wakes()), (101, 0));
    assert!(polled.is_ready());
    drop(a);
    assert_eq!(receiver.wakes(), 1, "one poll was enough to be registered again");
}

#[test]
fn a_turn_takes_its_share_and_asks_for_another() {
    let (mut a, mut b) = pair::<u32, u32>("a", "b");
    (0..20_000).for_each(|n| a.send(n).unwrap());
    block_on(flush(&mut a)).unwrap();
    let task = CountedTask::new();
    let (mut got, _) = recv_once(&mut b, &task);
    assert!(got.len() < 20_000);
    while task.wakes() > 0 {
        got.extend(recv_once(&mut b, &task).0);
    }
    assert_eq!(got, (0..20_000).collect::<Vec<_>>());
}

#[test]
fn two_threads_lose_nothing_and_keep_the_order() {
    const COUNT: u32 = 100_000;
    let (mut a, mut b) = pair::<u32, u32>("a", "b");
    let echo = thread::spawn(move || {
        block_on(async {
            let mut echoed = 0;
            while echoed < COUNT {
                for n in receive(&mut b, 1).await.0 {
                    b.send(n).unwrap();
                    echoed += 1;
                }
                flush(&mut b).await.unwrap();
            }
            close(&mut b).await.unwrap();
        });
    });
    let got = block_on(async {
        let mut got = vec![];
        for n in 0..COUNT {
            a.send(n).unwrap();
            if n % 7 == 0 {
                flush(&mut a).await.unwrap();
            }
            if n % 1000 == 0 {
                got.extend(receive(&mut a, 1).await.0);
            }
        }
        flush(&mut a).await.unwrap();
        got.extend(receive_all(&mut a).await.0);
        got
    });
    echo.join().unwrap();
    assert_eq!(got, (0..COUNT).collect::<Vec<_>>());
}
