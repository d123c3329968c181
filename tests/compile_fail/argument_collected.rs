use longshore::task;

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

fn main() {
    let _ = sum((1..4).collect());
}
