//! What the examples of Longshore share: the plain parts of `wordcount`, which know nothing of clusters.
//!
//! Each example is one file beside this folder; start it with `cargo run -p longshore-examples --bin NAME`.
pub mod chart;
pub mod count;
pub mod files;
pub mod sequential;
pub mod words;
