use longshore::task;

struct Model;

impl Model {
    #[task]
    fn fit(&self, x: i64) -> i64 {
        x
    }
}

fn main() {}
