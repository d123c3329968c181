//! What a function takes and gives, as one number: binaries agree on it before they exchange a byte.
use super::build_id;
use super::hash::StableHash;
use super::trace;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use std::any::{TypeId, type_name};
use std::cell::RefCell;

/// Collects the types of a function.
#[derive(Debug)]
pub struct Signature(StableHash);

impl Signature {
    /// A function without arguments.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a signature is always begun and finished in one expression"
    )]
    pub fn new() -> Self {
        Signature(StableHash::new())
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument<T: DeserializeOwned>(mut self) -> Self {
        self.0.byte(b'a');
        shape::<T>(&mut self.0);
        self
    }

    /// Ends with the result.
    #[must_use]
    pub fn output<T: DeserializeOwned>(mut self) -> u64 {
        self.0.byte(b'o');
        shape::<T>(&mut self.0);
        self.0.finish()
    }

    /// Ends with this very build, for functions that have no name to last.
    #[must_use]
    pub fn of_this_build(mut self) -> u64 {
        self.0.byte(b'b');
        self.0.number(build_id());
        self.0.finish()
    }
}

thread_local! {
    /// What [`type_signature`] found: tracing a type takes long, and each error that travels needs it twice.
    static SIGNATURES: RefCell<HashMap<TypeId, u64, FixedState>> = const { RefCell::new(HashMap::with_hasher(FixedState::with_seed(0))) };
}

/// Identity of one type: its name and its shape.
#[must_use]
pub(crate) fn type_signature<T: DeserializeOwned + 'static>() -> u64 {
    let id = TypeId::of::<T>();
    let known = SIGNATURES.with_borrow(|known| known.get(&id).copied());
    known.unwrap_or_else(|| {
        let mut hash = StableHash::new();
        hash.text(type_name::<T>());
        // The type's own code runs here, and may ask for the signature of another.
        shape::<T>(&mut hash);
        let signature = hash.finish();
        SIGNATURES.with_borrow_mut(|known| known.insert(id, signature));
        signature
    })
}

/// The shape as serde shows it, or else the type's name, which is good within one build.
fn shape<T: DeserializeOwned>(hash: &mut StableHash) {
    match trace::shape_of::<T>() {
        Some(shape) => hash.number(shape),
        None => {
            hash.text(type_name::<T>());
            hash.number(build_id());
        }
    }
}
