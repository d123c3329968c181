//! Shortcuts for the types that big values are made of.
//!
//! Serde walks a `Vec<u8>` byte by byte. The bytes that come out are those of the vector, so they are copied at once, or
//! stay where they are; the same goes for floats. The result is what postcard would have written, to the byte.
use super::decode::{DecodeError, Decoder};
use super::lend::LEND_BYTES_MIN;
use bytemuck::NoUninit;
use bytes::{Buf, Bytes};
use longshore_proto::{Payload, Rope};
use std::any::{Any, TypeId};
use std::sync::Arc;

/// Writes `value` if it is one of the types known here.
pub(super) fn encode<T: 'static>(value: &T, out: &mut Vec<u8>) -> bool {
    let value: &dyn Any = value;
    if let Some(v) = value.downcast_ref::<Vec<u8>>() {
        begin(v.len(), v.len(), out);
        out.extend_from_slice(v);
    } else if let Some(v) = value.downcast_ref::<Bytes>() {
        begin(v.len(), v.len(), out);
        out.extend_from_slice(v);
    } else if let Some(v) = value.downcast_ref::<Vec<f64>>() {
        begin(v.len(), v.len() * 8, out);
        v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
    } else if let Some(v) = value.downcast_ref::<Vec<f32>>() {
        begin(v.len(), v.len() * 4, out);
        v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
    } else {
        return false;
    }
    true
}

/// Size in memory, if `value` is one of the types known here.
pub(super) fn nbytes<T: 'static>(value: &T) -> Option<usize> {
    let value: &dyn Any = value;
    None.or_else(|| value.downcast_ref::<Vec<u8>>().map(Vec::len))
        .or_else(|| value.downcast_ref::<Bytes>().map(Bytes::len))
        .or_else(|| value.downcast_ref::<String>().map(String::len))
        .or_else(|| value.downcast_ref::<Vec<f64>>().map(|v| v.len() * 8))
        .or_else(|| value.downcast_ref::<Vec<f32>>().map(|v| v.len() * 4))
}

/// Reads a `T`, if it is one of the types known here.
pub(super) fn decode<T: 'static>(decoder: &mut Decoder<'_>) -> Option<Result<T, DecodeError>> {
    let mut slot: Option<T> = None;
    let any: &mut dyn Any = &mut slot;
    let outcome = if let Some(slot) = any.downcast_mut::<Option<Vec<u8>>>() {
        fill(slot, decoder.run(1), <[u8]>::to_vec)
    } else if let Some(slot) = any.downcast_mut::<Option<Bytes>>() {
        let run = decoder.run(1);
        fill(slot, run, |run| decoder.share(run))
    } else if let Some(slot) = any.downcast_mut::<Option<Vec<f64>>>() {
        fill(slot, decoder.run(8), |run| chunks(run).map(f64::from_le_bytes).collect())
    } else if let Some(slot) = any.downcast_mut::<Option<Vec<f32>>>() {
        fill(slot, decoder.run(4), |run| chunks(run).map(f32::from_le_bytes).collect())
    } else {
        return None;
    };
    Some(outcome.and_then(|()| slot.ok_or(DecodeError::Truncated)))
}

/// Whether a `T` is the memory its bytes lie in, so that [`take_over`] may make one without a copy.
pub(super) fn is_memory<T: 'static>() -> bool {
    [TypeId::of::<Vec<u8>>(), TypeId::of::<String>()].contains(&TypeId::of::<T>())
}

/// Makes a `T` of an encoded form that nobody else holds, without a copy.
///
/// # Errors
/// The payload, if that cannot be.
pub(super) fn take_over<T: 'static>(payload: Payload) -> Result<T, Payload> {
    let mut slot: Option<T> = None;
    let any: &mut dyn Any = &mut slot;
    if let Some(slot) = any.downcast_mut::<Option<Vec<u8>>>() {
        *slot = Some(body(payload)?);
    } else if let Some(slot) = any.downcast_mut::<Option<String>>() {
        let text = String::from_utf8(body(payload)?);
        *slot = Some(text.map_err(|e| Payload::from(run_of(e.into_bytes().into())))?);
    } else {
        return Err(payload);
    }
    slot.ok_or_else(Payload::empty)
}

