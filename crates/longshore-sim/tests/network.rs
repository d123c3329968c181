//! TCP as the simulation has it, without and with faults.

mod echo;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use echo::{millis, secs};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use longshore_rt::{Conn, Endpoint, Listener, Runtime, RuntimeExt};
use longshore_sim::{Kill, Sim, SimConfig, SimConn, SimListener, SimRuntime};

type Log = Arc<Mutex<Vec<String>>>;

/// Reads each connection to its end and records how and in which second it ended.
async fn sink(rt: SimRuntime, log: Log) {
    let mut listener = rt.listen(&Endpoint::tcp("srv", 1)).await.unwrap();
    while let Ok(mut conn) = listener.accept().await {
        let (log, clock) = (Arc::clone(&log), rt.clone());
        let session = async move {
            let mut all = Vec::new();
            let end =
                conn.read_to_end(&mut all).await.map_or_else(|e| e.kind().to_string(), |_| "eof".into());
            let second = clock.now().0 / 1_000_000_000;
            log.lock().unwrap().push(format!("t={second} n={} {end}", all.len()));
        };
        rt.spawn("session", session).detach();
    }
}

/// Writes 20 000 bytes in ten seconds.
async fn source(rt: SimRuntime) -> std::io::Result<()> {
    rt.sleep(millis(10)).await;
    let mut conn = rt.connect(&Endpoint::tcp("srv", 1)).await?;
    for _ in 0..20 {
        conn.write_all(&[1; 1000]).await?;
        rt.sleep(millis(500)).await;
    }
    Ok(())
}

/// How the server's connections ended, and the client.
fn play(script: fn(&Sim), time: Duration) -> (Vec<String>, Option<Result<(), ErrorKind>>) {
    let (log, outcome) = (Log::default(), Arc::new(Mutex::new(None)));
    let sim = Sim::new(SimConfig { window_len: 4096, ..SimConfig::seed(5) });
    let log2 = Arc::clone(&log);
    sim.process("srv", move |rt| sink(rt, Arc::clone(&log2)));
    let outcome2 = Arc::clone(&outcome);
    sim.process("cli", move |rt| {
        let outcome = Arc::clone(&outcome2);
        async move {
            let result = source(rt).await.map_err(|e| e.kind());
            *outcome.lock().unwrap() = Some(result);
        }
    });
    script(&sim);
    sim.run_until(time).unwrap();
    (log.lock().unwrap().clone(), *outcome.lock().unwrap())
}

#[test]
fn without_faults_all_arrives() {
    assert_eq!(play(|_| (), secs(30)), (vec!["t=10 n=20000 eof".into()], Some(Ok(()))));
}

#[test]
fn a_short_cut_stalls_and_then_all_arrives_in_order() {
    let (log, outcome) = play(
        |s| {
            s.at(secs(3), |s| s.cut("cli", "srv"));
            s.at(secs(20), |s| s.heal("cli", "srv"));
        },
        secs(60),
    );
    assert_eq!(outcome, Some(Ok(())));
    assert_eq!(log.len(), 1);
    assert!(log[0].contains("n=20000 eof"), "{log:?}");
    assert!(!log[0].starts_with("t=10 "), "the window was full: {log:?}");
}

#[test]
fn a_cut_of_the_way_back_does_not_hold_up_the_way_there() {
    let (log, outcome) = play(|s| s.at(secs(3), |s| s.cut_oneway("srv", "cli")), secs(60));
    assert_eq!((log, outcome), (vec!["t=10 n=20000 eof".into()], Some(Ok(()))));
}

#[test]
fn a_second_cut_has_the_whole_patience_again() {
    let (log, outcome) = play(
        |s| {
            s.at(secs(1), |s| s.cut("cli", "srv"));
            s.at(secs(28), |s| s.heal("cli", "srv"));
            s.at(secs(29), |s| s.cut("cli", "srv"));
            s.at(secs(50), |s| s.heal("cli", "srv"));
        },
        secs(90),
    );
    assert_eq!(outcome, Some(Ok(())), "{log:?}");
}

