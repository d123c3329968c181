//! Everything that may be a task.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

use longshore::{lambda, local, register, task};
use std::fmt::Display;
use std::ops::Mul;

mod tasks {
    use longshore::task;

    #[task(pure, name = "tasks.scale", retries = 2, priority = -1, resources(gpu = 1.0), timeout = "30s")]
    pub(crate) fn scale(x: f64, k: f64) -> f64 {
        x * k
    }
}

/// Generic.
#[task(for T in [f64, u64])]
pub fn square<T>(x: T) -> T
where
    T: Mul<Output = T> + Copy,
{
    x * x
}

#[task(for U in [String, char], for T in [u8, u16])]
fn show<T: Display, U: Display>(x: T, xs: &[U]) -> String {
    format!("{x}{}", xs[0])
}

#[task(runtime = "tokio")]
async fn wait(text: &str, mut n: u32) -> Result<String, std::num::TryFromIntError> {
    n += 1;
    Ok(text.repeat(usize::try_from(n)?))
}

struct Model;

impl Model {
    #[task]
    fn fit(x: i64) -> anyhow::Result<i64> {
        anyhow::ensure!(x > 0, "not positive");
        Ok(x)
    }
}

fn main() {
    assert_eq!(tasks::scale(2.0, square(3.0)).run().unwrap(), 18.0);
    assert_eq!(show(square(2u64).run().unwrap() as u8, vec!['a']).run().unwrap(), "4a");
    assert!(Model::fit(0).run().is_err());
    drop(wait("a", 1).run_async());
    register!(tasks::scale(_, _), square::<f64>(_), Model::fit(_));
    let add = lambda!(|x: i64, y: i64| x + y);
    assert_eq!(add(1, 2).run().unwrap(), 3);
    assert_eq!(add.call(1, add(1, 2)).run().unwrap(), 4);
    let offset = 5;
    assert_eq!(local(move |x: i64| x + offset).call(add(1, 2)).run().unwrap(), 8);
}
