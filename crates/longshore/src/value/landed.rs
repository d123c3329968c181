//! Large values as they came in.
//!
//! A vector of bytes or a text *is* the memory that its bytes came into, so its typed form takes that over; and since such
//! values are sent from where they lie ([`bulk::encode_shared`]), the encoded form is not missed. Of other values both forms
//! stay, as of small ones.
use super::decode::{DecodeError, decode_parts};
use super::encode::EncodeError;
use super::lend::LEND_BYTES_MIN;
use super::stored::AnyValue;
use super::{bulk, decode};
use longshore_proto::Payload;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A value that was encoded first, and its typed form once somebody wanted it.
pub(super) struct Landed {
    /// `None` while the typed form takes it over, and for good if it did.
    encoded: Mutex<Option<Payload>>,
    nbytes: usize,
    typed: OnceLock<Arc<AnyValue>>,
    /// Held while the typed form is made.
    making: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Landed {
    /// Takes a payload of encoded bytes, if they are many.
    pub(super) fn of(payload: Payload) -> Result<Self, Payload> {
        let nbytes = match &payload {
            Payload::Bytes(_) | Payload::Rope(_) => payload.nbytes(),
            Payload::Small(..) | Payload::Copied(_) | Payload::Local(_) => 0,
        };
        if nbytes < LEND_BYTES_MIN {
            return Err(payload);
        }
        let encoded = Mutex::new(Some(payload));
        Ok(Landed { encoded, nbytes, typed: OnceLock::new(), making: Mutex::new(()) })
    }

    /// Size of the encoded form, whether it is still there or not.
    pub(super) fn nbytes(&self) -> usize {
        self.nbytes
    }

    pub(super) fn is_typed(&self) -> bool {
        self.typed.get().is_some()
    }

    /// The encoded form.
    pub(super) fn payload(&self) -> Result<Payload, EncodeError> {
        let here = |landed: &Self| lock(&landed.encoded).clone();
        if let Some(payload) = here(self) {
            return Ok(payload);
        }
        // It is being taken over, or was.
        let _making = lock(&self.making);
        let again = || self.typed.get().and_then(bulk::encode_shared).map(Payload::from);
        here(self).or_else(again).ok_or(EncodeError::Refused {
            type_name: "value",
            reason: "its bytes were taken out while somebody still held it".to_owned(),
        })
    }

    /// The typed form, made now if it must be.
    pub(super) fn make_typed<T>(&self) -> Result<&Arc<AnyValue>, DecodeError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        if let Some(typed) = self.typed.get() {
            return Ok(typed);
        }
        let _making = lock(&self.making);
        if let Some(typed) = self.typed.get() {
            return Ok(typed);
        }
        let value = match self.take_over::<T>() {
            Some(value) => value,
            None => decode_payload::<T>(&self.payload_here())?,
        };
        let typed: Arc<AnyValue> = Arc::new(value);
        if bulk::encode_shared(&typed).is_some() {
            // Nobody needs the bytes twice.
            *lock(&self.encoded) = None;
        }
        Ok(self.typed.get_or_init(|| typed))
    }

    /// The value out of memory that nobody else holds.
    pub(super) fn take_owned<T: 'static>(&mut self) -> Option<T> {
        if self.is_typed() { None } else { self.take_over() }
    }

    fn payload_here(&self) -> Payload {
        lock(&self.encoded).clone().unwrap_or_else(Payload::empty)
    }

    /// The encoded form as a `T`, if its memory is one and nobody else holds it.
    fn take_over<T: 'static>(&self) -> Option<T> {
        if !bulk::is_memory::<T>() {
            return None;
        }
        let payload = lock(&self.encoded).take()?;
        match bulk::take_over(payload) {
            Ok(value) => Some(value),
            Err(payload) => {
                *lock(&self.encoded) = Some(payload);
                None
            }
        }
    }
}

/// Reads a `T` from an encoded payload.
pub(super) fn decode_payload<T: DeserializeOwned + 'static>(payload: &Payload) -> Result<T, DecodeError> {
    match payload {
        Payload::Bytes(bytes) => decode(bytes, Some(bytes)),
        Payload::Rope(rope) => decode_parts(rope),
        Payload::Small(..) | Payload::Copied(_) => decode(payload.as_bytes().unwrap_or_default(), None),
        Payload::Local(_) => {
            let bytes = payload.to_bytes().map_err(DecodeError::Refused)?;
            decode(&bytes, Some(&bytes))
        }
    }
}
