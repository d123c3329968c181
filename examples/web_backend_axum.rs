//! A web service on axum that leaves the heavy work to the cluster and stays responsive.
//!
//! Its handlers only await futures, so health checks are answered while every compute thread is busy. The program puts that
//! to the test on itself: `web_backend_axum [SECONDS]` says how long each heavy request works.
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use longshore::{TokioClient, task};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The heavy work: estimates π, the better the longer it may take.
#[task]
fn estimate_pi(seed: u64, limit: Duration) -> f64 {
    let (start, mut state, mut inside, mut all) = (Instant::now(), seed, 0_u64, 0_u64);
    let mut coordinate = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    while start.elapsed() < limit {
        for _ in 0..10_000 {
            let (x, y) = (coordinate(), coordinate());
            inside += u64::from(x * x + y * y < 1.0);
            all += 1;
        }
    }
    4.0 * inside as f64 / all as f64
}

/// The client is the service's state: cheap to clone, and shared by all handlers.
async fn pi(
    State(client): State<TokioClient>,
    Path((seed, ms)): Path<(u64, u64)>,
) -> Result<String, (StatusCode, String)> {
    let future = client.submit(estimate_pi(seed, Duration::from_millis(ms)));
    // If the visitor leaves, axum drops this handler, the handler drops the future, and the task is cancelled.
    let pi = future.await.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    Ok(format!("{pi:.4}"))
}

fn service(client: TokioClient) -> Router {
    let service = Router::new().route("/health", get(|| async { "ok" })).route("/pi/{seed}/{ms}", get(pi));
    service.with_state(client)
}

/// A request as a visitor would make it.
async fn request(address: SocketAddr, path: String) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let body = response.starts_with("HTTP/1.1 200 ").then(|| response.split("\r\n\r\n").nth(1)).flatten();
    body.map(str::to_owned).ok_or_else(|| io::Error::other(response.clone()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let seconds: f64 = std::env::args().nth(1).map_or(Ok(1.2), |arg| arg.parse())?;
    let client = TokioClient::local().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(axum::serve(listener, service(client.clone())).into_future());

    let start = Instant::now();
    let ms = (seconds * 1000.0) as u64;
    let heavy: Vec<_> =
        (0..2).map(|seed| tokio::spawn(request(address, format!("/pi/{seed}/{ms}")))).collect();
    let mut took = Vec::new();
    while heavy.iter().any(|request| !request.is_finished()) {
        let asked = Instant::now();
        assert_eq!(request(address, "/health".into()).await?, "ok");
        took.push(asked.elapsed());
    }
    let working = start.elapsed();
    for request in heavy {
        let pi: f64 = request.await??.parse()?;
        assert!((pi - std::f64::consts::PI).abs() < 0.1, "{pi} is not π");
    }
    took.sort_unstable();
    println!(
        "{} health checks were answered during {working:.1?} of heavy work; half of them within {:.1?}, all within {:.1?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
    );
    assert!(took.len() >= 20, "the service was not responsive");
    server.abort();
    client.close().await?;
    Ok(())
}
