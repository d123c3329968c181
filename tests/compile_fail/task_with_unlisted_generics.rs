use longshore::task;

#[task]
fn double<T: std::ops::Add<Output = T> + Copy>(x: T) -> T {
    x + x
}

#[task]
fn zeros<const N: usize>(x: i64) -> Vec<i64> {
    vec![x; N]
}

#[task(for U in [f64])]
fn negate<T: std::ops::Neg<Output = T>>(x: T) -> T {
    -x
}

fn main() {}
