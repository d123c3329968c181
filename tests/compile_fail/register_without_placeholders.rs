use longshore::{register, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() {
    register!(inc);
    register!(inc(1));
    register!(inc(_, _));
}
