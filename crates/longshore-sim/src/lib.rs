//! A deterministic simulation that is one more Longshore [`Runtime`](longshore_rt::Runtime).
//!
//! A [`Sim`] is a world: virtual time, named processes, and a network between them. A [`SimRuntime`] is what one
//! process sees of it, and the client, the scheduler and the worker that are shipped run on it unmodified. All
//! that happens follows from one seed: the order in which tasks run, latencies, short reads and writes, the
//! numbers a process draws. The same seed gives the same [`Sim::fingerprint`], on every machine.
//!
//! ```
//! use longshore_rt::{Endpoint, Listener, Runtime, RuntimeExt};
//! use longshore_sim::{Kill, Sim, SimConfig};
//! use std::time::Duration;
//!
//! let sim = Sim::new(SimConfig::seed(7));
//! sim.process("server", |rt| async move {
//!     let mut listener = rt.listen(&Endpoint::tcp("server", 80)).await.unwrap();
//!     while let Ok(conn) = listener.accept().await {
//!         drop(conn);
//!     }
//! });
//! sim.at(Duration::from_secs(2), |sim| sim.kill("server", Kill::Process));
//!
//! let client = sim.node("client");
//! let refused = sim
//!     .run(async {
//!         client.sleep(Duration::from_secs(3)).await;
//!         client.connect(&Endpoint::tcp("server", 80)).await.err().map(|e| e.kind())
//!     })
//!     .unwrap();
//! assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
//! assert!(sim.elapsed() < Duration::from_secs(4));
//! ```
//!
//! # How it works
//!
//! The world is a discrete-event simulation on one thread. Woken tasks wait in a ready queue from which the seed
//! picks; when the queue is empty, the earliest event of a heap ordered by (time, sequence) happens and the clock
//! jumps to it. Nothing is done per tick or per pair of hosts, so an event costs O(log n).
//!
//! # What is modelled
//!
//! * **TCP**: ordered bytes, latency, bandwidth, a window (so that writers block), short reads and writes, FIN,
//!   RST, half close, refused connections, SYN retries, a bounded accept queue.
//! * **Faults**: links cut in one direction or both (bytes are held, sent again after [`Sim::heal`], and time
//!   their writer out meanwhile), resets, slow links, processes that die with ([`Kill::Process`]) or without
//!   ([`Kill::Power`]) their kernel closing their sockets, restarts, pauses, clock skew. [`Faults`] draws them from
//!   a seed.
//! * **Compute**: a blocking job runs once, inline, and takes the virtual time that [`JobCost`] says. A process can have
//!   a [`PollCost`]: then it has one core, and its polls take time.
//!
//! # What is deliberately absent
//!
//! UDP, Unix sockets and disks; loss and reordering (TCP hides them);
//! the time that acknowledgements take (a writer has room as soon as its peer has read) and keepalive; a limit on
//! what one host sends over all its links together. A host is its name: `127.0.0.1`, `localhost`,
//! `0.0.0.0` and `::` mean the process's own host.

mod agenda;
mod clock;
mod config;
mod control;
mod faults;
mod job;
mod net;
mod pattern;
mod process;
mod processor;
mod ready;
mod report;
mod rng;
mod run;
mod runtime;
mod sim;
mod slab;
mod state;
mod stats;
mod task;
mod timer;
mod trace;
mod world;

pub use config::{JobCost, Kill, Policy, SimConfig};
pub use faults::{Fault, FaultKind, FaultPlan, FaultRates, Faults};
pub use net::{SimConn, SimListener, SimReader, SimWriter};
pub use processor::PollCost;
pub use rng::Rng;
pub use runtime::SimRuntime;
pub use sim::Sim;
pub use stats::Stats;
pub use timer::SimSleep;
pub use trace::{Divergence, Trace, first_divergence};
