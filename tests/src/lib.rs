//! End-to-end tests of Longshore.
