use longshore::task;

#[task]
fn total(rows: Vec<Vec<i64>>) -> i64 {
    rows.iter().flatten().sum()
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() {
    let _ = total(vec![vec![inc(1)]]);
}