/// The bytes behind a length, if they are all there is and nobody else holds them. Not if they are fewer than are lent: what
/// is taken over must be able to travel from where it is then.
fn body(payload: Payload) -> Result<Vec<u8>, Payload> {
    let body = match payload {
        Payload::Bytes(mut bytes) => {
            let mut decoder = Decoder::new(&bytes);
            let (len, left) = (decoder.len(), decoder.left());
            if len != Ok(left) || left < LEND_BYTES_MIN || !bytes.is_unique() {
                return Err(Payload::Bytes(bytes));
            }
            bytes.advance(bytes.len() - left);
            *bytes
        }
        Payload::Rope(rope) => {
            let [head, body] = rope.parts() else { return Err(Payload::Rope(rope)) };
            let mut length = Decoder::new(head);
            if length.len() != Ok(body.len()) || length.left() > 0 || body.len() < LEND_BYTES_MIN {
                return Err(Payload::Rope(rope));
            }
            let mut parts = rope.into_parts()?;
            match parts.pop() {
                Some(body) if body.is_unique() => body,
                body => {
                    parts.extend(body);
                    return Err(Rope::new(parts).into());
                }
            }
        }
        other => return Err(other),
    };
    Ok(body.into())
}

/// Bytes behind their length.
fn run_of(bytes: Bytes) -> Rope {
    let mut length = Vec::new();
    put_varint(bytes.len() as u64, &mut length);
    Rope::new(vec![length.into(), bytes])
}

/// The encoded form of a large value of one of the types known here, which stays where it is.
pub(super) fn encode_shared(value: &Arc<dyn Any + Send + Sync>) -> Option<Rope> {
    // Elsewhere the bytes of a float are not those that travel.
    let floats = cfg!(target_endian = "little");
    let (len, bytes) = elements::<u8>(value)
        .or_else(|| value.downcast_ref::<Bytes>().map(|bytes| (bytes.len(), bytes.clone())))
        .or_else(|| text(value))
        .or_else(|| floats.then(|| elements::<f64>(value)).flatten())
        .or_else(|| floats.then(|| elements::<f32>(value)).flatten())?;
    if bytes.len() < LEND_BYTES_MIN {
        return None;
    }
    let mut length = Vec::new();
    // Of a vector of floats that is not the number of bytes.
    put_varint(len as u64, &mut length);
    Some(Rope::new(vec![length.into(), bytes]))
}

/// A shared vector as bytes.
struct Elements<T>(Arc<Vec<T>>);

impl<T: NoUninit> AsRef<[u8]> for Elements<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

fn elements<T: NoUninit + Send + Sync>(value: &Arc<dyn Any + Send + Sync>) -> Option<(usize, Bytes)> {
    if !value.is::<Vec<T>>() {
        return None;
    }
    let elements: Arc<Vec<T>> = value.clone().downcast().ok()?;
    Some((elements.len(), Bytes::from_owner(Elements(elements))))
}

/// A shared string as bytes.
struct Text(Arc<String>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn text(value: &Arc<dyn Any + Send + Sync>) -> Option<(usize, Bytes)> {
    if !value.is::<String>() {
        return None;
    }
    let text: Arc<String> = value.clone().downcast().ok()?;
    Some((text.len(), Bytes::from_owner(Text(text))))
}

fn fill<'a, T>(
    slot: &mut Option<T>,
    run: Result<&'a [u8], DecodeError>,
    make: impl FnOnce(&'a [u8]) -> T,
) -> Result<(), DecodeError> {
    *slot = Some(make(run?));
    Ok(())
}

fn chunks<const N: usize>(run: &[u8]) -> impl Iterator<Item = [u8; N]> {
    run.chunks_exact(N).map(|chunk| {
        let mut array = [0; N];
        array.copy_from_slice(chunk);
        array
    })
}

fn begin(len: usize, nbytes: usize, out: &mut Vec<u8>) {
    out.reserve(nbytes + 10);
    put_varint(len as u64, out);
}

/// Writes a length or an index the way postcard does.
pub(crate) fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[cfg(test)]
pub(super) fn shared_bytes(message: &Bytes) -> Result<Bytes, DecodeError> {
    decode(&mut Decoder::shared(message)).unwrap_or(Err(DecodeError::Truncated))
}
