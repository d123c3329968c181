use longshore::task;

#[task]
const fn constant() -> i64 {
    1
}

#[task]
unsafe fn careful() -> i64 {
    1
}

#[task]
extern "C" fn foreign() -> i64 {
    1
}

#[task]
struct NotAFunction;

fn main() {}
