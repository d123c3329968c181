//! Functions that the end-to-end tests run, in the test's own process and in worker processes.
use longshore::{Array, Blob, context, task};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Names the functions, so that the linker keeps them in programs that run them and never call them.
pub fn link() {
    use crate::function::{inc, mix, sum};
    longshore::register!(inc(_), sum(_), mix(_, _, _));
    longshore::register!(
        scan(_),
        renamed(_, _),
        add(_, _),
        bytes(_, _),
        total(_),
        halve(_),
        panic_with(_),
        place()
    );
    longshore::register!(fib(_), fib_async(_), gated(_, _), nap(_, _));
    longshore::register!(exit(_), abort(), overflow_stack(_));
}

/// The sum of two.
#[task]
pub fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// So many bytes, which change every thousand of them.
#[task]
pub fn bytes(len: usize, first: u8) -> Vec<u8> {
    (0..len).map(|i| pattern(i, first)).collect()
}

/// One of [`bytes`].
#[must_use]
pub fn pattern(i: usize, first: u8) -> u8 {
    first.wrapping_add(u8::try_from(i / 1000 % 256).unwrap_or_default())
}

/// The sum of borrowed bytes.
#[task]
pub fn total(bytes: &[u8]) -> u64 {
    bytes.iter().map(|b| u64::from(*b)).sum()
}

/// Large buffers within a value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scan {
    /// What it is.
    pub name: String,
    /// Raw bytes.
    pub pixels: Blob,
    /// Raw numbers in a shape.
    pub depths: Array<f64>,
    /// Several of them.
    pub layers: Vec<Blob>,
}

/// A value of about twenty times `len` bytes.
#[task]
pub fn scan(len: usize) -> Scan {
    let pixels = |first| (0..len).map(|i| pattern(i, first)).collect();
    let depths = (0..2 * len).map(|i| i as f64).collect::<Array<f64>>().reshape([len, 2]);
    Scan {
        name: "scan".to_owned(),
        pixels: pixels(1),
        depths: depths.unwrap_or_default(),
        layers: vec![pixels(2), pixels(3)],
    }
}

/// Changes a scan and leaves most of it as it is.
#[task]
pub fn renamed(scan: &Scan, name: String) -> Scan {
    Scan { name, ..scan.clone() }
}

/// A number that has no half.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Odd {
    /// The number.
    pub number: i64,
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is odd", self.number)
    }
}

impl std::error::Error for Odd {}

/// Half of an even number.
///
/// # Errors
/// The number is odd.
#[task]
pub fn halve(x: i64) -> Result<i64, Odd> {
    if x % 2 == 0 { Ok(x / 2) } else { Err(Odd { number: x }) }
}

/// Panics with these words.
#[task]
pub fn panic_with(words: String) -> i64 {
    panic!("{words}")
}

/// Where a task runs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Name of the worker.
    pub worker: String,
    /// Its process.
    pub pid: u32,
}

/// Where this task runs.
#[task]
pub fn place() -> Place {
    Place { worker: context().worker().name().to_owned(), pid: std::process::id() }
}

/// Fibonacci numbers by tasks that submit tasks and block until those are done.
///
/// # Errors
/// Whatever happens to one of them.
#[task]
pub fn fib(n: u64) -> Result<u64, longshore::Error> {
    if n < 2 {
        return Ok(n);
    }
    let client = context().client();
    let (a, b) = (client.submit(fib(n - 1)), client.submit(fib(n - 2)));
    Ok(a.result()? + b.result()?)
}

/// The same by tasks that await.
///
/// # Errors
/// Whatever happens to one of them.
#[task]
pub async fn fib_async(n: u64) -> Result<u64, longshore::Error> {
    if n < 2 {
        return Ok(n);
    }
    let client = context().client();
    let (a, b) = (client.submit(fib_async(n - 1)), client.submit(fib_async(n - 2)));
    Ok(a.await? + b.await?)
}

/// The file that opens the gate of a folder.
pub const OPEN: &str = "open";

/// Says in the folder that it runs, in a file named after its number and its process, and ends once the gate is open.
///
/// # Errors
/// The folder is not there, or the gate stays closed.
#[task]
pub fn gated(folder: &str, number: i64) -> Result<i64, String> {
    let folder = Path::new(folder);
    let mark = folder.join(format!("{number}.{}", std::process::id()));
    fs::write(mark, "").map_err(|e| e.to_string())?;
    let give_up_at = Instant::now() + Duration::from_secs(60);
    while !folder.join(OPEN).exists() {
        if Instant::now() > give_up_at {
            return Err("nobody opened the gate".into());
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    Ok(number)
}

/// Takes a while.
#[task]
pub fn nap(ms: u64, x: i64) -> i64 {
    let until = Instant::now() + Duration::from_millis(ms);
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
    x
}

/// Ends its process.
#[task]
pub fn exit(status: i32) -> i64 {
    std::process::exit(status)
}

/// Ends its process the hard way.
#[task]
pub fn abort() -> i64 {
    std::process::abort()
}

/// Recurses until there is no stack left.
#[task]
pub fn overflow_stack(start: i64) -> i64 {
    dig(start)
}

#[inline(never)]
fn dig(depth: i64) -> i64 {
    let rubble = std::hint::black_box([depth; 512]);
    if rubble[0] == i64::MAX { 0 } else { dig(std::hint::black_box(depth + 1)) ^ rubble[511] }
}
