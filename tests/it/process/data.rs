//! Values of any size get to worker processes and back, for the client in the cluster's own process and for others.
use crate::stage::{ProcessCluster, anywhere, wait_until_released};
use longshore::LocalCluster;
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore_tests::deadline::within_deadline;
use longshore_tests::it_function::{bytes, pattern, renamed, scan, total};

/// More than fits a frame.
const HUGE: usize = 20_000_000;

fn moves_values(client_of: fn(&ProcessCluster) -> Client) {
    within_deadline(move || {
        let cluster = ProcessCluster::start(2);
        let client = client_of(&cluster);
        for len in [10, 5_000, 100_000, HUGE] {
            let sum = 3 * len as u64;
            // As an argument.
            assert_eq!(client.submit(total(vec![3u8; len])).result().unwrap(), sum);
            // Scattered, and used on each worker.
            let scattered = client.scatter(vec![3u8; len]).wait().unwrap();
            let totals = ["w0", "w1"].map(|worker| client.submit(total(&scattered).workers([worker])));
            assert_eq!(client.gather(totals).unwrap(), [sum; 2]);
            assert_eq!(scattered.result().unwrap().len(), len);
            // As a result, moved between workers and to the client.
            let made = client.submit(bytes(len, 1).workers(["w0"]));
            let there = client.submit(total(&made).workers(["w1"])).result().unwrap();
            let value = made.result().unwrap();
            assert!(value.len() == len && value.iter().enumerate().all(|(i, b)| *b == pattern(i, 1)));
            assert_eq!(there, value.into_iter().map(u64::from).sum::<u64>());
        }
        wait_until_released(&client);
        client.close().unwrap();
        cluster.close();
    });
}

#[test]
fn the_client_is_in_the_clusters_process() {
    moves_values(|cluster| cluster.client.clone());
}

#[test]
fn the_client_comes_from_elsewhere() {
    moves_values(ProcessCluster::remote_client);
}

#[test]
fn large_buffers_within_values_go_everywhere() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let client = cluster.remote_client();
        for len in [3, 4_000, 400_000] {
            let mut expected = scan(len).run().unwrap();
            let put_in = client.scatter(expected.clone()).wait().unwrap();
            let made = client.submit(scan(len).workers(["w0"]));
            for (source, worker) in [(put_in, "w0"), (made, "w1")] {
                expected.name = format!("used on {worker}");
                let call = renamed(&source, expected.name.clone()).workers([worker]);
                assert!(client.submit(call).result().unwrap() == expected);
            }
        }
        wait_until_released(&client);
        client.close().unwrap();
        cluster.close();
    });
}

#[test]
fn a_client_from_elsewhere_gets_large_results_of_workers_that_only_the_scheduler_reaches() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let cluster = LocalCluster::builder(rt.clone()).workers(1).listen(anywhere()).validate(true);
        let cluster = rt.block_on(cluster.start()).unwrap().unwrap();
        let address = cluster.tcp_address().unwrap();
        let client = Client::with(rt.clone()).address(address).token(cluster.token()).connect().unwrap();
        // More than fits a frame, and more than may wait for a slow peer.
        for len in [HUGE, 100_000_000] {
            let value = client.submit(bytes(len, 1)).result().unwrap();
            assert!(value.len() == len && value.iter().enumerate().all(|(i, b)| *b == pattern(i, 1)));
        }
        client.close().unwrap();
        rt.block_on(cluster.close()).unwrap();
    });
}
