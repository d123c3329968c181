//! What users of a client see, method by method.
mod cluster;
mod collect;
mod gate;
mod options;
mod whole;
