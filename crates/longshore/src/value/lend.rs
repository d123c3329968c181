//! Buffers that go into an encoding, and come out of one, without being copied.
//!
//! Serde hands bytes over as a slice, which says where they are and not who owns them. So a [`Blob`](crate::Blob) lays its
//! owner beside the slice, in a place of the thread, for as long as the slice is being handed over; whoever writes the
//! encoding looks there, and if the slice is the same one, keeps a share of the owner in place of a copy. Reading is the
//! same thing the other way round: the decoder lays down the buffer it reads from. Other serde formats look nowhere, and
//! copy as always.
use bytes::Bytes;
use std::cell::RefCell;

/// What is smaller is copied: a share has its price, and a small slice of a large buffer keeps all of it.
pub(super) const LEND_BYTES_MIN: usize = 32 * 1024;

/// A buffer that is being handed over.
#[derive(Clone, Debug)]
pub(super) struct Lent {
    pub(super) bytes: Bytes,
    /// Its place within the value should be a multiple of this.
    pub(super) align: usize,
}

thread_local! {
    static OFFERED: RefCell<Option<Lent>> = const { RefCell::new(None) };
    static SOURCE: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// Puts something in a place of the thread, and back what was there before.
struct Laid<T: 'static>(&'static std::thread::LocalKey<RefCell<Option<T>>>, Option<T>);

impl<T> Laid<T> {
    fn down(place: &'static std::thread::LocalKey<RefCell<Option<T>>>, thing: T) -> Self {
        Laid(place, place.replace(Some(thing)))
    }
}

impl<T> Drop for Laid<T> {
    fn drop(&mut self) {
        self.0.set(self.1.take());
    }
}

/// Has `write` hand over these very bytes, with their owner beside them.
pub(super) fn offering<R>(bytes: &Bytes, align: usize, write: impl FnOnce(&[u8]) -> R) -> R {
    if bytes.len() < LEND_BYTES_MIN {
        return write(bytes);
    }
    let _laid = Laid::down(&OFFERED, Lent { bytes: bytes.clone(), align });
    write(bytes)
}

/// The owner of this slice, if it is being handed over.
pub(super) fn offered(slice: &[u8]) -> Option<Lent> {
    if slice.len() < LEND_BYTES_MIN {
        return None;
    }
    OFFERED.with_borrow_mut(|offered| {
        let is_same =
            |lent: &mut Lent| lent.bytes.as_ptr() == slice.as_ptr() && lent.bytes.len() == slice.len();
        offered.take_if(is_same)
    })
}

/// Runs `read`, which may keep shares of this buffer.
pub(super) fn reading<R>(source: Option<&Bytes>, read: impl FnOnce() -> R) -> R {
    match source.filter(|source| source.len() >= LEND_BYTES_MIN) {
        Some(source) => {
            let _laid = Laid::down(&SOURCE, source.clone());
            read()
        }
        // Slices of other buffers are recognised as such, so what is there may stay.
        None => read(),
    }
}

/// An owned form of a slice: a share of the buffer that is being read if it is part of that, else a copy.
pub(super) fn keep(slice: &[u8]) -> Bytes {
    if slice.len() < LEND_BYTES_MIN {
        return Bytes::copy_from_slice(slice);
    }
    let share = SOURCE.with_borrow(|source| share_of(source.as_ref()?, slice));
    share.unwrap_or_else(|| Bytes::copy_from_slice(slice))
}

/// A share of a buffer, if the slice is part of it.
pub(super) fn share_of(buffer: &Bytes, slice: &[u8]) -> Option<Bytes> {
    let at = (slice.as_ptr() as usize).checked_sub(buffer.as_ptr() as usize)?;
    let end = at.checked_add(slice.len())?;
    (end <= buffer.len()).then(|| buffer.slice(at..end))
}
