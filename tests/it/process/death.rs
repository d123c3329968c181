//! Worker processes are killed at several moments; every result is right and others take their places.
use crate::stage::{ProcessCluster, info, kill, result_or_story, says, task_error, wait_until_released};
use longshore::{TaskErrorKind, TaskFuture};
use longshore_sim::Rng;
use longshore_tests::deadline::{until, within_deadline};
use longshore_tests::function::{inc, mix, sum};
use longshore_tests::graph;
use longshore_tests::it_function::{OPEN, bytes, gated, pattern, total};
use std::fs;
use std::path::Path;

/// Waits until a process has taken the place of `dead`, and gives the new one.
fn successor(cluster: &ProcessCluster, dead: u32) -> u32 {
    let others: Vec<u32> = cluster.pids().into_iter().filter(|pid| *pid != dead).collect();
    until("another worker process joins", || {
        let workers = info(&cluster.client).workers;
        let mut new = workers.iter().map(|w| w.pid).filter(|pid| *pid != dead);
        let here = workers.len() == 2 && workers.iter().all(|w| w.pid != dead);
        let known = |pid: &u32| others.len() == 1 && others.contains(pid);
        if here { new.find(|pid| !known(pid)) } else { None }
    })
}

/// Processes that run tasks of [`gated`].
fn running(folder: &Path) -> Vec<u32> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| name.to_string_lossy().rsplit_once('.')?.1.parse().ok()).collect()
}

#[test]
fn an_idle_worker_dies() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let dead = cluster.pids()[0];
        kill(dead);
        // Some of these are sent to the dead one.
        let futures = cluster.client.map(inc, 0..200);
        assert_eq!(cluster.client.submit(sum(&futures)).result().unwrap(), 20_100);
        let new = successor(&cluster, dead);
        assert!(cluster.pids().contains(&new));
        assert_eq!(cluster.client.gather(futures).unwrap(), (1..=200).collect::<Vec<i64>>());
        cluster.close();
    });
}

#[test]
fn a_worker_dies_while_it_runs_a_task() {
    within_deadline(|| {
        let folder = tempfile::tempdir().unwrap();
        let cluster = ProcessCluster::start(2);
        let name = folder.path().to_str().unwrap();
        let futures: Vec<_> = (0..8).map(|i| cluster.client.submit(gated(name, i))).collect();
        let sum = cluster.client.submit(sum(&futures));
        let busy =
            until("both workers run tasks", || Some(running(folder.path())).filter(|pids| pids.len() >= 2));
        kill(busy[0]);
        successor(&cluster, busy[0]);
        fs::write(folder.path().join(OPEN), "").unwrap();
        assert_eq!(cluster.client.gather(futures).unwrap(), (0..8).collect::<Vec<i64>>());
        assert_eq!(sum.result().unwrap(), 28);
        drop(sum);
        wait_until_released(&cluster.client);
        cluster.close();
    });
}

#[test]
fn a_worker_dies_that_alone_holds_a_result() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let client = &cluster.client;
        let len = 400_000;
        let large = client.submit(bytes(len, 5));
        let holder = |large| client.who_has([large]).unwrap().into_values().flatten().next();
        let pid = cluster.pid_of(&until("the result is there", || holder(&large)));
        kill(pid);
        let expected = (0..len).map(|i| u64::from(pattern(i, 5))).sum::<u64>();
        assert_eq!(client.submit(total(&large)).result().unwrap(), expected);
        successor(&cluster, pid);
        // Once more, now that whoever wants it is the client.
        let holders = client.who_has([&large]).unwrap().remove(&large.key()).unwrap();
        holders.iter().for_each(|holder| kill(cluster.pid_of(holder)));
        let value = large.result().unwrap();
        assert!(value.len() == len && value.iter().enumerate().all(|(i, b)| *b == pattern(i, 5)));
        cluster.close();
    });
}

#[test]
fn a_worker_dies_that_holds_a_scattered_value() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let client = cluster.remote_client();
        let value = client.scatter(vec![9u8; 400_000]).wait().unwrap();
        let holder =
            until("the value is there", || client.who_has([&value]).unwrap().into_values().flatten().next());
        kill(cluster.pid_of(&holder));
        // The client gave it away, and nobody can make it again.
        let error = client.submit(total(&value)).result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::Lost, "{error}");
        says(&error, &["scatter", "every copy of it is gone", "scatter it anew", "needed by", "total"]);
        let again = client.scatter(vec![9u8; 400_000]).wait().unwrap();
        assert_eq!(client.submit(total(&again)).result().unwrap(), 9 * 400_000);
        client.close().unwrap();
        cluster.close();
    });
}

#[test]
fn all_workers_die_at_once() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let futures = cluster.client.map(|i: usize| bytes(20_000 + i, 1), 0..40);
        let totals = cluster.client.map(total, &futures);
        cluster.pids().into_iter().for_each(kill);
        let expected = |len: usize| (0..len).map(|i| u64::from(pattern(i, 1))).sum::<u64>();
        let expected: Vec<u64> = (0..40).map(|i| expected(20_000 + i)).collect();
        assert_eq!(cluster.client.gather(totals).unwrap(), expected);
        drop(futures);
        wait_until_released(&cluster.client);
        cluster.close();
    });
}

/// A random graph, with a death whenever another tenth of it is done. None of the tasks is to blame, however often one of
/// them is met.
#[test]
fn workers_die_again_and_again() {
    within_deadline(|| {
        let cluster = ProcessCluster::start_as(|builder| builder.workers(3).allowed_failures(100));
        let mut rng = Rng::new(7);
        let graph = graph::random(&mut rng, 150);
        let mut futures: Vec<TaskFuture<Vec<u8>>> = Vec::new();
        for node in &graph {
            let inputs: Vec<&TaskFuture<Vec<u8>>> = node.inputs.iter().map(|i| &futures[*i]).collect();
            let call = mix(node.salt, node.nbytes, inputs);
            futures.push(cluster.client.submit(call));
        }
        for (i, expected) in graph::expected(&graph).into_iter().enumerate() {
            if i % 15 == 10 {
                let pids = cluster.pids();
                if let Some(pid) = pids.get(rng.index(pids.len().max(1))) {
                    kill(*pid);
                }
            }
            match result_or_story(&cluster.client, &futures[i]) {
                Ok(value) => assert_eq!(value, expected.unwrap(), "node {i}"),
                Err(e) => {
                    let words = task_error(&e).downcast_ref::<String>();
                    let is_expected =
                        expected.is_err_and(|expected| words.is_some_and(|words| expected.contains(words)));
                    assert!(is_expected, "node {i}: {e}");
                }
            }
        }
        drop(futures);
        wait_until_released(&cluster.client);
        cluster.close();
    });
}
