//! Lives, deaths and clocks of processes.

mod echo;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use echo::{millis, secs};
use futures_lite::future;
use longshore_rt::{BlockOn, BlockOnError, Endpoint, JoinError, Runtime, RuntimeExt, ThreadContext};
use longshore_sim::{JobCost, Kill, Sim, SimConfig};

#[test]
fn skewed_clocks_still_sleep_the_right_time() {
    let sim = Sim::new(SimConfig::seed(1));
    let (a, b) = (sim.node("a"), sim.node("b"));
    sim.skew("b", 3_000_000_000);
    assert_eq!(b.now() - a.now(), secs(3));
    assert_eq!(b.unix_now() - a.unix_now(), secs(3));
    sim.run(b.sleep_until(b.now() + secs(1))).unwrap();
    assert_eq!(a.now().0, 1_000_000_000);
}

#[test]
fn a_wall_clock_jumps_and_no_timer_cares() {
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    let before = a.unix_now();
    let sleep = a.sleep(secs(10));
    sim.jump_wall_clock("a", -3600 * 1_000_000_000);
    assert_eq!(before - a.unix_now(), secs(3600));
    sim.run(sleep).unwrap();
    assert_eq!(sim.elapsed(), secs(10));
}

#[test]
fn a_dead_process_accepts_nothing() {
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    let waiting = a.spawn("waiting", future::pending::<()>());
    let job = a.spawn_blocking("job", || 1);
    sim.kill("a", Kill::Process);
    assert!(!a.is_alive() && !sim.is_alive("a"));
    sim.run(async {
        assert_eq!(waiting.await, Err(JoinError::RuntimeGone));
        assert_eq!(job.await, Err(JoinError::RuntimeGone));
        assert_eq!(a.spawn("late", async { 1 }).await, Err(JoinError::RuntimeGone));
        assert_eq!(a.spawn_blocking("late", || 1).await, Err(JoinError::RuntimeGone));
        assert!(a.listen(&Endpoint::tcp("a", 1)).await.is_err());
        assert!(a.connect(&Endpoint::tcp("a", 1)).await.is_err());
    })
    .unwrap();
    let reborn = sim.restart("a");
    assert!(reborn.is_alive());
    assert!(!a.is_alive(), "the handle is of the former life");
    assert_eq!(sim.run(a.spawn("late", async { 1 })).unwrap(), Err(JoinError::RuntimeGone));
    assert_eq!(sim.run(reborn.spawn("new", async { 1 })).unwrap(), Ok(1));
}

#[test]
fn a_restart_boots_again() {
    let boots = Arc::new(AtomicU64::new(0));
    let sim = Sim::new(SimConfig::seed(1));
    let counted = Arc::clone(&boots);
    sim.process("a", move |rt| {
        counted.fetch_add(1, Relaxed);
        async move { rt.sleep(secs(1000)).await }
    });
    sim.restart("a");
    sim.kill("a", Kill::Power);
    sim.kill("a", Kill::Process);
    sim.restart("a");
    sim.run_until(secs(1)).unwrap();
    assert_eq!(boots.load(Relaxed), 3);
    assert_eq!(sim.stats().tasks_live, 1);
}

#[test]
fn a_task_can_kill_its_own_process() {
    let sim = Sim::new(SimConfig::seed(1));
    let after = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&after);
    sim.process("suicidal", move |rt| {
        let seen = Arc::clone(&seen);
        async move {
            rt.sleep(secs(1)).await;
            rt.sim().kill("suicidal", Kill::Process);
            rt.sleep(secs(1)).await;
            seen.fetch_add(1, Relaxed);
        }
    });
    sim.run_until(secs(5)).unwrap();
    assert_eq!(after.load(Relaxed), 0);
    assert_eq!(sim.stats().tasks_live, 0);
}

#[test]
fn patterns_choose_processes() {
    let sim = Sim::new(SimConfig::seed(1));
    for name in ["scheduler", "w1", "w2", "w10"] {
        sim.node(name);
    }
    assert_eq!(sim.processes("w1*"), ["w1", "w10"]);
    assert_eq!(sim.kill_matching("w*", Kill::Power), ["w1", "w10", "w2"]);
    assert!(sim.is_alive("scheduler") && !sim.is_alive("w2"));
}

#[test]
fn a_script_runs_before_the_step_it_names() {
    let run = |kill_at: u64| {
        let sim = Sim::new(SimConfig::seed(1));
        let tally = echo::populate(&sim, 4, 3, false);
        let seen = Arc::new(AtomicU64::new(0));
        let seen2 = Arc::clone(&seen);
        sim.at_step(kill_at, move |sim| {
            seen2.store(sim.stats().steps, Relaxed);
            sim.restart("server");
        });
        echo::finish(&sim, &tally, 4);
        assert_eq!(seen.load(Relaxed), kill_at);
        sim.fingerprint()
    };
    let mut fingerprints: Vec<u64> = (1..120).map(run).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert!(fingerprints.len() > 100, "nearly every point makes a run of its own");
}

