//! Shapes are read off types, not values: most fields here are there to be seen by serde alone.
#![allow(dead_code)]

use super::hash::StableHash;
use super::{Function, Registry, Run, Signature, registry, type_signature};
use crate::task;
use crate::value::{ReturnValue, StoredValue};
use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

fn shape<T: DeserializeOwned>() -> Option<u64> {
    super::trace::shape_of::<T>()
}

mod v1 {
    #[derive(serde::Deserialize)]
    pub(super) struct Point {
        _x: f64,
        _y: f64,
    }
}

mod v2 {
    #[derive(serde::Deserialize)]
    pub(super) struct Point {
        _x: f64,
        _y: f64,
        _z: Option<f64>,
    }
}

mod moved {
    #[derive(serde::Deserialize)]
    pub(super) struct Point {
        _x: f64,
        _y: f64,
    }
}

mod renamed {
    #[derive(serde::Deserialize)]
    pub(super) struct Point {
        _x: f64,
        _width: f64,
    }
}

#[test]
fn a_struct_is_its_name_and_its_fields() {
    assert_eq!(shape::<v1::Point>(), shape::<moved::Point>());
    assert_ne!(shape::<v1::Point>(), shape::<v2::Point>());
    assert_ne!(shape::<v1::Point>(), shape::<renamed::Point>());
    assert_ne!(shape::<Vec<v1::Point>>(), shape::<Vec<v2::Point>>());
    assert_ne!(
        shape::<BTreeMap<String, Option<v1::Point>>>(),
        shape::<BTreeMap<String, Option<v2::Point>>>()
    );
}

#[test]
fn numbers_of_different_width_differ() {
    let shapes = [
        shape::<u32>(),
        shape::<u64>(),
        shape::<i64>(),
        shape::<f64>(),
        shape::<(u64,)>(),
        shape::<String>(),
    ];
    for (i, a) in shapes.iter().enumerate() {
        assert!(a.is_some() && shapes[..i].iter().all(|b| a != b));
    }
}

mod small {
    #[derive(serde::Deserialize)]
    pub(super) enum Step {
        _Go,
        _Turn(u8),
    }
}

mod wide {
    #[derive(serde::Deserialize)]
    pub(super) enum Step {
        _Go,
        _Turn(u16),
    }
}

#[derive(Deserialize)]
enum Either<A, B> {
    _Left(A),
    _Right(B),
}

#[test]
fn all_variants_of_all_enums_are_seen() {
    assert_ne!(shape::<small::Step>(), shape::<wide::Step>());
    assert_ne!(shape::<(u8, Vec<small::Step>)>(), shape::<(u8, Vec<wide::Step>)>());
    type Nested<T> = Either<Either<u8, T>, Either<T, u8>>;
    assert_ne!(shape::<Nested<u32>>(), shape::<Nested<u64>>());
    assert_ne!(shape::<Either<u8, Either<u8, i8>>>(), shape::<Either<u8, Either<i8, u8>>>());
}

#[derive(Deserialize)]
struct List<T> {
    _item: T,
    _next: Option<Box<List<T>>>,
}

#[derive(Deserialize)]
enum Expr<T> {
    _Add(Box<Expr<T>>, Box<Expr<T>>),
    _Neg(Box<Expr<T>>),
    _Call { _name: String, _args: Vec<Expr<T>> },
    _Literal(T),
}

#[derive(Deserialize)]
struct Tree<T> {
    _children: Vec<Tree<T>>,
    _value: T,
}

#[test]
fn recursive_types_are_traced_to_their_leaves() {
    assert!(shape::<List<u8>>().is_some());
    assert_ne!(shape::<List<u8>>(), shape::<List<u16>>());
    assert!(shape::<Expr<u8>>().is_some());
    assert_ne!(shape::<Expr<u8>>(), shape::<Expr<u16>>());
    assert!(shape::<Tree<u8>>().is_some());
    assert_ne!(shape::<Tree<u8>>(), shape::<Tree<u16>>());
}

#[test]
fn types_that_are_particular_about_values_are_traced() {
    assert!(shape::<NonZeroU32>().is_some());
    assert!(shape::<Duration>().is_some());
    assert!(shape::<std::net::IpAddr>().is_some());
    assert!(shape::<Result<std::path::PathBuf, char>>().is_some());
}

#[derive(Clone, Serialize)]
struct Email(String);

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.contains('@') { Ok(Email(text)) } else { Err(de::Error::custom("no @")) }
    }
}

#[test]
fn a_type_that_refuses_is_known_by_its_name_within_the_build() {
    assert_eq!(shape::<Email>(), None);
    assert_eq!(type_signature::<Email>(), type_signature::<Email>());
    assert_ne!(type_signature::<Email>(), type_signature::<(Email,)>());
    assert_ne!(Signature::new().output::<Email>(), Signature::new().output::<String>());
}