#[test]
fn a_long_cut_times_the_writer_out_and_the_reader_hears_nothing() {
    let (log, outcome) = play(|s| s.at(secs(3), |s| s.cut("cli", "srv")), secs(120));
    assert_eq!(outcome, Some(Err(ErrorKind::TimedOut)));
    assert!(log.is_empty(), "a half-open peer learns only from its own timer: {log:?}");
}

#[test]
fn a_reset_reaches_both() {
    let (log, outcome) = play(|s| s.at(secs(3), |s| s.reset_between("cli", "srv")), secs(30));
    assert_eq!(outcome, Some(Err(ErrorKind::ConnectionReset)));
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with("t=3 ") && log[0].contains("reset"), "{log:?}");
}

#[test]
fn a_killed_process_closes_its_sockets_and_a_dark_machine_does_not() {
    let (log, _) = play(|s| s.at(secs(3), |s| s.kill("cli", Kill::Process)), secs(60));
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("t=3 ") && log[0].ends_with("eof"), "{log:?}");
    let (log, _) = play(|s| s.at(secs(3), |s| s.kill("cli", Kill::Power)), secs(60));
    assert!(log.is_empty(), "{log:?}");
    let (_, outcome) = play(|s| s.at(secs(3), |s| s.kill("srv", Kill::Process)), secs(60));
    assert_eq!(outcome, Some(Err(ErrorKind::ConnectionReset)));
    let (_, outcome) = play(|s| s.at(secs(3), |s| s.kill("srv", Kill::Power)), secs(120));
    assert_eq!(outcome, Some(Err(ErrorKind::TimedOut)));
}

#[test]
fn a_machine_that_is_back_resets_what_it_does_not_know() {
    let (_, outcome) = play(
        |s| {
            s.at(secs(3), |s| s.kill("srv", Kill::Power));
            s.at(secs(8), |s| drop(s.restart("srv")));
        },
        secs(9),
    );
    assert_eq!(outcome, Some(Err(ErrorKind::ConnectionReset)));
}

#[test]
fn connections_are_refused_or_time_out() {
    let (_, outcome) = play(|s| s.kill("srv", Kill::Process), secs(60));
    assert_eq!(outcome, Some(Err(ErrorKind::ConnectionRefused)));
    let (_, outcome) = play(|s| s.kill("srv", Kill::Power), secs(60));
    assert_eq!(outcome, Some(Err(ErrorKind::TimedOut)));
    let (log, outcome) = play(
        |s| {
            s.cut("cli", "srv");
            s.at(secs(2), |s| s.heal("cli", "srv"));
        },
        secs(60),
    );
    assert_eq!(outcome, Some(Ok(())), "a SYN is repeated");
    assert_eq!(log.len(), 1);
}

/// A world of two processes, one of which listens.
async fn pair(sim: &Sim) -> (SimRuntime, SimRuntime, SimListener) {
    let (a, b) = (sim.node("a"), sim.node("b"));
    let listener = b.listen(&Endpoint::tcp("b", 7)).await.unwrap();
    (a, b, listener)
}

async fn connected(a: &SimRuntime, listener: &mut SimListener) -> (SimConn, SimConn) {
    let (near, far) = future::zip(a.connect(&listener.local()), listener.accept()).await;
    (near.unwrap(), far.unwrap())
}

#[test]
fn an_attempt_that_is_given_up_leaves_no_connection_behind() {
    for seed in 0..20 {
        for patience_us in [50, 150, 300, 500, 700, 900] {
            let sim = Sim::new(SimConfig::seed(seed));
            sim.run(async {
                let (a, b, mut listener) = pair(&sim).await;
                let dial = a.connect(&listener.local());
                let given_up = a.timeout(Duration::from_micros(patience_us), dial).await.is_err();
                if given_up {
                    // The server may or may not have got a connection; if so, it ends at once.
                    if let Ok(conn) = b.timeout(secs(1), listener.accept()).await {
                        let mut rest = Vec::new();
                        let end = b.timeout(secs(1), conn.unwrap().read_to_end(&mut rest)).await;
                        assert_eq!(end.expect("it ends").unwrap_err().kind(), ErrorKind::ConnectionReset);
                    }
                }
            })
            .unwrap();
            sim.run_for(secs(1)).unwrap();
            assert_eq!(sim.stats().connections_live, 0, "seed {seed}, after {patience_us} us");
        }
    }
}

