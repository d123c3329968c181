//! A web service on smol, without a framework, that leaves the heavy work to the cluster and stays responsive.
//!
//! smol's executor has one thread, so a handler that computed something itself would stop all others. These only await futures.
//! The program puts that to the test on itself: `web_backend_smol [SECONDS [blocking]]` says how long each heavy request works.
use longshore::{SmolClient, task};
use longshore_examples::visitor::visit;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::{TcpListener, TcpStream};
use std::io;
use std::time::{Duration, Instant};

/// Longest first line of a request.
const LINE_BYTES_MAX: u64 = 1024;

/// The heavy work: counts prime numbers, as far as it gets.
#[task]
fn count_primes(limit: Duration) -> u64 {
    let start = Instant::now();
    let is_prime = |n: u64| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (2..).take_while(|_| start.elapsed() < limit).filter(|n| is_prime(*n)).count() as u64
}

async fn answer(path: &str, client: &SmolClient) -> (&'static str, String) {
    let (way, ms) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let call = count_primes(Duration::from_millis(ms.parse().unwrap_or(0)));
    let count = match way {
        "/health" => return ("200 OK", "ok".into()),
        "primes" => client.submit(call).await,
        // The mistake: the one thread that serves does the work. Used when the program's second argument is `blocking`.
        "primes-here" => call.run(),
        _ => return ("404 Not Found", String::new()),
    };
    match count {
        Ok(count) => ("200 OK", count.to_string()),
        Err(e) => ("500 Internal Server Error", e.to_string()),
    }
}

/// One visitor, one request: as much of HTTP as the example needs.
async fn serve(mut stream: TcpStream, client: SmolClient) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.clone()).take(LINE_BYTES_MAX).read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path, &client).await;
    let len = body.len();
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).await
}

async fn listen(listener: TcpListener, client: SmolClient) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // A visitor who leaves early is no reason to stop.
        smol::spawn(serve(stream, client.clone())).detach();
    }
}

async fn run(seconds: f64, way: &'static str) -> anyhow::Result<()> {
    let client = SmolClient::local().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = smol::spawn(listen(listener, client.clone()));

    let ms = (seconds * 1000.0) as u64;
    let paths = (0..2).map(move |_| format!("/{way}/{ms}"));
    let visit = smol::unblock(move || visit(address, paths)).await?;
    for count in &visit.answers {
        assert!(count.parse::<u64>()? > 25, "there are 25 primes below 100 alone");
    }
    println!("{visit}");
    assert!(visit.stalled() < visit.working / 2, "the service was not responsive");
    server.cancel().await;
    client.close().await?;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(1.2), |arg| arg.parse())?;
    let way = if args.next().is_some_and(|arg| arg == "blocking") { "primes-here" } else { "primes" };
    smol::block_on(run(seconds, way))
}
