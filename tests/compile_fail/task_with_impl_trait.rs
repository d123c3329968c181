use longshore::task;

#[task]
fn total(xs: impl Iterator<Item = i64>) -> i64 {
    xs.sum()
}

#[task]
fn numbers() -> impl Iterator<Item = i64> {
    0..3
}

fn main() {}
