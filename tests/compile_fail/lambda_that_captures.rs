use longshore::lambda;

fn main() {
    let offset = 5;
    let _ = lambda!(|x: i64| x + offset);
}