#[test]
fn an_attempt_times_out_when_the_configuration_says() {
    for fault in [|s: &Sim| s.kill("b", Kill::Power), |s: &Sim| s.cut_oneway("b", "a")] {
        let sim = Sim::new(SimConfig { connect_timeout: secs(6), ..SimConfig::seed(1) });
        sim.run(async {
            let (a, _b, listener) = pair(&sim).await;
            fault(&sim);
            let end = a.connect(&listener.local()).await;
            assert_eq!(end.unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(sim.elapsed(), secs(6));
        })
        .unwrap();
    }
}

#[test]
fn a_connection_that_its_caller_never_took_is_closed() {
    let sim = Sim::new(SimConfig::seed(1));
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let mut dial = Box::pin(a.connect(&listener.local()));
        assert!(future::poll_once(&mut dial).await.is_none());
        let mut far = listener.accept().await.unwrap();
        a.sleep(secs(1)).await;
        drop(dial); // Its connection has been made, and it was not polled since.
        let end = far.read(&mut [0]).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn nothing_is_read_after_a_reset() {
    let sim = Sim::new(SimConfig::seed(1));
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let (mut near, mut far) = connected(&a, &mut listener).await;
        near.write_all(b"on its way").await.unwrap();
        sim.reset_between("a", "b");
        for _ in 0..2 {
            let end = far.read(&mut [0]).await;
            assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
            a.sleep(secs(1)).await;
        }
    })
    .unwrap();
}

#[test]
fn a_listener_of_a_former_life_closes_no_port_of_the_present_one() {
    let sim = Sim::new(SimConfig::seed(1));
    sim.run(async {
        let (a, _b, former) = pair(&sim).await;
        sim.kill("b", Kill::Process);
        let reborn = sim.restart("b");
        let mut listener = reborn.listen(&former.local()).await.unwrap();
        drop(former);
        connected(&a, &mut listener).await;
    })
    .unwrap();
}

#[test]
fn a_connection_that_nobody_accepted_is_reset_when_its_listener_goes() {
    let sim = Sim::new(SimConfig::seed(1));
    sim.run(async {
        let (a, _b, listener) = pair(&sim).await;
        let mut conn = a.connect(&listener.local()).await.unwrap();
        sim.kill("b", Kill::Process);
        let end = conn.read(&mut [0]).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn a_full_backlog_drops_syns_until_there_is_room() {
    let sim = Sim::new(SimConfig { backlog_len: 2, ..SimConfig::seed(1) });
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let dials: Vec<_> = (0..5).map(|_| a.spawn("dial", a.connect(&listener.local()))).collect();
        a.sleep(millis(100)).await;
        assert_eq!(dials.iter().filter(|dial| dial.is_finished()).count(), 2);
        for dial in dials {
            let far = listener.accept().await.unwrap();
            drop((far, dial.await.unwrap().unwrap()));
        }
        assert!(sim.elapsed() >= secs(1), "a SYN was repeated");
    })
    .unwrap();
}

#[test]
fn bandwidth_bounds_a_transfer_and_is_shared() {
    const LEN: usize = 1_000_000;
    let sim = Sim::new(SimConfig::seed(3));
    sim.run(async {
        let (a, b, mut listener) = pair(&sim).await;
        sim.limit_link("a", "b", 1_000_000);
        let mut transfers = Vec::new();
        for _ in 0..2 {
            let (mut near, mut far) = connected(&a, &mut listener).await;
            let write = a.spawn("write", async move { near.write_all(&vec![7; LEN]).await });
            let read = b.spawn("read", async move {
                let mut all = Vec::new();
                far.read_to_end(&mut all).await.map(|_| all.len())
            });
            transfers.push((write, read));
        }
        let begin = a.now();
        for (write, read) in transfers {
            write.await.unwrap().unwrap();
            assert_eq!(read.await.unwrap().unwrap(), LEN);
        }
        let time = a.now() - begin;
        assert!((millis(1990)..millis(2200)).contains(&time), "2 MB at 1 MB/s took {time:?}");
    })
    .unwrap();
}

#[test]
fn a_slow_link_is_slow_both_ways() {
    let sim = Sim::new(SimConfig::seed(3));
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        sim.slow_link("a", "b", secs(1)..=secs(1));
        connected(&a, &mut listener).await;
        assert_eq!(sim.elapsed(), secs(2));
    })
    .unwrap();
}

