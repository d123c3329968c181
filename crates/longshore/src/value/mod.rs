//! Values: what goes into a task and what comes out of it.
//!
//! A value stays typed where it was made and is encoded (postcard) only when it travels or spills; [`StoredValue`] holds
//! either form and makes the other on demand. Absent on purpose: self-describing formats. Both ends agree on the types
//! through the function's signature before a byte is sent.
mod array;
mod blob;
mod bulk;
mod decode;
mod element;
mod encode;
mod landed;
mod lend;
mod returned;
mod scalar;
mod size;
mod stored;

#[cfg(test)]
mod tests;

pub use array::{Array, Element, ShapeError};
pub use blob::Blob;
pub(crate) use bulk::put_varint;
pub(crate) use decode::{DecodeError, Decoder, decode};
pub(crate) use encode::{EncodeError, encode_into};
pub use returned::ReturnValue;
pub(crate) use scalar::is_scalar;
pub(crate) use size::nbytes_hint;
pub use stored::StoredValue;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a task may take and give: anything that can be serialized, cloned and shared between threads.
///
/// Implemented for every type that can be one; there is nothing to implement by hand.
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// fn travels<T: longshore::Value>(_: T) {}
/// travels(Point { x: 1.0, y: 2.0 });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument or a result of a task",
    label = "not a value that can travel",
    note = "derive `serde::Serialize`, `serde::Deserialize` and `Clone`, and own everything inside (no references)"
)]
pub trait Value: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Value for T {}
