use longshore::lambda;

fn main() {
    let _ = lambda!(|x| x + 1);
    let _ = lambda!(async |x: i64| x + 1);
    let _ = lambda!(|a: u8, b: u8, c: u8, d: u8, e: u8| a + b + c + d + e);
    let _ = lambda!(1 + 1);
}
