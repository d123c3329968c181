//! A visitor of a web service: asks for something heavy, and sees how quickly health checks are answered meanwhile.
//!
//! It is no part of the service: it has threads of its own, so that it sees what others would see.
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What a visitor saw.
#[derive(Debug)]
pub struct Visit {
    /// What the heavy requests were answered with.
    pub answers: Vec<String>,
    /// How long they took.
    pub working: Duration,
    /// How long each health check took, the quickest first. One is always made.
    took: Vec<Duration>,
}

impl Visit {
    /// How long the visitor stood waiting: the sum of all health checks that took a tenth of the heavy work or longer.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.took.iter().filter(|took| **took >= self.working / 10).sum()
    }

    /// Half of the health checks were answered within this.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.took[self.took.len() / 2]
    }
}

/// Makes the heavy requests, all at once, and asks for `/health` as long as any of them is not answered.
///
/// # Errors
/// The service cannot be reached, or answers with an error.
pub fn visit(address: SocketAddr, heavy: impl IntoIterator<Item = String>) -> io::Result<Visit> {
    let begun = Instant::now();
    let streams: io::Result<Vec<TcpStream>> = heavy.into_iter().map(|path| ask(address, &path)).collect();
    let heavy: Vec<_> = streams?.into_iter().map(|stream| thread::spawn(move || answer(stream))).collect();
    let mut took = Vec::new();
    while took.is_empty() || heavy.iter().any(|request| !request.is_finished()) {
        let asked = Instant::now();
        if answer(ask(address, "/health")?)? != "ok" {
            return Err(io::Error::other("the service is not in good health"));
        }
        took.push(asked.elapsed());
    }
    let working = begun.elapsed();
    took.sort_unstable();
    let panicked = |_| Err(io::Error::other("the visitor is not in good health"));
    let answers = heavy.into_iter().map(|request| request.join().unwrap_or_else(panicked));
    Ok(Visit { answers: answers.collect::<io::Result<_>>()?, working, took })
}

fn ask(address: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    Ok(stream)
}

fn answer(mut stream: TcpStream) -> io::Result<String> {
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let body = response.starts_with("HTTP/1.1 200 ").then(|| response.split("\r\n\r\n").nth(1)).flatten();
    body.map(str::to_owned).ok_or_else(|| io::Error::other(response.clone()))
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, working, median) = (self.took.len(), self.working, self.median());
        let longest = self.took.last().copied().unwrap_or_default();
        write!(f, "{len} health checks were answered during {working:.1?} of heavy work; ")?;
        write!(f, "half of them within {median:.1?}, all within {longest:.1?}")
    }
}
