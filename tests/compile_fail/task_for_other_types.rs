use longshore::task;

#[task(for T in [f64, u64])]
fn double<T: std::ops::Add<Output = T> + Copy>(x: T) -> T {
    x + x
}

fn main() {
    let _ = double(1.0);
    let _ = double(1u8);
}
