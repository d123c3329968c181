//! One value, in whichever form it is needed.
use super::encode::encode_shared;
use super::landed::{Landed, decode_payload};
use super::scalar::is_scalar;
use super::{DecodeError, EncodeError, Value, nbytes_hint};
use bytes::Bytes;
use longshore_proto::{LocalValue, Payload, Rope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, type_name};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A result or an input: typed, encoded, or both, each made from the other at most once.
///
/// Cloning is cheap and shares both forms.
#[derive(Clone)]
pub struct StoredValue(Arc<Forms>);

pub(super) type AnyValue = dyn Any + Send + Sync;

struct Forms {
    forms: Made,
    /// Held while one form is made from the other.
    making: Mutex<()>,
}

/// Which form was there first.
enum Made {
    Typed {
        typed: Arc<AnyValue>,
        methods: &'static Methods,
        encoded: OnceLock<Payload>,
    },
    Encoded {
        encoded: Payload,
        typed: OnceLock<Arc<AnyValue>>,
    },
    /// Encoded, and large.
    Landed(Landed),
}

/// What is left of a type when it has been forgotten.
struct Methods {
    type_name: fn() -> &'static str,
    encode: fn(&Arc<AnyValue>) -> Result<Payload, EncodeError>,
    nbytes: fn(&AnyValue) -> usize,
    is_scalar: fn() -> bool,
}

struct MethodsOf<T>(T);

impl<T: Serialize + Send + Sync + 'static> MethodsOf<T> {
    const METHODS: Methods = Methods {
        type_name: type_name::<T>,
        encode: encode_shared::<T>,
        nbytes: |value| value.downcast_ref::<T>().map_or(0, nbytes_hint),
        is_scalar: is_scalar::<T>,
    };
}

impl StoredValue {
    /// Keeps a value as it is.
    pub fn from_typed<T: Value>(value: T) -> Self {
        Self::from_shared(Arc::new(value))
    }

