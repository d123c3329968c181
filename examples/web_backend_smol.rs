//! A web service on smol, without a framework, that leaves the heavy work to the cluster and stays responsive.
//!
//! smol's executor has one thread, so a handler that computed something itself would stop all others. These only await futures.
//! The program puts that to the test on itself: `web_backend_smol [SECONDS]` says how long each heavy request works.
use longshore::{SmolClient, task};
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::{SocketAddr, TcpListener, TcpStream};
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
    let ms = path.strip_prefix("/primes/").and_then(|ms| ms.parse().ok());
    match (path, ms) {
        ("/health", _) => ("200 OK", "ok".into()),
        (_, Some(ms)) => match client.submit(count_primes(Duration::from_millis(ms))).await {
            Ok(count) => ("200 OK", count.to_string()),
            Err(e) => ("500 Internal Server Error", e.to_string()),
        },
        _ => ("404 Not Found", String::new()),
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

/// A request as a visitor would make it.
async fn request(address: SocketAddr, path: String) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let body = response.starts_with("HTTP/1.1 200 ").then(|| response.split("\r\n\r\n").nth(1)).flatten();
    body.map(str::to_owned).ok_or_else(|| io::Error::other(response.clone()))
}

async fn run(seconds: f64) -> anyhow::Result<()> {
    let client = SmolClient::local().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = smol::spawn(listen(listener, client.clone()));

    let start = Instant::now();
    let ms = (seconds * 1000.0) as u64;
    let heavy: Vec<_> = (0..2).map(|_| smol::spawn(request(address, format!("/primes/{ms}")))).collect();
    let mut took = Vec::new();
    while heavy.iter().any(|request| !request.is_finished()) {
        let asked = Instant::now();
        assert_eq!(request(address, "/health".into()).await?, "ok");
        took.push(asked.elapsed());
    }
    let working = start.elapsed();
    for request in heavy {
        let count: u64 = request.await?.parse()?;
        assert!(count > 25, "there are 25 primes below 100 alone");
    }
    took.sort_unstable();
    println!(
        "{} health checks were answered during {working:.1?} of heavy work; half of them within {:.1?}, all within {:.1?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
    );
    assert!(took.len() >= 20, "the service was not responsive");
    server.cancel().await;
    client.close().await?;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(1.2), |arg| arg.parse())?;
    smol::block_on(run(seconds))
}
