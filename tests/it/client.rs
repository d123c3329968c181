//! What users of a client see, method by method.
mod adopt;
mod cluster;
mod collect;
mod gate;
mod map;
mod options;
mod whole;