#[test]
fn a_writer_waits_for_a_reader_that_does_not_read() {
    let sim = Sim::new(SimConfig { window_len: 1000, ..SimConfig::seed(3) });
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let (mut near, mut far) = connected(&a, &mut listener).await;
        let write = a.spawn("write", async move { near.write_all(&[1; 5000]).await });
        a.sleep(secs(100)).await;
        assert!(!write.is_finished());
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        write.await.unwrap().unwrap();
        assert_eq!(all.len(), 5000);
    })
    .unwrap();
}

#[test]
fn a_blocked_writer_learns_that_the_reader_has_vanished() {
    let sim = Sim::new(SimConfig { window_len: 1000, ..SimConfig::seed(3) });
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let (mut near, far) = connected(&a, &mut listener).await;
        let write = a.spawn("write", async move { near.write_all(&[1; 5000]).await });
        a.sleep(secs(1)).await;
        sim.kill("b", Kill::Power);
        let outcome = write.await.unwrap();
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(far);
    })
    .unwrap();
    sim.run_for(secs(100)).unwrap();
    assert_eq!(sim.stats().connections_live, 0);
}

#[test]
fn vectored_writes_take_all_buffers() {
    let sim = Sim::new(SimConfig { short_io: false, ..SimConfig::seed(3) });
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let (mut near, mut far) = connected(&a, &mut listener).await;
        let slices =
            [std::io::IoSlice::new(b"one"), std::io::IoSlice::new(b""), std::io::IoSlice::new(b"two")];
        assert_eq!(near.write_vectored(&slices).await.unwrap(), 6);
        let mut both = [0; 6];
        far.read_exact(&mut both).await.unwrap();
        assert_eq!(&both, b"onetwo");
    })
    .unwrap();
}

#[test]
fn closing_with_unread_bytes_resets_the_peer() {
    let sim = Sim::new(SimConfig::seed(3));
    sim.run(async {
        let (a, _b, mut listener) = pair(&sim).await;
        let (mut near, far) = connected(&a, &mut listener).await;
        near.write_all(b"hello").await.unwrap();
        a.sleep(millis(10)).await;
        drop(far);
        let end = near.read(&mut [0; 8]).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn addresses_name_processes() {
    let sim = Sim::new(SimConfig::seed(3));
    sim.run(async {
        let (a, b, mut listener) = pair(&sim).await;
        let (near, far) = connected(&a, &mut listener).await;
        assert_eq!(near.peer(), "b:7");
        assert!(far.peer().starts_with("a:"), "{}", far.peer());
        let kind = |e: std::io::Error| e.kind();
        assert_eq!(a.connect(&Endpoint::tcp("x", 1)).await.map_err(kind).err(), Some(ErrorKind::NotFound));
        assert_eq!(b.listen(&Endpoint::tcp("b", 7)).await.map_err(kind).err(), Some(ErrorKind::AddrInUse));
        assert_eq!(
            a.listen(&Endpoint::tcp("b", 8)).await.map_err(kind).err(),
            Some(ErrorKind::AddrNotAvailable)
        );
        let own = b.connect(&Endpoint::tcp("localhost", 7)).await.unwrap();
        assert_eq!(own.peer(), "b:7");
    })
    .unwrap();
}
