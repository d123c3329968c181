fn main() {
    let held = std::rc::Rc::new(1);
    let _ = longshore::local(move |x: i64| x + *held);
}
