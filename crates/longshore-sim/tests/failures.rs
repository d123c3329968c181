//! Runs that fail, and what they say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use futures_lite::future;
use longshore_rt::{Runtime, RuntimeExt, TaskMeta};
use longshore_sim::{Sim, SimConfig};

/// The text with which `test` panics.
fn panic_of(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a text")
}

#[test]
fn a_deadlock_names_every_task() {
    let sim = Sim::new(SimConfig::seed(31));
    let a = sim.node("idle-process");
    let text = panic_of(|| {
        let _waiting = a.spawn("waits-for-nobody", future::pending::<()>());
        sim.run(future::pending::<()>()).unwrap();
    });
    assert!(text.contains("deadlock") && text.contains("seed 31"), "{text}");
    assert!(text.contains("idle-process / waits-for-nobody spawned at"), "{text}");
    assert!(text.contains("failures.rs"), "{text}");
}

#[test]
fn a_timer_that_nobody_waits_for_does_not_move_the_clock() {
    let sim = Sim::new(SimConfig::seed(30));
    let a = sim.node("a");
    let text = panic_of(|| {
        sim.run(async {
            assert!(future::poll_once(a.sleep(Duration::from_secs(60))).await.is_none());
            future::pending::<()>().await;
        })
        .unwrap();
    });
    assert!(text.contains("deadlock"), "{text}");
    assert_eq!(sim.elapsed(), Duration::ZERO);
}

#[test]
fn a_wake_from_another_thread_is_refused() {
    let sim = Sim::new(SimConfig::seed(32));
    let text = panic_of(|| {
        let mut woken = false;
        let foreign = future::poll_fn(move |cx| {
            if !std::mem::replace(&mut woken, true) {
                let waker = cx.waker().clone();
                std::thread::spawn(move || waker.wake()).join().unwrap();
            }
            Poll::<()>::Pending
        });
        sim.run(sim.node("a").spawn("foreign", foreign)).unwrap().unwrap();
    });
    assert!(text.contains("another OS thread woke a task") && text.contains("seed 32"), "{text}");
}

#[test]
fn use_from_another_thread_is_refused() {
    let sim = Sim::new(SimConfig::seed(33));
    let text = panic_of(|| {
        let a = sim.node("a");
        let draw = a.clone();
        sim.run(async move {
            std::thread::spawn(move || draw.entropy()).join().unwrap();
            a.sleep(Duration::from_secs(1)).await;
        })
        .unwrap();
    });
    assert!(text.contains("another OS thread used the world") && text.contains("seed 33"), "{text}");
}

#[test]
fn a_world_may_move_to_another_thread_between_runs() {
    let sim = Sim::new(SimConfig::seed(34));
    let a = sim.node("a");
    sim.run(a.sleep(Duration::from_secs(1))).unwrap();
    let second = a.sleep(Duration::from_secs(1));
    let sim = std::thread::spawn(move || {
        sim.run(second).unwrap();
        sim
    });
    assert_eq!(sim.join().unwrap().elapsed(), Duration::from_secs(2));
}

#[test]
fn endless_runs_fail() {
    let config = SimConfig { polls_per_instant_max: 1000, ..SimConfig::seed(35) };
    let sim = Sim::new(config);
    let spinning = sim.node("a").spawn("spinning", async {
        loop {
            future::yield_now().await;
        }
    });
    let text = panic_of(|| drop(sim.run(spinning)));
    assert!(text.contains("livelock") && text.contains("a / spinning"), "{text}");

    let sim = Sim::new(SimConfig { time_limit: Duration::from_secs(60), ..SimConfig::seed(36) });
    let a = sim.node("a");
    let text = panic_of(|| {
        sim.run(async {
            loop {
                a.sleep(Duration::from_secs(1)).await;
            }
        })
        .unwrap();
    });
    assert!(text.contains("time limit") && text.contains("seed 36"), "{text}");
}

#[test]
fn what_is_owed_is_owed_in_time() {
    let sim = Sim::new(SimConfig::seed(43));
    let a = sim.node("a");
    let second = Duration::from_secs(1);
    assert_eq!(sim.run_within(second, a.sleep(second)), Ok(()));
    let text = panic_of(|| sim.run_within(second, a.sleep(second * 2)).unwrap());
    assert!(text.contains("overdue") && text.contains("1s"), "{text}");
    assert_eq!(sim.elapsed(), second, "it is not waited for longer");
}

#[test]
fn a_panic_that_leaves_a_raw_task_fails_the_run() {
    let sim = Sim::new(SimConfig::seed(37));
    let a = sim.node("a");
    let meta = TaskMeta { name: "raw", location: std::panic::Location::caller() };
    a.spawn_raw(meta, Box::pin(async { panic!("raw panic") })).unwrap();
    assert_eq!(panic_of(|| sim.run_until(Duration::from_secs(1)).unwrap()), "raw panic");
}

#[test]
fn a_panic_that_nobody_takes_note_of_fails_the_run() {
    for joined in [false, true] {
        let sim = Sim::new(SimConfig::seed(40));
        sim.process("worker", move |rt| async move {
            let task = rt.spawn("doomed", async { panic!("lost sight of") });
            match joined {
                true => assert!(task.await.is_err()),
                false => task.detach(),
            }
        });
        let run = || sim.run_until(Duration::from_secs(1)).unwrap();
        if joined {
            run();
            continue;
        }
        let text = panic_of(run);
        assert!(text.contains("worker / doomed spawned at") && text.contains("failures.rs"), "{text}");
        assert!(text.contains("lost sight of") && text.contains("seed 40"), "{text}");
    }
}

#[test]
fn a_panic_in_the_last_moment_counts() {
    let sim = Sim::new(SimConfig::seed(42));
    let a = sim.node("a");
    let text = panic_of(|| {
        sim.run(async {
            let task = a.spawn("doomed", async { panic!("dropped") });
            while !task.is_finished() {
                future::yield_now().await;
            }
        })
        .unwrap();
    });
    assert!(text.contains("doomed") && text.contains("dropped"), "{text}");
}

#[test]
fn a_blocking_job_that_panics_unobserved_fails_the_run_too() {
    let sim = Sim::new(SimConfig::seed(41));
    sim.node("worker").spawn_blocking("doomed job", || panic!("in a job")).detach();
    let text = panic_of(|| sim.run_until(Duration::from_secs(1)).unwrap());
    assert!(text.contains("worker / doomed job spawned at") && text.contains("in a job"), "{text}");
}

#[test]
fn a_failed_run_can_be_looked_at() {
    let sim = Sim::new(SimConfig::seed(38));
    let text = panic_of(|| sim.run(async { panic!("in the root") }).unwrap());
    assert_eq!(text, "in the root");
    assert!(sim.report().contains("seed 38"));
    sim.run_until(Duration::from_secs(1)).unwrap();
}

#[test]
fn two_processes_of_one_name_are_refused() {
    let sim = Sim::new(SimConfig::seed(39));
    sim.node("a");
    assert!(panic_of(|| drop(sim.node("a"))).contains("`a`"));
    assert!(panic_of(|| sim.heal("a", "nobody")).contains("`nobody`"));
}
