//! What the compiler says about calls that cannot be described, and that it says nothing about those that can.
//!
//! The messages are those of one compiler; after a new one, look at what changed and run with `TRYBUILD=overwrite`.
use longshore_tests::deadline::within;
use std::time::Duration;

/// The compiler builds what the programs need, all of it the first time.
const LIMIT: Duration = Duration::from_secs(20 * 60);

#[test]
fn descriptions_are_refused_or_accepted() {
    within(LIMIT, || {
        let cases = trybuild::TestCases::new();
        cases.compile_fail("compile_fail/*.rs");
        cases.pass("compile_fail/works/*.rs");
    });
}
