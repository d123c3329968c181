//! Strangers at the door, and peers that send nonsense once they are in: they are cut off, and nobody else notices.
use crate::stage::{TcpCluster, info};
use longshore::Address;
use longshore_proto::frame::HEADER_BYTES;
use longshore_proto::handshake::{self, ClientHello, PREFIX_BYTES, PeerHello, Reply, WorkerHello};
use longshore_proto::limit::FRAME_BYTES_MAX;
use longshore_proto::{Hello, Reject, Role, SessionId};
use longshore_tests::deadline::{DEADLINE, until, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::{bytes, total};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Somebody who speaks to a port directly.
struct Stranger(TcpStream);

impl Stranger {
    fn at(address: &Address) -> Self {
        let address = address.to_string();
        let stream = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE / 3)).unwrap();
        Stranger(stream)
    }

    /// Whether it was all taken: whoever listens may have hung up in the middle.
    fn says(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Introduces itself properly.
    fn introduced(address: &Address, role: Role) -> Self {
        let mut stranger = Self::at(address);
        let hello = Hello { token: String::new(), role };
        assert!(stranger.says(&handshake::encode(&hello).unwrap()));
        let reply = stranger.reply();
        assert!(matches!(reply, Some(Reply::Welcome(_))), "{reply:?}");
        stranger
    }

    fn reply(&mut self) -> Option<Reply> {
        let mut prefix = [0; PREFIX_BYTES];
        self.0.read_exact(&mut prefix).ok()?;
        let (len, _) = handshake::read_prefix(&prefix).unwrap();
        let mut body = vec![0; len];
        self.0.read_exact(&mut body).unwrap();
        Some(handshake::decode(&body).unwrap())
    }

    /// Waits until the other side hangs up, whatever it says before.
    fn sees_the_end(mut self) {
        let mut rest = [0; 4096];
        loop {
            match self.0.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return,
                Err(e) => panic!("it was not cut off: {e}"),
            }
        }
    }
}

fn client_role() -> Role {
    Role::Client(ClientHello {
        session: SessionId(7),
        name: "hostile".into(),
        runtime: "none".into(),
        pid: 1,
    })
}

fn worker_role() -> Role {
    Role::Worker(WorkerHello {
        name: "hostile".into(),
        incarnation: 7,
        address: None,
        nthreads: 64,
        runtime: "none".into(),
        pid: 1,
        memory_limit_bytes: None,
        resources: Vec::new(),
        registry: 7,
        version: "0".into(),
    })
}

fn frame(content: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(content.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(crc32c::crc32c(content).to_le_bytes());
    frame.extend(content);
    frame
}

/// Frames that are none.
fn bad_frames() -> Vec<(&'static str, Vec<u8>)> {
    let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
    let mut corrupt = frame(b"anything at all");
    corrupt[HEADER_BYTES] ^= 1;
    vec![
        ("garbage", (0..4096u32).map(|i| (i * 37 % 251) as u8).collect()),
        ("text", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec()),
        ("announced giant", [&u32::MAX.to_le_bytes()[..], &[0; 4]].concat()),
        ("one byte too long", [&too_long[..], &[0; 4]].concat()),
        ("wrong checksum", corrupt),
        ("no such message", frame(&[0xff; 64])),
        ("half a message", frame(&[1, 0xff])),
        ("endless number", frame(&[0x80; 100])),
    ]
}

/// What everybody else does meanwhile.
fn check(cluster: &TcpCluster) {
    let client = cluster.client();
    assert_eq!(client.gather(client.map(inc, 0..20)).unwrap(), (1..=20).collect::<Vec<i64>>());
    assert_eq!(
        client.submit(total(bytes(100_000, 0))).result().unwrap(),
        client.submit(total(bytes(100_000, 0))).result().unwrap()
    );
    client.close().unwrap();
}

#[test]
fn strangers_who_speak_another_protocol() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let doors = [cluster.address(), cluster.workers[0].address().clone()];
        let http: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let tls: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on";
        for door in &doors {
            for words in [http, tls, &[0; 5000], &[0xff; 100_000]] {
                let mut stranger = Stranger::at(door);
                stranger.says(words);
                stranger.sees_the_end();
            }
            // Leaves at once, or in the middle.
            drop(Stranger::at(door));
            let mut leaves = Stranger::at(door);
            assert!(leaves.says(b"LSHR\x01"));
            drop(leaves);
        }
        check(&cluster);
    });
}

#[test]
fn introductions_that_break_the_rules() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let hello = handshake::encode(&Hello { token: String::new(), role: client_role() }).unwrap();
        let mut giant = hello.clone();
        giant[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut future = hello.clone();
        future[4..8].copy_from_slice(&[9, 0, 12, 0]);
        let mut nonsense = hello[..PREFIX_BYTES].to_vec();
        nonsense.resize(hello.len(), 0xff);
        for (introduction, version) in [(giant, false), (future, true), (nonsense, false)] {
            let mut stranger = Stranger::at(&cluster.address());
            assert!(stranger.says(&introduction));
            match stranger.reply() {
                Some(Reply::Reject(Reject::Version { .. })) if version => {}
                Some(Reply::Reject(Reject::Malformed { .. })) if !version => {}
                other => panic!("{other:?}"),
            }
            stranger.sees_the_end();
        }
        check(&cluster);
    });
}

#[test]
fn strangers_who_say_nothing_are_shown_the_door() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let mut strangers: Vec<_> = (0..100).map(|_| Stranger::at(&cluster.address())).collect();
        for stranger in strangers.iter_mut().step_by(2) {
            assert!(stranger.says(b"LSHR"));
        }
        check(&cluster);
        strangers.into_iter().for_each(Stranger::sees_the_end);
        check(&cluster);
    });
}

#[test]
fn bad_frames_of_a_client() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        for (what, bad) in bad_frames() {
            eprintln!("{what}");
            let mut hostile = Stranger::introduced(&cluster.address(), client_role());
            until("the scheduler counts it", || (info(&client).clients == 2).then_some(()));
            hostile.says(&bad);
            hostile.sees_the_end();
            until("the scheduler forgets it", || (info(&client).clients == 1).then_some(()));
            check(&cluster);
        }
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn bad_frames_of_a_worker() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        for (what, bad) in bad_frames() {
            eprintln!("{what}");
            let mut hostile = Stranger::introduced(&cluster.address(), worker_role());
            hostile.says(&bad);
            hostile.sees_the_end();
            until("the scheduler forgets it", || (info(&client).workers.len() == 1).then_some(()));
            check(&cluster);
        }
    });
}

#[test]
fn bad_frames_of_a_workers_peer() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let client = cluster.client();
        let role =
            || Role::Peer(PeerHello { incarnation: info(&client).incarnation, name: "hostile".into() });
        for (what, bad) in bad_frames() {
            eprintln!("{what}");
            let mut hostile = Stranger::introduced(cluster.workers[0].address(), role());
            hostile.says(&bad);
            hostile.sees_the_end();
        }
        let large = client.submit(bytes(300_000, 1).workers(["w0"]));
        client.submit(total(&large).workers(["w1"])).result().unwrap();
        check(&cluster);
    });
}

#[test]
fn a_peer_that_stops_reading_or_writing_in_the_middle() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let mut half = Stranger::introduced(&cluster.address(), client_role());
        assert!(half.says(&frame(&[1; 1000])[..500]));
        half.0.shutdown(Shutdown::Write).unwrap();
        half.sees_the_end();
        until("the scheduler forgets it", || (info(&client).clients == 1).then_some(()));
        check(&cluster);
    });
}
