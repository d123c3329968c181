//! Turning values into bytes.
use super::{bulk, lend};
use bytes::Bytes;
use longshore_proto::{Payload, Rope};
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use std::any::{Any, type_name};
use std::sync::Arc;

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
    postcard::serialize_with_flavor(value, Appending(out)).map_err(refused::<T>)
}

fn refused<T>(e: postcard::Error) -> EncodeError {
    EncodeError::Refused { type_name: type_name::<T>(), reason: e.to_string() }
}

/// The encoded form of a shared value, in which its large buffers stay where they are.
///
/// # Errors
/// When the type refuses.
pub(super) fn encode_shared<T>(value: &Arc<dyn Any + Send + Sync>) -> Result<Payload, EncodeError>
where
    T: Serialize + Send + Sync + 'static,
{
    if let Some(rope) = bulk::encode_shared(value) {
        return Ok(rope.into());
    }
    let Some(value) = value.downcast_ref::<T>() else { return Ok(Payload::empty()) };
    let mut gathering = Gathering::default();
    if !bulk::encode(value, &mut gathering.last) {
        postcard::serialize_with_flavor(value, &mut gathering).map_err(refused::<T>)?;
    }
    Ok(gathering.finish())
}

/// Writes small things one behind the other, and leaves large buffers where they are.
#[derive(Default)]
struct Gathering {
    parts: Vec<Bytes>,
    /// The sum of the parts.
    nbytes: usize,
    last: Vec<u8>,
}

impl Gathering {
    /// Takes a buffer whose length was just written. The field before it is empty and there to be filled up if the
    /// buffer is to begin at a certain place.
    fn take(&mut self, lent: lend::Lent) {
        let mut length = Vec::new();
        bulk::put_varint(lent.bytes.len() as u64, &mut length);
        let missing =
            (self.nbytes + self.last.len()).next_multiple_of(lent.align) - self.nbytes - self.last.len();
        if missing > 0 && self.last.ends_with(&[&[0], &*length].concat()) {
            self.last.truncate(self.last.len() - length.len() - 1);
            self.last.push(missing as u8);
            self.last.resize(self.last.len() + missing, 0);
            self.last.extend_from_slice(&length);
        }
        self.close();
        self.nbytes += lent.bytes.len();
        self.parts.push(lent.bytes);
    }

    fn close(&mut self) {
        self.nbytes += self.last.len();
        self.parts.push(std::mem::take(&mut self.last).into());
    }

    fn finish(mut self) -> Payload {
        if self.parts.is_empty() {
            return self.last.into();
        }
        self.close();
        Rope::new(self.parts).into()
    }
}

impl Flavor for &mut Gathering {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        match lend::offered(data) {
            Some(lent) => self.take(lent),
            None => self.last.extend_from_slice(data),
        }
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.last.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
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
