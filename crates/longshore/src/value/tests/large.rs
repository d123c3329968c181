//! Values that are much data: what is copied, and what is not.
use crate::value::lend::LEND_BYTES_MIN;
use crate::value::{Array, Blob, DecodeError, Element, StoredValue, Value, decode};
use bytes::Bytes;
use longshore_proto::Payload;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parts of a value's encoding, and all of it in one place, as a receiver has it.
fn sent<T: Value>(value: &T) -> (Vec<Bytes>, Bytes) {
    let rope = StoredValue::from_typed(value.clone()).payload().unwrap().to_rope().unwrap();
    // As a receiver would have read it: into memory of the allocator's.
    (rope.parts().to_vec(), Bytes::from(rope.parts().concat()))
}

fn received<T: Value>(bytes: &Bytes) -> Result<T, DecodeError> {
    decode(bytes, Some(bytes))
}

fn lies_within(part: &[u8], whole: &Bytes) -> bool {
    let whole = whole.as_ptr_range();
    part.is_empty() || (whole.contains(&part.as_ptr()) && part.as_ptr_range().end <= whole.end)
}

fn content(nbytes: usize) -> Vec<u8> {
    (0..nbytes).map(|n| (n * 7 + n / 251) as u8).collect()
}

fn blob(nbytes: usize) -> Blob {
    content(nbytes).into()
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Scan {
    name: String,
    pixels: Blob,
    odd: u8,
    depths: Array<f64>,
    mask: Option<Array<u16>>,
    layers: Vec<Blob>,
    notes: BTreeMap<String, Blob>,
}

fn scan(len: usize) -> Scan {
    Scan {
        name: "scan".into(),
        pixels: blob(len),
        odd: 3,
        depths: (0..len).map(|n| n as f64 / 3.0).collect(),
        mask: Some((0..len).map(|n| n as u16).collect()),
        layers: vec![blob(len + 1), blob(0), blob(len + 2)],
        notes: BTreeMap::from([("n".into(), blob(len))]),
    }
}

#[test]
fn blobs_of_any_length_come_out_as_they_went_in() {
    for nbytes in [0, 1, 22, 23, 127, 128, LEND_BYTES_MIN - 1, LEND_BYTES_MIN, LEND_BYTES_MIN + 1, 3 << 20] {
        let value = blob(nbytes);
        let (_, bytes) = sent(&value);
        assert_eq!(bytes, postcard::to_allocvec(&value).unwrap());
        assert_eq!(received::<Blob>(&bytes).unwrap(), value);
        assert_eq!(received::<Vec<u8>>(&bytes).unwrap(), content(nbytes), "the same as a vector's");
        assert_eq!(received::<Blob>(&bytes.slice(..bytes.len() - 1)), Err(DecodeError::Truncated));
    }
}

#[test]
fn a_large_blob_is_copied_neither_on_its_way_out_nor_on_its_way_in() {
    let value = blob(1 << 20);
    let (parts, bytes) = sent(&value);
    assert_eq!(parts.last().unwrap().as_ptr(), value.as_ptr());
    assert!(lies_within(&received::<Blob>(&bytes).unwrap(), &bytes));
    let small = received::<Blob>(&sent(&blob(1000)).1).unwrap();
    assert!(!lies_within(&small, &bytes));
}

#[test]
fn within_a_struct_large_buffers_stay_where_they_are_too() {
    for len in [0, 5, LEND_BYTES_MIN, LEND_BYTES_MIN + 3] {
        let value = scan(len);
        let (parts, bytes) = sent(&value);
        let got = received::<Scan>(&bytes).unwrap();
        assert_eq!(got, value);
        if len < LEND_BYTES_MIN {
            continue;
        }
        let lent = |part: &[u8]| parts.iter().any(|p| p.as_ptr() == part.as_ptr() && p.len() == part.len());
        assert!(lent(&value.pixels) && lent(&value.layers[2]) && lent(&value.notes["n"]));
        assert!(lent(bytemuck::cast_slice(&value.depths)));
        assert!(lies_within(&got.pixels, &bytes) && lies_within(&got.layers[0], &bytes));
        assert!(lies_within(bytemuck::cast_slice(&got.depths), &bytes), "aligned, whatever is before it");
        assert!(lies_within(bytemuck::cast_slice(&got.mask.unwrap()), &bytes));
    }
}

#[test]
fn another_encoder_of_the_same_format_is_understood() {
    let value = scan(LEND_BYTES_MIN);
    let bytes = Bytes::from(postcard::to_allocvec(&value).unwrap());
    assert_eq!(received::<Scan>(&bytes).unwrap(), value);
    assert_eq!(postcard::from_bytes::<Scan>(&sent(&value).1).unwrap(), value);
}

#[test]
fn what_was_offered_to_one_encoder_is_not_left_for_the_next() {
    let value = blob(LEND_BYTES_MIN);
    postcard::to_allocvec(&value).unwrap();
    let same: &[u8] = &value;
    assert!(crate::value::lend::offered(same).is_none());
}

fn same<T: Element + Value>(elements: Vec<T>) {
    for len in [0, 1, 5, elements.len()] {
        let value = Array::from(elements[..len].to_vec());
        let (_, bytes) = sent(&value);
        let got = received::<Array<T>>(&bytes).unwrap();
        assert_eq!((&got, got.shape()), (&value, &[len][..]));
        // The same bytes one further on lie where these numbers cannot be borrowed.
        let shifted = Bytes::from([&[0][..], &bytes].concat()).slice(1..);
        let got = received::<Array<T>>(&shifted).unwrap();
        assert_eq!(got, value);
        let is_borrowed = lies_within(bytemuck::cast_slice(&got), &shifted);
        assert_eq!(is_borrowed, len == 0 || (align_of::<T>() == 1 && size_of_val(&*got) >= LEND_BYTES_MIN));
        for end in 0..bytes.len().min(40) {
            assert!(received::<Array<T>>(&bytes.slice(..end)).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn arrays_of_every_plain_type_come_out_as_they_went_in() {
    let n = LEND_BYTES_MIN;
    same((0..n).map(|x| x as f32 / 7.0).collect());
    same((0..n).map(|x| x as f64 / 7.0).collect());
    same((0..n).map(|x| x as i8).collect());
    same((0..n).map(|x| x as i16 - 5).collect());
    same((0..n).map(|x| x as i32 - 5).collect());
    same((0..n).map(|x| x as i64 - 5).collect());
    same((0..n).map(|x| x as i128 - 5).collect());
    same((0..n).map(|x| x as u8).collect());
    same((0..n).map(|x| x as u16).collect());
    same((0..n).map(|x| x as u32).collect());
    same((0..n).map(|x| x as u64 * 3).collect());
    same((0..n).map(|x| x as u128 * 3).collect());
}

#[test]
fn shapes_come_out_as_they_went_in() {
    for shape in [vec![6], vec![1, 6], vec![2, 3], vec![3, 1, 2], vec![6, 1, 1, 1]] {
        let value = Array::with_shape(vec![1i16, 2, 3, 4, 5, 6], shape.clone()).unwrap();
        assert_eq!(received::<Array<i16>>(&sent(&value).1).unwrap().shape(), shape);
    }
    for shape in [vec![0], vec![0, 4], vec![4, 0], vec![2, 0, 3]] {
        let value = Array::with_shape(Vec::<f64>::new(), shape.clone()).unwrap();
        assert_eq!(received::<Array<f64>>(&sent(&value).1).unwrap().shape(), shape);
    }
    let error = Array::with_shape(vec![1u8; 5], [2, 2]).unwrap_err();
    assert_eq!((error.len, &*error.shape), (5, &[2, 2][..]));
    assert!(Array::with_shape(vec![1u8; 5], []).is_err());
    assert!(
        Array::with_shape(Vec::<u8>::new(), [usize::MAX, 2, 0]).is_err(),
        "the product is beyond all numbers"
    );
    assert_eq!(Array::from(vec![1u8; 6]).reshape([3, 2]).unwrap().shape(), [3, 2]);
}

#[test]
fn shapes_and_lengths_that_are_lies_are_refused() {
    let wire = |rest: Vec<u64>, first: u64, data: &[u8]| {
        let fields = (rest, first, raw(&[]), raw(data));
        Bytes::from(postcard::to_allocvec(&fields).unwrap())
    };
    let read = |bytes: Bytes| received::<Array<u32>>(&bytes);
    assert_eq!(read(wire(vec![], 2, &[0; 8])).unwrap().shape(), [2]);
    assert!(read(wire(vec![], 2, &[0; 7])).is_err(), "not a whole number of elements");
    assert!(read(wire(vec![3], 1, &[0; 8])).is_err(), "not a whole number of rows");
    assert!(read(wire(vec![u64::MAX, 2], 1, &[0; 8])).is_err());
    assert!(read(wire(vec![0], u64::MAX, &[0; 8])).is_err());
    let mut long = wire(vec![], 2, &[0; 8]).to_vec();
    long[3] = 0x7f;
    assert_eq!(read(long.into()), Err(DecodeError::Truncated));
}

/// What serde sees of bytes.
fn raw(bytes: &[u8]) -> Blob {
    bytes.into()
}

#[test]
fn large_vectors_are_sent_from_where_they_lie() {
    let (bytes, text) = (content(1 << 20), "x".repeat(1 << 20));
    let floats: Vec<f64> = (0..1 << 17).map(|n| f64::from(n) / 3.0).collect();
    let place = |value: StoredValue| match value.payload().unwrap() {
        Payload::Rope(rope) => (rope.parts()[1].as_ptr(), rope.to_bytes()),
        other => panic!("{other:?}"),
    };
    let begin = bytes.as_ptr();
    let expected = postcard::to_allocvec(&bytes).unwrap();
    assert_eq!(place(StoredValue::from_typed(bytes)), (begin, expected.into()));
    let begin = text.as_ptr();
    let expected = postcard::to_allocvec(&text).unwrap();
    assert_eq!(place(StoredValue::from_typed(text)), (begin, expected.into()));
    let begin: *const u8 = floats.as_ptr().cast();
    let expected = postcard::to_allocvec(&floats).unwrap();
    let (place, encoded) = place(StoredValue::from_typed(floats));
    assert_eq!(encoded, expected);
    assert!(place == begin || cfg!(target_endian = "big"));
}

#[test]
fn a_blob_gives_its_bytes_back_without_a_copy() {
    let bytes = content(100);
    let begin = bytes.as_ptr();
    let value = Blob::from(bytes);
    let shared = value.clone();
    assert_eq!(shared.slice(10..20).as_ptr(), begin.wrapping_add(10));
    drop(shared);
    let bytes = value.into_vec();
    assert_eq!(bytes.as_ptr(), begin);
    assert!(Blob::from_static(b"ab") == b"ab"[..]);
    assert_eq!(format!("{:?} {:?}", blob(7), Array::from(vec![1.5f32])), "Blob(7 B) Array<f32>[1]");
}

#[cfg(feature = "ndarray")]
#[test]
fn arrays_come_from_ndarray_and_can_be_seen_as_such() {
    let table = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let begin = table.as_ptr();
    let value = Array::from(table.clone());
    assert_eq!(value.view(), table.view().into_dyn());
    assert!(Array::from(table.clone()).as_ptr() != begin, "a clone is elsewhere");
    assert_eq!(Array::from(table.clone().reversed_axes()).view(), table.t().into_dyn());
    assert_eq!(Array::from(table.clone().slice_move(ndarray::s![1.., ..2])).to_vec(), [4.0, 5.0]);
    assert_eq!(Array::from(table).as_ptr(), begin);
    assert_eq!(Array::from(ndarray::arr0(3u8)).shape(), [1]);
}
