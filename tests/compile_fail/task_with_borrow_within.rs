use longshore::task;

#[task]
fn lens(words: Vec<&str>) -> usize {
    words.len()
}

#[task]
fn change(xs: &mut Vec<i64>) {
    xs.clear();
}

#[task]
fn named(text: std::borrow::Cow<'static, str>, tail: std::borrow::Cow<'_, str>) -> usize {
    text.len() + tail.len()
}

fn main() {}
