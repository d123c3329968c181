//! Many values at once, in the shape their futures come in.
use crate::error::TaskError;
use crate::future::{CellRef, Group, TaskFuture, take, take_last};
use crate::value::Value;
use std::collections::BTreeMap;
// tidy: allow(map): users' own maps are gathered too; nothing here depends on their order
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Something made of futures: a [`TaskFuture`], a reference to one, or a `Vec`, an array, a slice, a tuple, a map or an
/// `Option` of such things.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of futures",
    note = "gather takes `TaskFuture`s, references to them, and `Vec`s, arrays, slices, tuples, maps and `Option`s of these"
)]
pub trait Gather {
    /// The same shape, made of values.
    type Output;
    /// Shows every future.
    #[doc(hidden)]
    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>));
    /// The values, once all are here.
    #[doc(hidden)]
    fn values(self) -> Result<Self::Output, TaskError>;
}

/// One future of many.
#[doc(hidden)]
#[derive(Debug)]
pub struct GatherPart<'a>(&'a CellRef);

/// A [`TaskFuture`] or a reference to one.
pub trait TaskHandle: Gather<Output = <Self as TaskHandle>::Value> {
    /// What the task gives.
    type Value;
}

impl<T: Value> TaskHandle for TaskFuture<T> {
    type Value = T;
}

impl<T: Value> TaskHandle for &TaskFuture<T> {
    type Value = T;
}

/// Waits for all values, or for the first failure.
pub(super) async fn gather<G: Gather>(futures: G) -> Result<G::Output, TaskError> {
    let group = Arc::new(Group::all_or_failed());
    let mut place = 0;
    futures.parts(&mut |part| {
        part.0.join(&group, place, true);
        place += 1;
    });
    group.done().await;
    if group.has_failed() {
        // Whoever waits with many learns of a failure at once, wherever in the order it is.
        first_failure(&futures)?;
    }
    futures.values()
}

/// Waits until all have ended, and leaves out those without a value.
pub(super) async fn gather_ok<H: TaskHandle>(futures: Vec<H>) -> Vec<H::Value> {
    let group = Arc::new(Group::default());
    for future in &futures {
        future.parts(&mut |part| part.0.join(&group, 0, true));
    }
    group.done().await;
    futures.into_iter().filter_map(|future| future.values().ok()).collect()
}

impl<T: Value> Gather for TaskFuture<T> {
    type Output = T;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        each(GatherPart(self.cell()));
    }

    fn values(self) -> Result<T, TaskError> {
        take_last(self)
    }
}

impl<T: Value> Gather for &TaskFuture<T> {
    type Output = T;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        each(GatherPart(self.cell()));
    }

    fn values(self) -> Result<T, TaskError> {
        take(self)
    }
}

impl<G: Gather> Gather for Vec<G> {
    type Output = Vec<G::Output>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.iter().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.into_iter().map(G::values).collect()
    }
}

/// The first future that has failed.
fn first_failure<G: Gather>(futures: &G) -> Result<(), TaskError> {
    let mut failed = Ok(());
    futures.parts(&mut |part| {
        if failed.is_ok()
            && let crate::future::Progress::Failed(e) = part.0.progress()
        {
            failed = Err(e);
        }
    });
    failed
}

impl<'a, G> Gather for &'a Vec<G>
where
    &'a G: Gather,
{
    type Output = Vec<<&'a G as Gather>::Output>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.iter().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.iter().map(Gather::values).collect()
    }
}

impl<'a, G> Gather for &'a [G]
where
    &'a G: Gather,
{
    type Output = Vec<<&'a G as Gather>::Output>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.iter().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.iter().map(Gather::values).collect()
    }
}

impl<G: Gather, const N: usize> Gather for [G; N] {
    type Output = [G::Output; N];

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.iter().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        let mut failed = None;
        let values = self.map(|g| g.values().map_err(|e| failed = Some(e)).ok());
        match failed {
            Some(e) => Err(e),
            // All are there, since none failed.
            None => Ok(values.map(|value| value.unwrap_or_else(|| unreachable!("a value that is neither")))),
        }
    }
}

impl<G: Gather> Gather for Option<G> {
    type Output = Option<G::Output>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.iter().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.map(G::values).transpose()
    }
}

impl<K: Ord, G: Gather> Gather for BTreeMap<K, G> {
    type Output = BTreeMap<K, G::Output>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.values().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.into_iter().map(|(key, g)| Ok((key, g.values()?))).collect()
    }
}

impl<K: Eq + Hash, G: Gather, S: BuildHasher + Default> Gather for HashMap<K, G, S> {
    type Output = HashMap<K, G::Output, S>;

    fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
        self.values().for_each(|g| g.parts(each));
    }

    fn values(self) -> Result<Self::Output, TaskError> {
        self.into_iter().map(|(key, g)| Ok((key, g.values()?))).collect()
    }
}

macro_rules! tuples {
    ($(($($G:ident $part:ident),+))*) => {$(
        impl<$($G: Gather),+> Gather for ($($G,)+) {
            type Output = ($($G::Output,)+);

            fn parts(&self, each: &mut dyn FnMut(GatherPart<'_>)) {
                let ($($part,)+) = self;
                $($part.parts(each);)+
            }

            fn values(self) -> Result<Self::Output, TaskError> {
                let ($($part,)+) = self;
                Ok(($($part.values()?,)+))
            }
        }
    )*};
}

tuples! {
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
}
