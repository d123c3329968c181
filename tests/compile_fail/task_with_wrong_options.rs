use longshore::task;

#[task(prue)]
fn a() {}

#[task(pure, pure)]
fn b() {}

#[task(timeout = "30")]
fn c() {}

#[task(name = "")]
fn d() {}

#[task(resources(gpu = "one"))]
fn e() {}

#[task(for T in [])]
fn f() {}

#[task(retries = -1)]
fn g() {}

fn main() {}