    /// Keeps a value that others hold too.
    pub fn from_shared<T: Serialize + Send + Sync + 'static>(value: Arc<T>) -> Self {
        Self::new(Made::Typed { typed: value, methods: &MethodsOf::<T>::METHODS, encoded: OnceLock::new() })
    }

    /// Keeps the encoded form of a value whose type will be known when it is needed.
    #[must_use]
    pub fn from_encoded(bytes: Bytes) -> Self {
        Self::from_payload(Payload::from(bytes))
    }

    /// Takes a value that travelled.
    #[must_use]
    pub(crate) fn from_payload(payload: Payload) -> Self {
        if let Payload::Local(local) = &payload
            && let Some(stored) = local.as_any().downcast_ref::<StoredValue>()
        {
            return stored.clone();
        }
        Self::new(match Landed::of(payload) {
            Ok(landed) => Made::Landed(landed),
            Err(encoded) => Made::Encoded { encoded, typed: OnceLock::new() },
        })
    }

    fn new(forms: Made) -> Self {
        StoredValue(Arc::new(Forms { forms, making: Mutex::new(()) }))
    }

    /// The value as a message carries it to another process: small ones lie in the payload itself.
    pub(crate) fn payload(&self) -> Result<Payload, EncodeError> {
        let (typed, methods, encoded) = match &self.0.forms {
            Made::Encoded { encoded, .. } => return Ok(encoded.clone()),
            Made::Landed(landed) => return landed.payload(),
            Made::Typed { typed, methods, encoded } => (typed, methods, encoded),
        };
        if let Some(encoded) = encoded.get() {
            return Ok(encoded.clone());
        }
        let _making = self.0.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoded) = encoded.get() {
            return Ok(encoded.clone());
        }
        let payload = (methods.encode)(typed)?;
        Ok(encoded.get_or_init(|| payload).clone())
    }

    /// The value as a message carries it within the process: as it is, unless it is a mere number.
    pub(crate) fn local_payload(&self) -> Payload {
        match &self.0.forms {
            Made::Encoded { encoded: small @ Payload::Small(..), typed } if typed.get().is_none() => {
                small.clone()
            }
            Made::Typed { methods, .. } if (methods.is_scalar)() => match self.payload() {
                Ok(small) => small,
                Err(_) => Payload::Local(Arc::new(self.clone())),
            },
            _ => Payload::Local(Arc::new(self.clone())),
        }
    }

    /// The encoded form.
    ///
    /// # Errors
    /// When the type's own `Serialize` refuses.
    pub(crate) fn encoded(&self) -> Result<Bytes, EncodeError> {
        let refused =
            |reason| EncodeError::Refused { type_name: self.type_name().unwrap_or("value"), reason };
        self.payload()?.to_bytes().map_err(refused)
    }

    /// The value as a `T`, without a copy if it is one already.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub(crate) fn typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<T>, DecodeError> {
        let typed = self.make_typed::<T>()?.clone();
        typed.downcast::<T>().map_err(|_| self.other_type::<T>())
    }

    /// The value as a `T` that lives as long as this handle.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub(crate) fn typed_ref<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<&T, DecodeError> {
        self.make_typed::<T>()?.downcast_ref::<T>().ok_or_else(|| self.other_type::<T>())
    }

    /// The value as a `T` of one's own: taken out if this is the last handle, else a copy.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub(crate) fn into_owned<T: Value>(mut self) -> Result<T, DecodeError> {
        if let Some(Forms { forms: Made::Landed(landed), .. }) = Arc::get_mut(&mut self.0)
            && let Some(value) = landed.take_owned()
        {
            return Ok(value);
        }
        if !self.is_typed()
            && let Ok(encoded) = self.payload()
        {
            // Straight from the bytes: a typed form that others share would have to be copied again.
            return decode_payload(&encoded);
        }
        let shared = self.typed::<T>()?;
        drop(self);
        Ok(Arc::unwrap_or_clone(shared))
    }

    /// The value as a `T`, if that is a mere number and only its bytes are here: reading them costs less than keeping what
    /// was read.
    pub(crate) fn scalar<T: DeserializeOwned + 'static>(&self) -> Option<Result<T, DecodeError>> {
        match &self.0.forms {
            Made::Encoded { encoded, .. } if is_scalar::<T>() => Some(decode_payload(encoded)),
            _ => None,
        }
    }

    fn make_typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<&Arc<AnyValue>, DecodeError> {
        let (encoded, made) = match &self.0.forms {
            Made::Typed { typed, .. } => return Ok(typed),
            Made::Landed(landed) => return landed.make_typed::<T>(),
            Made::Encoded { encoded, typed } => (encoded, typed),
        };
        if let Some(typed) = made.get() {
            return Ok(typed);
        }
        let _making = self.0.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(typed) = made.get() {
            return Ok(typed);
        }
        let value: T = decode_payload(encoded)?;
        Ok(made.get_or_init(|| Arc::new(value)))
    }

    fn other_type<T>(&self) -> DecodeError {
        DecodeError::OtherType {
            wanted: type_name::<T>(),
            found: self.type_name().unwrap_or("value of another type"),
        }
    }

    fn type_name(&self) -> Option<&'static str> {
        match &self.0.forms {
            Made::Typed { methods, .. } => Some((methods.type_name)()),
            Made::Encoded { .. } | Made::Landed(_) => None,
        }
    }

    /// About how many bytes the value takes: exact once it is encoded, an estimate from a sample before.
    pub(crate) fn nbytes_hint(&self) -> usize {
        match &self.0.forms {
            Made::Encoded { encoded, .. } => encoded.nbytes(),
            Made::Landed(landed) => landed.nbytes(),
            Made::Typed { typed, methods, encoded } => {
                encoded.get().map_or_else(|| (methods.nbytes)(&**typed), Payload::nbytes)
            }
        }
    }

    /// Whether the typed form is here.
    pub(crate) fn is_typed(&self) -> bool {
        match &self.0.forms {
            Made::Typed { .. } => true,
            Made::Encoded { typed, .. } => typed.get().is_some(),
            Made::Landed(landed) => landed.is_typed(),
        }
    }
}

impl LocalValue for StoredValue {
    fn encode(&self) -> Result<Rope, String> {
        self.payload().map_err(|e| e.to_string())?.to_rope()
    }

    fn nbytes(&self) -> usize {
        self.nbytes_hint()
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, name) = match self.type_name() {
            Some(name) => ("typed", name),
            None => ("encoded", "unknown yet"),
        };
        write!(f, "StoredValue({first}, {name}, ~{} B)", self.nbytes_hint())
    }
}
