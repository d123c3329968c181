use longshore::task;

#[derive(serde::Serialize, serde::Deserialize)]
struct Row(u64);

#[task]
fn read() -> Row {
    Row(1)
}

fn main() {}
