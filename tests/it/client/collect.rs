//! Waiting for many futures: `gather`, `wait`, `as_completed`, `progress`.
use super::gate::Gate;
use crate::stage::{TcpCluster, says};
use futures_lite::future::block_on;
use longshore::{Error, TaskFuture, TaskStatus, as_completed, progress, wait};
use longshore_tests::deadline::{DEADLINE, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::halve;
use std::collections::{BTreeMap, HashMap};

#[test]
fn the_first_to_end_is_enough_if_that_is_what_was_asked_for() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(2), Gate::closed());
        let client = cluster.client();
        let futures = [gate.occupy(&client, 1), client.submit(inc(1)), gate.submit(&client, 2)];
        let waited = client.wait(&futures).first_completed().timeout(DEADLINE / 3).block().unwrap();
        let keys = |fs: &[TaskFuture<i64>]| fs.iter().map(TaskFuture::key).collect::<Vec<_>>();
        assert_eq!(keys(&waited.done), [futures[1].key()]);
        assert_eq!(keys(&waited.not_done), [futures[0].key(), futures[2].key()]);
        gate.open();
        let waited = block_on(wait(&futures).timeout(DEADLINE / 3).into_future()).unwrap();
        assert_eq!((keys(&waited.done), waited.not_done.len()), (keys(&futures), 0));
    });
}

#[test]
fn a_wait_that_takes_too_long_fails_and_the_tasks_go_on() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(1), Gate::closed());
        let client = cluster.client();
        let held = gate.occupy(&client, 1);
        let soon = DEADLINE / 2000;
        for late in [
            client.wait([&held]).timeout(soon).block().map(drop),
            client.wait([&held]).first_completed().timeout(soon).block().map(drop),
            held.result_timeout(soon).map(drop),
            block_on(held.within(soon)).map(drop),
        ] {
            let late = late.unwrap_err();
            assert!(matches!(late, Error::TimedOut { after, .. } if after == soon), "{late:?}");
        }
        assert_eq!(held.status(), TaskStatus::Pending);
        gate.open();
        assert_eq!(held.result().unwrap(), 1);
    });
}

#[test]
fn a_failed_task_has_ended() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let futures = [client.submit(halve(1)), client.submit(halve(2))];
        let waited = client.wait(&futures).block().unwrap();
        assert_eq!((waited.done.len(), waited.not_done.len()), (2, 0));
        assert!(futures[0].error().is_some() && futures[1].error().is_none());
    });
}

#[test]
fn values_are_gathered_in_the_shape_of_their_futures() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let f = |x: i64| client.submit(inc(x));
        let many = vec![f(1), f(2), f(3)];
        assert_eq!(client.gather(f(1)).unwrap(), 2);
        assert_eq!(client.gather(&many[0]).unwrap(), 2);
        assert_eq!(client.gather(&many).unwrap(), [2, 3, 4]);
        assert_eq!(client.gather(&many[1..]).unwrap(), [3, 4]);
        assert_eq!(client.gather([&many[2], &many[0]]).unwrap(), [4, 2]);
        assert_eq!(client.gather((f(1), &many[1], [f(7)])).unwrap(), (2, 3, [8]));
        assert_eq!(client.gather(vec![Some(f(1)), None]).unwrap(), [Some(2), None]);
        assert_eq!(client.gather(Vec::<TaskFuture<i64>>::new()).unwrap(), [0i64; 0]);
        let names = || ["a", "b"].into_iter().zip([f(1), f(2)]);
        let sorted: BTreeMap<_, _> = names().collect();
        assert_eq!(client.gather(sorted).unwrap(), BTreeMap::from([("a", 2), ("b", 3)]));
        let hashed: HashMap<_, _> = names().collect();
        assert_eq!(client.gather(hashed).unwrap(), HashMap::from([("a", 2), ("b", 3)]));
        let nested = BTreeMap::from([(1, vec![(f(1), Some([f(2), f(3)]))])]);
        assert_eq!(client.gather(nested).unwrap(), BTreeMap::from([(1, vec![(2, Some([3, 4]))])]));
        assert_eq!(client.gather(many).unwrap(), [2, 3, 4]);
    });
}

#[test]
fn one_failure_fails_every_shape_at_once_and_gather_ok_leaves_it_out() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(2), Gate::closed());
        let client = cluster.client();
        let h = |x: i64| client.submit(halve(x));
        // It is never waited for.
        let held = gate.occupy(&client, 1);
        let failures = [
            client.gather(vec![held.clone(), h(3)]).map(drop),
            client.gather([held.clone(), h(3)]).map(drop),
            client.gather((held.clone(), Some(h(3)))).map(drop),
            client.gather(BTreeMap::from([(1, held.clone()), (2, h(3))])).map(drop),
            client.gather(vec![vec![held.clone()], vec![h(3)]]).map(drop),
        ];
        failures.into_iter().for_each(|failed| says(&failed.unwrap_err(), &["halve", "3 is odd"]));
        assert_eq!(client.gather_ok([h(2), h(3), h(4)]).unwrap(), [1, 2]);
        gate.open();
        assert_eq!(held.result().unwrap(), 1);
    });
}

#[test]
fn futures_come_as_they_end_and_more_may_be_added_meanwhile() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(2), Gate::closed());
        let client = cluster.client();
        let held = gate.occupy(&client, -1);
        let mut completed = as_completed([held, client.submit(inc(0))]);
        let mut seen = Vec::new();
        block_on(async {
            while let Some(future) = completed.next().await {
                let value = future.await.unwrap();
                seen.push(value);
                match value {
                    5 => gate.open(),
                    1.. => completed.push(client.submit(inc(value))),
                    _ => {}
                }
            }
        });
        assert_eq!(seen, [1, 2, 3, 4, 5, -1]);
        assert!(completed.is_empty());
    });
}

#[test]
fn a_loop_that_blocks_may_add_futures_too() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let mut completed = client.as_completed([client.submit(inc(0))]).with_results().into_iter();
        let mut seen = Vec::new();
        while let Some((_, result)) = completed.next() {
            seen.push(result.unwrap());
            if seen.len() < 5 {
                completed.push(client.submit(inc(seen.len() as i64)));
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
    });
}

#[test]
fn progress_ends_when_all_have_ended_however_they_did() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(2), Gate::closed());
        let client = cluster.client();
        let futures = [gate.occupy(&client, 1), client.submit(halve(3)), client.submit(inc(1))];
        let opened = std::thread::scope(|scope| {
            let opener = scope.spawn(|| {
                assert_eq!(futures[2].result().unwrap(), 2);
                let was_pending = futures[0].status() == TaskStatus::Pending;
                gate.open();
                was_pending
            });
            client.progress(&futures).unwrap();
            opener.join().unwrap()
        });
        assert!(opened && futures.iter().all(TaskFuture::is_done));
        block_on(progress(&futures));
    });
}
