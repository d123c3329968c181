//! What the examples of Longshore share: the plain parts of `wordcount`, and a visitor of
//! web services. They know nothing of clusters.
//!
//! Each example is one file beside this folder; start it with `cargo run -p longshore-examples --bin NAME`.
pub mod chart;
pub mod count;
pub mod files;
pub mod sequential;
pub mod visitor;
pub mod wordcount;
pub mod words;
