//! The longshore command: scheduler, worker, status.
fn main() {}
