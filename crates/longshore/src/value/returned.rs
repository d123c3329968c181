//! What a task's function returned, before anybody knows where it goes.
//!
//! Wherever that is, a mere number travels as its bytes, so it becomes those at once and is never shared: sharing costs
//! two allocations here and one more, freed by another thread, at each of its later stations.
use super::scalar::is_scalar;
use super::{StoredValue, Value};
use longshore_proto::Payload;

/// A function's result.
#[derive(Debug)]
pub enum ReturnValue {
    /// A mere number, encoded.
    Scalar(Payload),
    /// Anything else, as it is.
    Value(StoredValue),
}

impl ReturnValue {
    /// What a function returned.
    pub fn of<T: Value>(value: T) -> Self {
        match encode_scalar(&value) {
            Some(scalar) => ReturnValue::Scalar(scalar),
            None => ReturnValue::Value(StoredValue::from_typed(value)),
        }
    }

    /// For whoever is in this process and wants it.
    pub(crate) fn store(self) -> StoredValue {
        match self {
            ReturnValue::Scalar(scalar) => StoredValue::from_payload(scalar),
            ReturnValue::Value(value) => value,
        }
    }
}

/// The encoded form of a mere number.
fn encode_scalar<T: Value>(value: &T) -> Option<Payload> {
    /// The longest that a number becomes.
    const SCALAR_BYTES_MAX: usize = 19;
    if !is_scalar::<T>() {
        return None;
    }
    let mut bytes = [0; SCALAR_BYTES_MAX];
    let used = postcard::to_slice(value, &mut bytes).ok()?;
    Some(Payload::copy_from(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_its_bytes_and_nothing_else_is() {
        let longest = ReturnValue::of(i128::MIN);
        assert!(matches!(longest, ReturnValue::Scalar(Payload::Small(19, _))), "{longest:?}");
        assert_eq!(*longest.store().typed::<i128>().unwrap(), i128::MIN);
        assert!(matches!(ReturnValue::of(()), ReturnValue::Scalar(Payload::Small(0, _))));
        assert!(matches!(ReturnValue::of('\u{10ffff}'), ReturnValue::Scalar(_)));
        assert!(matches!(ReturnValue::of((1, 2)), ReturnValue::Value(_)));
        assert!(matches!(ReturnValue::of("x".to_owned()), ReturnValue::Value(_)));
    }
}
