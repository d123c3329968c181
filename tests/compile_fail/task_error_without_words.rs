use longshore::task;

struct Silent;

#[task]
fn fail() -> Result<(), Silent> {
    Err(Silent)
}

fn main() {}