#[test]
fn a_world_ends_with_its_sim_even_if_tasks_hold_it() {
    let sim = Sim::new(SimConfig::seed(1));
    let held = Arc::new(());
    let gone: Weak<()> = Arc::downgrade(&held);
    let handle = sim.clone();
    sim.process("a", move |rt| {
        let all = (rt, handle.clone(), Arc::clone(&held));
        async move {
            let _all = all;
            future::pending::<()>().await;
        }
    });
    let a = sim.node("b");
    let mut late = a.sleep(secs(1));
    sim.run(future::poll_once(&mut late)).unwrap();
    assert!(sim.is_owner() && !sim.clone().is_owner());
    drop(sim);
    assert_eq!(gone.strong_count(), 0, "tasks and boot functions are dropped");
    assert!(a.refuses_tasks());
}

/// Whether a runtime accepts no task.
trait Refusal {
    fn refuses_tasks(&self) -> bool;
}

impl<R: Runtime> Refusal for R {
    fn refuses_tasks(&self) -> bool {
        let meta = longshore_rt::TaskMeta { name: "late", location: std::panic::Location::caller() };
        self.spawn_raw(meta, Box::pin(async {})).is_err()
    }
}

#[test]
fn run_counts_as_async_code_and_does_not_nest() {
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    let (in_root, nested) =
        sim.run(async { (ThreadContext::current(), a.block_on(async {})) }).expect("a plain thread");
    assert_eq!((in_root, nested), (ThreadContext::Async, Err(BlockOnError::InsideAsync)));
    let other = Sim::new(SimConfig::seed(2));
    assert_eq!(sim.run(async { other.run(async {}) }), Ok(Err(BlockOnError::InsideAsync)));
    let nested = sim.run(a.spawn("task", {
        let a = a.clone();
        async move { a.block_on(async {}) }
    }));
    assert_eq!(nested, Ok(Ok(Err(BlockOnError::InsideAsync))));
    assert_eq!(ThreadContext::current(), ThreadContext::Foreign);
    assert_eq!(a.block_on(async { 4 }), Ok(4));
}

#[test]
fn run_until_ends_on_time_even_when_idle() {
    let sim = Sim::new(SimConfig::seed(1));
    sim.run_until(secs(7)).unwrap();
    assert_eq!(sim.elapsed(), secs(7));
    sim.run_until(secs(3)).unwrap();
    assert_eq!(sim.elapsed(), secs(7), "time does not go back");
    let late = Arc::new(AtomicU64::new(0));
    for at in [secs(8), secs(9)] {
        let late = Arc::clone(&late);
        sim.at(at, move |_| {
            late.fetch_add(1, Relaxed);
        });
    }
    sim.run_for(secs(1)).unwrap();
    assert_eq!(late.load(Relaxed), 1, "what is due at the deadline happens, what is due later does not");
}

#[test]
fn jobs_take_virtual_time() {
    let cost = JobCost::by_task(|meta| if meta.name == "train" { secs(60) } else { millis(5) });
    let sim = Sim::new(SimConfig { job_cost: cost, ..SimConfig::seed(1) });
    let a = sim.node("a");
    sim.run(async {
        let (short, long) = (a.spawn_blocking("load", || 1), a.spawn_blocking("train", || 2));
        assert_eq!((short.await, sim.elapsed()), (Ok(1), millis(5)));
        assert_eq!((long.await, sim.elapsed()), (Ok(2), secs(60)));
        let panicked = a.spawn_blocking("load", || -> () { panic!("wanted") }).await;
        assert_eq!(panicked, Err(JoinError::Panicked("wanted".into())));
    })
    .unwrap();
    assert_eq!(sim.stats().jobs, 3);
}

#[test]
fn the_cost_of_jobs_can_be_drawn() {
    let range = millis(10)..=millis(20);
    let sim = Sim::new(SimConfig { job_cost: JobCost::Between(range.clone()), ..SimConfig::seed(1) });
    let a = sim.node("a");
    let mut costs = Vec::new();
    for _ in 0..20 {
        let begin = sim.elapsed();
        sim.run(a.spawn_blocking("job", || ())).unwrap().unwrap();
        costs.push(sim.elapsed() - begin);
    }
    assert!(costs.iter().all(|cost| range.contains(cost)), "{costs:?}");
    costs.dedup();
    assert!(costs.len() > 15);
}

