//! Clients of a local cluster, and the end of clusters.
use crate::stage::{ProcessCluster, TcpCluster, WORKER_PROGRAM, info, is_running, says, wait_for_end_of};
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor, TokioRuntime};
use longshore::{Error, LocalCluster, Supervisor, TaskErrorKind, WorkerExit, WorkerPlan};
use longshore_tests::deadline::{DEADLINE, within_deadline};
use longshore_tests::function::inc;
use std::fs;

#[test]
fn a_cluster_gives_clients() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let asynchronous = rt.clone();
        let run = async move {
            let cluster = LocalCluster::builder(asynchronous.clone()).workers(1).start().await.unwrap();
            let (first, second) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
            assert_eq!((first.submit(inc(1)).await.unwrap(), second.submit(inc(2)).await.unwrap()), (2, 3));
            assert_eq!(first.scheduler_info().await.unwrap().clients, 2);
            first.close().await.unwrap();
            assert_eq!(second.submit(inc(2)).await.unwrap(), 3);
            cluster
        };
        let cluster = rt.block_on(run).unwrap();
        let blocking = Client::with(OwnedExecutor::new().unwrap()).cluster(&cluster).connect().unwrap();
        assert_eq!(blocking.submit(inc(4)).result().unwrap(), 5);
        rt.block_on(cluster.close()).unwrap();
    });
}

#[test]
fn a_cluster_of_processes_gives_a_client_on_tokio() {
    within_deadline(|| {
        let rt = TokioRuntime::new(1).unwrap();
        let builder = LocalCluster::builder(rt.clone()).workers(1).processes(true);
        let run = async move {
            let cluster = builder.worker_command(WORKER_PROGRAM).start().await.unwrap();
            let client = cluster.client().await.unwrap();
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
            cluster.close().await;
        };
        rt.block_on(run).unwrap();
    });
}

#[test]
fn shutdown_ends_scheduler_workers_and_the_sessions_of_others() {
    within_deadline(|| {
        let mut cluster = TcpCluster::start(2);
        let (client, other) = (cluster.client(), cluster.client());
        let done = client.submit(inc(1));
        assert_eq!(done.result().unwrap(), 2);
        client.shutdown().unwrap();
        assert!(matches!(client.shutdown(), Err(Error::Closed)));
        assert_eq!(done.result().unwrap(), 2);
        for worker in &mut cluster.workers {
            let exit = cluster.rt.block_on(worker.finished()).unwrap();
            assert!(
                matches!(&exit, WorkerExit::ClusterEnded { reason } if reason.contains("shut")),
                "{exit}"
            );
        }
        cluster.rt.block_on(cluster.scheduler.finished()).unwrap();
        let late = other.submit(inc(1)).result().unwrap_err();
        assert_eq!(late.task().unwrap().kind(), TaskErrorKind::SchedulerLost);
        says(&late, &["a client shut the cluster down"]);
    });
}

#[test]
fn shutdown_ends_worker_processes() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let pids = cluster.pids();
        assert!(pids.len() == 2 && pids.iter().all(|pid| is_running(*pid)));
        cluster.remote_client().shutdown().unwrap();
        pids.into_iter().for_each(wait_for_end_of);
        cluster.close();
    });
}

#[test]
fn a_supervisor_does_not_start_a_worker_again_whose_cluster_was_shut_down() {
    within_deadline(|| {
        let cluster = TcpCluster::start(0);
        let plan = WorkerPlan {
            scheduler: cluster.address().to_string(),
            token: String::new(),
            name: "supervised".into(),
            nthreads: 1,
            memory_limit_bytes: None,
            runtime: "owned".into(),
            resources: Vec::new(),
        };
        let supervisor = Supervisor::start(WORKER_PROGRAM.into(), plan).unwrap();
        supervisor.restart_when_dead();
        let client = cluster.client();
        client.wait_for_workers(1, Some(DEADLINE / 3)).unwrap();
        client.shutdown().unwrap();
        cluster.rt.block_on(supervisor.ended()).unwrap();
        says(&supervisor.last_end().unwrap().status, &["80"]);
        assert_eq!(supervisor.pid(), None);
    });
}

#[test]
fn shutdown_of_an_embedded_cluster_is_a_close() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        client.shutdown().unwrap();
        client.close().unwrap();
        assert!(client.asynchronous().is_closed());
    });
}

#[test]
fn versions_of_all_parts_are_told() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let versions = cluster.client().versions().unwrap();
        assert_eq!(versions.workers.keys().collect::<Vec<_>>(), ["w0", "w1"]);
        assert!(versions.agree() && versions.scheduler == versions.client, "{versions:?}");
        assert!(versions.client.split('.').count() == 3);
    });
}

#[test]
fn the_schedulers_file_is_waited_for() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scheduler.json");
        let builder = Client::with(cluster.rt.clone()).scheduler_file(&file);
        let missing = builder.connect_timeout(DEADLINE / 600).connect().unwrap_err();
        assert!(matches!(missing, Error::SchedulerFile { .. }), "{missing:?}");
        says(&missing, &["scheduler.json", "is the scheduler running"]);
        let builder = Client::with(cluster.rt.clone()).scheduler_file(&file);
        let connecting = std::thread::spawn(move || builder.connect_timeout(DEADLINE / 3).connect());
        // Half a file, as it may be seen while it is being written.
        fs::write(&file, "{\"address\": \"tcp://").unwrap();
        fs::write(&file, format!("{{\"address\": \"{}\"}}\n", cluster.address())).unwrap();
        let client = connecting.join().unwrap().unwrap();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        assert_eq!(info(&client).clients, 1);
    });
}
