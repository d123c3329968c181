//! Values that came in: what becomes of the memory that their bytes lie in.
use crate::value::lend::LEND_BYTES_MIN;
use crate::value::{Array, Blob, StoredValue, Value, encode_into};
use bytes::Bytes;
use longshore_proto::{Payload, Rope};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

const NBYTES: usize = 300_000;

fn content(nbytes: usize) -> Vec<u8> {
    (0..nbytes).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// What a receiver has of a value: the bytes before its one large buffer, and that buffer in memory of its own.
fn apart<T: Value>(value: &T) -> Rope {
    let sent = StoredValue::from_typed(value.clone()).payload().unwrap().to_rope().unwrap();
    assert!(sent.head_nbytes() > 0);
    Rope::new(sent.parts().iter().map(|part| Bytes::from(part.to_vec())).collect())
}

fn received(rope: &Rope) -> StoredValue {
    StoredValue::from_payload(rope.clone().into())
}

#[test]
fn bytes_and_text_are_the_memory_they_came_into() {
    let rope = apart(&content(NBYTES));
    let (place, wire) = (rope.parts()[1].as_ptr(), rope.to_bytes());
    let stored = StoredValue::from_payload(rope.into());
    let hint = stored.nbytes_hint();
    let typed = stored.typed::<Vec<u8>>().unwrap();
    assert_eq!((typed.as_ptr(), &**typed), (place, &*content(NBYTES)));
    let Payload::Rope(again) = stored.payload().unwrap() else { panic!("copied") };
    assert_eq!(again.parts()[1].as_ptr(), place, "it is kept once");
    assert_eq!((again.to_bytes(), stored.nbytes_hint()), (wire, hint));

    let rope = apart(&"ä".repeat(NBYTES));
    let place = rope.parts()[1].as_ptr();
    let text: String = StoredValue::from_payload(rope.into()).into_owned().unwrap();
    assert_eq!(text.as_ptr(), place);
}

#[test]
fn bytes_in_one_place_with_their_length_are_taken_over_too() {
    let wire = Bytes::from(apart(&content(NBYTES)).to_bytes().to_vec());
    let memory = wire.as_ptr_range();
    let taken: Vec<u8> = StoredValue::from_encoded(wire).into_owned().unwrap();
    assert!(memory.contains(&taken.as_ptr()) && taken == content(NBYTES));
}

#[test]
fn memory_that_others_hold_is_copied() {
    let rope = apart(&content(NBYTES));
    let stored = received(&rope);
    assert_eq!(stored.clone().into_owned::<Vec<u8>>().unwrap(), content(NBYTES));
    assert_eq!(rope.to_bytes(), stored.encoded().unwrap());
    let part = rope.parts()[1].clone();
    let typed = StoredValue::from_payload(rope.into()).typed::<Vec<u8>>().unwrap();
    assert!(typed.as_ptr() != part.as_ptr() && **typed == *part);
    let handle = received(&apart(&content(NBYTES)));
    let other = handle.clone();
    assert_eq!(handle.into_owned::<Vec<u8>>().unwrap(), content(NBYTES));
    assert_eq!(other.into_owned::<Vec<u8>>().unwrap(), content(NBYTES));
}

#[test]
fn what_is_no_such_value_stays_what_it_is() {
    let bytes = [&content(NBYTES)[..], &[0xff]].concat();
    let stored = StoredValue::from_payload(apart(&bytes).into());
    assert!(stored.typed::<String>().is_err());
    assert_eq!(*stored.typed::<Vec<u8>>().unwrap(), bytes);
    let rope = apart(&content(NBYTES));
    for wrong in [vec![1u8, 0], vec![0xff; 20], vec![]] {
        let parts = Rope::new(vec![wrong.into(), rope.parts()[1].clone()]);
        assert!(StoredValue::from_payload(parts.into()).typed::<Vec<u8>>().is_err());
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Picture {
    name: String,
    pixels: Blob,
}

fn borrows<T: Value + PartialEq + Debug>(value: &T, place: impl Fn(&T) -> *const u8) {
    let rope = apart(value);
    let stored = received(&rope);
    let typed = stored.typed::<T>().unwrap();
    assert_eq!((&*typed, place(&typed)), (value, rope.parts()[1].as_ptr()));
    assert_eq!(stored.encoded().unwrap(), rope.to_bytes());
}

#[test]
fn blobs_and_arrays_borrow_a_buffer_that_stands_apart() {
    borrows(&Blob::from(content(NBYTES)), |blob| blob.as_ptr());
    borrows(&Picture { name: "p".into(), pixels: content(NBYTES).into() }, |p| p.pixels.as_ptr());
    let floats: Array<f64> = (0..NBYTES).map(|n| n as f64 / 3.0).collect();
    borrows(&floats, |floats| floats.as_ptr().cast());
}

#[test]
fn floats_are_kept_once() {
    let floats: Vec<f64> = (0..NBYTES).map(|n| n as f64 / 3.0).collect();
    let rope = apart(&floats);
    let (wire, body) = (rope.to_bytes(), rope.parts()[1].clone());
    let stored = StoredValue::from_payload(rope.into());
    let typed = stored.typed::<Vec<f64>>().unwrap();
    assert_eq!((&*typed, stored.encoded().unwrap()), (&floats, wire));
    assert!(body.is_unique(), "the bytes they came in are let go of");
}

#[test]
fn parts_that_were_cut_anywhere_are_read_all_the_same() {
    let value = Picture { name: "n".repeat(LEND_BYTES_MIN), pixels: content(NBYTES).into() };
    let wire = apart_anywhere(&value);
    for cuts in [[1, 2], [3, 1000], [LEND_BYTES_MIN, LEND_BYTES_MIN + 5], [40_000, 200_000]] {
        let rope =
            Rope::new(vec![wire.slice(..cuts[0]), wire.slice(cuts[0]..cuts[1]), wire.slice(cuts[1]..)]);
        assert_eq!(*received(&rope).typed::<Picture>().unwrap(), value);
        let short = rope.slice(0, wire.len() - 1);
        assert!(received(&short).typed::<Picture>().is_err());
    }
}

fn apart_anywhere<T: Value>(value: &T) -> Bytes {
    StoredValue::from_typed(value.clone()).encoded().unwrap()
}

#[test]
fn what_is_just_large_enough_to_land_can_travel_on() {
    for len in LEND_BYTES_MIN - 5..LEND_BYTES_MIN + 2 {
        let value = content(len);
        let mut wire = Vec::new();
        encode_into(&value, &mut wire).unwrap();
        let stored = StoredValue::from_payload(Bytes::from(wire.clone()).into());
        assert_eq!(*stored.typed::<Vec<u8>>().unwrap(), value);
        assert_eq!(stored.encoded().unwrap(), wire, "{len} bytes");
    }
}
