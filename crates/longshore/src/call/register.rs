//! Naming functions without calling them, for binaries whose linker drops what is never named.
use super::{Arg, Description, ErasedArg};

/// Stands for any argument where a function is only named: `register!(inc(_))`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Absent;

impl<T> Arg<T> for Absent {
    fn describe(self) -> Description {
        Description(ErasedArg::None)
    }
}
