use longshore::task;

#[task]
fn pair(pair: (i64, i64)) -> i64 {
    pair.0 + pair.1
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() {
    let _ = pair((inc(1), 2));
}
