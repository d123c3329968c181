use longshore::task;

#[derive(Clone)]
struct Handle;

#[task]
fn open(path: String) -> Handle {
    let _ = path;
    Handle
}

#[task]
fn close(handle: Handle) {
    let _ = handle;
}

fn main() {}