#[test]
fn many_cancelled_timers_neither_move_the_clock_nor_stay() {
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    sim.run(async {
        for _ in 0..10_000 {
            let done = a.timeout(Duration::from_secs(3600), a.sleep(millis(1))).await;
            assert_eq!(done, Ok(()));
        }
    })
    .unwrap();
    assert_eq!(sim.elapsed(), secs(10));
    assert!(sim.stats().events_pending < 3000, "{:?}", sim.stats());
}

#[test]
fn a_blocking_job_may_wait_for_the_world() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig::seed(seed));
        let a = sim.node("a");
        let ticks = Arc::new(AtomicU64::new(0));
        let (clock, seen) = (a.clone(), Arc::clone(&ticks));
        let _ticker = a.spawn("ticker", async move {
            loop {
                clock.sleep(millis(100)).await;
                seen.fetch_add(1, Relaxed);
            }
        });
        let inner = a.clone();
        let job = a.spawn_blocking("waits", move || {
            let nap = inner.clone();
            let nested = inner.spawn_blocking("waits too", move || nap.block_on(nap.sleep(secs(1))));
            inner.block_on(async { nested.await.unwrap() }).unwrap()
        });
        // The root is woken while the job waits on the same stack.
        let outcome = sim.run(async {
            a.sleep(millis(500)).await;
            (job.await, a.sleep(millis(1)).await)
        });
        assert_eq!(outcome, Ok((Ok(Ok(())), ())));
        assert!((9..12).contains(&ticks.load(Relaxed)), "others run meanwhile");
    }
}

#[test]
fn a_paused_process_does_nothing_until_it_is_resumed() {
    let sim = Sim::new(SimConfig::seed(1));
    let tally = echo::populate(&sim, 1, 1000, false);
    sim.run_until(secs(5)).unwrap();
    sim.pause("w0");
    let before = tally.echoes.load(Relaxed);
    assert!(before > 2);
    sim.run_until(secs(100)).unwrap();
    assert_eq!(tally.echoes.load(Relaxed), before);
    sim.resume("w0");
    sim.resume("w0");
    sim.run_until(secs(200)).unwrap();
    assert!(tally.echoes.load(Relaxed) > before + 50);
    assert!(tally.failures.load(Relaxed) <= 1, "its kernel kept the connection");
}

#[test]
fn jobs_of_a_paused_process_wait_and_die_with_it() {
    let sim = Sim::new(SimConfig::seed(1));
    let (a, b) = (sim.node("a"), sim.node("b"));
    let jobs = [a.spawn_blocking("job", || 1), b.spawn_blocking("job", || 1)];
    sim.pause("a");
    sim.pause("b");
    sim.run_until(secs(1)).unwrap();
    assert!(jobs.iter().all(|job| !job.is_finished()));
    sim.resume("a");
    sim.kill("b", Kill::Process);
    let [first, second] = jobs;
    let ends = sim.run(async { (first.await, second.await) });
    assert_eq!(ends, Ok((Ok(1), Err(JoinError::RuntimeGone))));
    assert_eq!(sim.elapsed(), secs(1));
    sim.restart("b");
    assert!(sim.is_alive("b"), "and is not paused any more");
}

#[test]
fn a_task_that_says_it_blocks_may_wait_and_loses_no_wake() {
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    let (rt, mut blocked) = (a.clone(), false);
    let task = a.spawn("blocks", async move {
        let mut short = rt.sleep(secs(1));
        future::poll_fn(|cx| {
            use std::future::Future;
            let polled = std::pin::Pin::new(&mut short).poll(cx);
            if !std::mem::replace(&mut blocked, true) {
                let _mark = ThreadContext::Blocking.enter();
                rt.block_on(rt.sleep(secs(2))).expect("the mark allows it");
            }
            polled
        })
        .await;
    });
    assert_eq!(sim.run(task), Ok(Ok(())));
    assert_eq!(sim.elapsed(), secs(2));
}

#[test]
fn a_reset_timer_wakes_whoever_polled_it_last() {
    use longshore_rt::Sleep;
    let sim = Sim::new(SimConfig::seed(1));
    let a = sim.node("a");
    for later in [secs(1), secs(5)] {
        let begin = a.now();
        let mut sleep = a.sleep(secs(3));
        let mut moved = false;
        let woken = future::poll_fn(|cx| {
            use std::future::Future;
            let polled = std::pin::Pin::new(&mut sleep).poll(cx);
            if !std::mem::replace(&mut moved, true) {
                sleep.reset(begin + later);
            }
            polled
        });
        sim.run(woken).unwrap();
        assert_eq!(a.now() - begin, later);
    }
}
