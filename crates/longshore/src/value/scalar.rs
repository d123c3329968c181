//! Values that are cheaper to encode than to share.
//!
//! Within a process nothing is encoded, but a shared value costs several allocations that one thread makes and another
//! frees. The few bytes of a number travel in the message itself instead. Only types of the language count: nobody can
//! tell whether their `Serialize` was called.
use std::any::TypeId;

/// Whether values of the type travel as bytes even within the process.
pub(crate) fn is_scalar<T: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($scalar:ty)*) => { $(TypeId::of::<T>() == TypeId::of::<$scalar>())||* };
    }
    is_one_of!(() bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64)
}
