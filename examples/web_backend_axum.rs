//! A web service on axum that leaves the heavy work to the cluster and stays responsive.
//!
//! Its handlers only await futures, so health checks are answered while every compute thread is busy. The program puts that
//! to the test on itself: `web_backend_axum [SECONDS [blocking]]` says how long each heavy request works.
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use longshore::{TokioClient, task};
use longshore_examples::visitor::visit;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

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

/// The mistake: the work is done on a thread that should serve. The program uses it when its second argument is `blocking`.
async fn pi_here(Path((seed, ms)): Path<(u64, u64)>) -> Result<String, (StatusCode, String)> {
    let pi = estimate_pi(seed, Duration::from_millis(ms)).run();
    pi.map(|pi| format!("{pi:.4}")).map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

fn service(client: TokioClient) -> Router {
    let service = Router::new().route("/health", get(|| async { "ok" }));
    service.route("/pi/{seed}/{ms}", get(pi)).route("/pi-here/{seed}/{ms}", get(pi_here)).with_state(client)
}

/// One thread serves, so that nobody would be left to answer if it worked itself.
#[tokio::main(worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds: f64 = args.next().map_or(Ok(1.2), |arg| arg.parse())?;
    let way = if args.next().is_some_and(|arg| arg == "blocking") { "pi-here" } else { "pi" };
    let client = TokioClient::local().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(axum::serve(listener, service(client.clone())).into_future());

    let ms = (seconds * 1000.0) as u64;
    // As many as the cluster can work on at once.
    let paths = (0..available_parallelism()?.get()).map(move |seed| format!("/{way}/{seed}/{ms}"));
    let visit = tokio::task::spawn_blocking(move || visit(address, paths)).await??;
    for pi in &visit.answers {
        let pi: f64 = pi.parse()?;
        assert!((pi - std::f64::consts::PI).abs() < 0.1, "{pi} is not π");
    }
    println!("{visit}");
    assert!(visit.stalled() < visit.working / 2, "the service was not responsive");
    server.abort();
    client.close().await?;
    Ok(())
}