#[test]
fn arguments_and_result_are_kept_apart() {
    let a = Signature::new().argument::<u8>().argument::<u16>().output::<()>();
    let b = Signature::new().argument::<u16>().argument::<u8>().output::<()>();
    let c = Signature::new().argument::<u8>().output::<u16>();
    assert!(a != b && a != c && b != c);
}

#[test]
fn ids_mean_the_same_in_every_build() {
    let mut hash = StableHash::new();
    hash.text("longshore");
    assert_eq!(hash.finish(), PINNED_HASH);
    #[task(name = "pinned")]
    fn pinned(x: i64, label: &str) -> Option<(i64, String)> {
        Some((x, label.to_owned()))
    }
    let function = pinned(1, "a").function().expect("a function");
    assert_eq!(function.id().0, PINNED_ID);
}

/// If one of these changes, binaries of different releases no longer understand each other.
const PINNED_HASH: u64 = 15_045_098_063_382_548_190;
const PINNED_ID: u64 = 12_033_238_948_912_322_007;

#[task]
fn listed(x: i64) -> i64 {
    x
}

#[test]
fn functions_are_found_by_id_and_named_by_path() {
    let function = listed(1).function().expect("a function");
    assert_eq!(function.name(), "longshore::function::tests::listed");
    assert!(function.location().0.ends_with("tests.rs"));
    assert!(std::ptr::eq(registry().find(function.id()).expect("registered"), function));
    assert!(registry().has_name("longshore::function::tests::listed"));
    assert!(!registry().has_name("longshore::function::tests::lister"));
    let ids: Vec<_> = registry().ambiguous().iter().map(|f| f.name()).collect();
    assert!(ids.is_empty(), "{ids:?}");
}

#[test]
fn functions_of_one_name_in_different_places_differ() {
    fn first() -> &'static Function {
        #[task]
        fn same(x: i64) -> i64 {
            x
        }
        same(1).function().expect("a function")
    }
    fn second() -> &'static Function {
        #[task]
        fn same(x: i64) -> i64 {
            x + 1
        }
        same(1).function().expect("a function")
    }
    assert_ne!(first().id(), second().id());
}

fn unit(_: &crate::call::Args, _: &[StoredValue]) -> super::RunResult {
    Ok(ReturnValue::of(()))
}

fn unit_signature() -> u64 {
    Signature::new().output::<()>()
}

static LOAD: Function = Function::declare(|| "app::data::load", unit_signature, Run::Sync(unit));
static LOAD_AGAIN: Function = Function::declare(|| "app::data::load", unit_signature, Run::Sync(unit));
static SAVE: Function = Function::declare(|| "app::data::save", unit_signature, Run::Sync(unit));

#[test]
fn the_fingerprint_knows_no_order() {
    let (a, b) = (Registry::new([&LOAD, &SAVE]), Registry::new([&SAVE, &LOAD, &LOAD]));
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert_eq!(b.functions().len(), 2, "one function registered twice is one");
    assert_ne!(a.fingerprint(), Registry::new([&SAVE]).fingerprint());
}

#[test]
fn two_functions_of_one_name_are_neither() {
    let registry = Registry::new([&LOAD, &LOAD_AGAIN, &SAVE]);
    assert!(registry.find(LOAD.id()).is_none());
    assert!(registry.find(SAVE.id()).is_some());
    assert_eq!(registry.ambiguous().len(), 1);
}

#[test]
fn names_that_may_have_been_meant_are_near() {
    let registry = Registry::new([&LOAD, &SAVE]);
    assert_eq!(registry.nearest_names("app::data::laod"), ["app::data::load", "app::data::save"]);
    assert_eq!(registry.nearest_names("app::moved::to::load"), ["app::data::load"]);
    assert!(registry.nearest_names("something::else::entirely").is_empty());
}

#[test]
fn registering_by_hand_changes_nothing_for_what_is_linked() {
    let before = registry().fingerprint();
    crate::register!(listed(_));
    assert_eq!(registry().fingerprint(), before);
}

#[test]
fn the_build_id_is_found_in_notes() {
    let mut notes = vec![4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0];
    notes.extend_from_slice(b"GNU\0xy\0\0");
    notes.extend_from_slice(&[4, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0]);
    notes.extend_from_slice(b"GNU\0abc\0");
    assert_eq!(super::build_id::gnu_build_id(&notes).unwrap(), b"abc");
    assert!(super::build_id::gnu_build_id(&notes[..20]).is_err());
    assert!(super::build_id::gnu_build_id(&[]).is_err());
}

#[test]
fn raw_bytes_and_numbers_have_shapes() {
    use crate::{Array, Blob};
    let shapes = [
        shape::<Blob>(),
        shape::<Array<f64>>(),
        shape::<Array<f32>>(),
        shape::<Array<u8>>(),
        shape::<Vec<f64>>(),
    ];
    for (n, a) in shapes.iter().enumerate() {
        assert!(a.is_some(), "traced, so that another build knows the type again");
        assert!(shapes[..n].iter().all(|b| a != b));
    }
    assert!(shape::<Array<u128>>().is_some() && shape::<Vec<Array<i16>>>().is_some());
}
