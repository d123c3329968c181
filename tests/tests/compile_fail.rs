//! What the compiler says about calls that cannot be described, and that it says nothing about those that can.
//!
//! The messages are those of one compiler; after a new one, look at what changed and run with `TRYBUILD=overwrite`.

#[test]
fn descriptions_are_refused_or_accepted() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("compile_fail/*.rs");
    cases.pass("compile_fail/works/*.rs");
}
