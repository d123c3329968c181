mod landed;
mod large;

use super::decode::DEPTH_MAX;
use super::{DecodeError, EncodeError, StoredValue, Value, encode_into, nbytes_hint};
use bytes::Bytes;
use longshore_proto::Payload;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(f64),
    Box(u8, i32),
    Named { name: String, next: Option<Box<Shape>> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    ints: (i8, i16, i32, i64, i128),
    naturals: (u8, u16, u32, u64, u128),
    floats: (f32, f64),
    text: (char, String, bool, ()),
    shapes: Vec<Shape>,
    table: BTreeMap<String, Option<u16>>,
    array: [u8; 4],
}

fn everything(sign: i8) -> Everything {
    let s = i64::from(sign);
    Everything {
        ints: (sign, i16::MIN, i32::MAX, s << 60, i128::from(s) << 120),
        naturals: (255, 300, u32::MAX, u64::MAX, u128::MAX),
        floats: (1.5, -0.0),
        text: ('ß', "grüße".to_owned(), sign > 0, ()),
        shapes: vec![
            Shape::Dot,
            Shape::Circle(2.0),
            Shape::Box(1, -1),
            Shape::Named { name: "n".to_owned(), next: Some(Box::new(Shape::Dot)) },
        ],
        table: BTreeMap::from([("a".to_owned(), Some(1)), ("b".to_owned(), None)]),
        array: [1, 2, 3, 4],
    }
}

fn encode<T: Value>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(value, &mut out).unwrap();
    out
}

fn decode<T: Value>(bytes: &[u8]) -> Result<T, DecodeError> {
    super::decode(bytes, None)
}

fn same_as_postcard<T: Value + PartialEq + Debug>(value: &T) {
    let bytes = encode(value);
    assert_eq!(bytes, postcard::to_allocvec(value).unwrap());
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    for end in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(decode::<T>(&longer), Err(DecodeError::TrailingBytes(1)));
}

#[test]
fn reads_and_writes_what_postcard_does() {
    same_as_postcard(&everything(1));
    same_as_postcard(&everything(-1));
    same_as_postcard(&(u16::MAX, i16::MIN, u64::MAX - 1, i64::MIN, i128::MIN));
    same_as_postcard(&"x".repeat(300));
}

#[test]
fn shortcuts_write_the_same_bytes() {
    same_as_postcard(&(0..=255).collect::<Vec<u8>>());
    same_as_postcard(&vec![1.0f64, -2.5, f64::INFINITY]);
    same_as_postcard(&vec![1.0f32, -2.5]);
    assert_eq!(encode(&vec![0u8; 0]), [0]);
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    assert_eq!(decode::<u16>(&[0xff, 0xff, 0x07]), Err(DecodeError::NumberTooLarge));
    assert_eq!(decode::<u16>(&[0xff, 0xff, 0x03]), Ok(u16::MAX));
    assert_eq!(decode::<u64>(&[0xff; 11]), Err(DecodeError::NumberTooLarge));
    assert_eq!(decode::<u128>(&[0xff; 30]), Err(DecodeError::NumberTooLarge));
    assert_eq!(decode::<bool>(&[2]), Err(DecodeError::BadTag(2)));
    assert_eq!(decode::<Option<u8>>(&[7, 1]), Err(DecodeError::BadTag(7)));
    assert_eq!(decode::<char>(&[2, b'a', b'b']), Err(DecodeError::BadText));
    assert_eq!(decode::<String>(&[1, 0xff]), Err(DecodeError::BadText));
}

#[derive(Clone, Serialize, Deserialize)]
struct List {
    next: Option<Box<List>>,
}

fn list(len: usize) -> Vec<u8> {
    let mut bytes = vec![1; len];
    bytes.push(0);
    bytes
}

#[test]
fn nesting_is_bounded_before_the_stack_ends() {
    // Each element is a struct within an option.
    let fits = DEPTH_MAX as usize / 2 - 1;
    assert!(decode::<List>(&list(fits)).is_ok());
    assert!(matches!(decode::<List>(&list(1_000_000)), Err(DecodeError::TooDeep)));
}

#[test]
fn lengths_are_not_believed() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(decode::<Vec<u64>>(&huge), Err(DecodeError::Truncated));
    assert_eq!(decode::<Vec<f64>>(&huge), Err(DecodeError::Truncated));
    assert_eq!(decode::<Vec<u8>>(&huge), Err(DecodeError::Truncated));
    assert_eq!(decode::<String>(&huge), Err(DecodeError::Truncated));
    assert_eq!(decode::<Vec<()>>(&huge), Err(DecodeError::TooLong));
    assert_eq!(decode::<Vec<()>>(&[3]), Ok(vec![(), (), ()]));
}

