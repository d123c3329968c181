use longshore::task;

#[task]
fn first(words: &[String]) -> &str {
    &words[0]
}

#[task]
fn trimmed<'a>(text: &'a str) -> std::borrow::Cow<'a, str> {
    text.trim().into()
}

fn main() {}
