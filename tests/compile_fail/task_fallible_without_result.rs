use longshore::task;

#[task(fallible)]
fn one() -> i64 {
    1
}

fn main() {}