#[test]
fn any_bytes_are_a_value_or_an_error() {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let mut values = 0;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random() % 40).map(|_| random() % 8).collect();
        values += u32::from(decode::<Shape>(&bytes).is_ok());
        values += u32::from(decode::<Vec<Option<Shape>>>(&bytes).is_ok());
        values += u32::from(decode::<HashMap<String, u8>>(&bytes).is_ok());
        values += u32::from(decode::<Everything>(&bytes).is_ok());
    }
    assert!(values > 100, "the bytes hit some values too: {values}");
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
}

#[test]
fn types_that_need_another_format_say_so() {
    let error = decode::<Untagged>(&[2]).unwrap_err();
    assert!(error.to_string().contains("self-describing"), "{error}");
}

#[test]
fn a_value_is_converted_once_and_shared() {
    let stored = StoredValue::from_typed(vec![1i64, 2, 3]);
    assert!(stored.is_typed());
    let encoded = stored.encoded().unwrap();
    assert_eq!(encoded, [3, 2, 4, 6][..]);
    let received = StoredValue::from_encoded(encoded);
    assert!(!received.is_typed());
    let (a, b) = (received.typed::<Vec<i64>>().unwrap(), received.clone().typed::<Vec<i64>>().unwrap());
    assert!(Arc::ptr_eq(&a, &b));
    assert_eq!(*a, [1, 2, 3]);
    assert_eq!(received.encoded().unwrap(), [3, 2, 4, 6][..]);
}

#[test]
fn another_type_is_an_error_that_names_both() {
    let stored = StoredValue::from_typed(5i64);
    let error = stored.typed::<String>().unwrap_err();
    assert!(error.to_string().contains("i64") && error.to_string().contains("String"), "{error}");
    assert!(StoredValue::from_encoded(Bytes::from_static(&[5])).typed::<String>().is_err());
}

#[test]
fn a_value_stays_itself_within_the_process() {
    let stored = StoredValue::from_typed("a".repeat(100));
    let payload = stored.local_payload();
    assert!(matches!(payload, Payload::Local(_)));
    let received = StoredValue::from_payload(payload.clone());
    assert!(Arc::ptr_eq(&stored.typed::<String>().unwrap(), &received.typed::<String>().unwrap()));
    let travelled = StoredValue::from_payload(payload.to_bytes().unwrap().into());
    assert_eq!(*travelled.typed::<String>().unwrap(), "a".repeat(100));
}

#[test]
fn a_mere_number_travels_as_bytes_within_the_process_too() {
    let payload = StoredValue::from_typed(-5i64).local_payload();
    assert!(matches!(payload, Payload::Small(..)));
    assert_eq!(*StoredValue::from_payload(payload).typed::<i64>().unwrap(), -5);
}

#[test]
fn bytes_are_taken_from_the_message_without_a_copy() {
    let message = Bytes::from([&[100][..], &[7; 100]].concat());
    let begin = message.as_ptr();
    let taken = super::bulk::shared_bytes(&message).unwrap();
    assert_eq!(taken.len(), 100);
    assert_eq!(taken.as_ptr(), begin.wrapping_add(1));
}

#[derive(Clone, Deserialize)]
struct Unwilling;

impl Serialize for Unwilling {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn a_type_that_refuses_is_named() {
    let error = StoredValue::from_typed(Unwilling).encoded().unwrap_err();
    assert!(matches!(error, EncodeError::Refused { .. }));
    assert!(error.to_string().contains("Unwilling"), "{error}");
}

#[test]
fn sizes_are_about_right() {
    let about =
        |hint: usize, exact: usize| assert!(hint >= exact / 2 && hint <= exact * 2, "{hint} for {exact}");
    about(nbytes_hint(&vec![1u8; 1 << 20]), 1 << 20);
    about(nbytes_hint(&vec![1.0f64; 1 << 10]), 8 << 10);
    about(nbytes_hint(&vec![vec![1u32; 100]; 1000]), 400_000);
    about(nbytes_hint(&vec!["x".repeat(100); 10_000]), 1_000_000);
    about(nbytes_hint(&(0..1000u64).map(|n| (n, n)).collect::<BTreeMap<_, _>>()), 16_000);
    assert_eq!(nbytes_hint(&()), 1);
    assert!(nbytes_hint(&everything(1)) > 100);
    assert_eq!(StoredValue::from_encoded(Bytes::from_static(&[1; 30])).nbytes_hint(), 30);
}
