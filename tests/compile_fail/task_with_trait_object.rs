use longshore::task;

#[task]
fn show(x: &dyn std::fmt::Display) -> String {
    x.to_string()
}

#[task]
fn text(x: std::sync::Arc<str>) -> usize {
    x.len()
}

fn main() {}
