use longshore::task;

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn name() -> String {
    String::new()
}

fn main() {
    let _ = inc(name());
}
