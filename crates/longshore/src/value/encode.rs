//! Turning values into bytes.
use super::bulk;
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use std::any::type_name;

/// A value that cannot be turned into bytes.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EncodeError {
    /// The type's own `Serialize` refused, or wants a form that cannot be written without knowing lengths beforehand.
    #[error("a value of type {type_name} cannot be encoded: {reason}")]
    Refused { type_name: &'static str, reason: String },
    /// A closure has no form that could travel.
    #[error(
        "{function} is a `local` closure and runs only on workers of this process; make it a #[task] fn or a lambda! to send it elsewhere"
    )]
    Local { function: String },
}

/// Appends the encoded form of `value`.
///
/// # Errors
/// When the type refuses; what was written until then stays in `out`.
pub(crate) fn encode_into<T: Serialize + 'static>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if bulk::encode(value, out) {
        return Ok(());
    }
    let refused =
        |e: postcard::Error| EncodeError::Refused { type_name: type_name::<T>(), reason: e.to_string() };
    postcard::serialize_with_flavor(value, Appending(out)).map_err(refused)
}

/// Writes where the caller wants it, so that arguments are encoded straight into their message.
struct Appending<'a>(&'a mut Vec<u8>);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
