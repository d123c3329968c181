//! What may stand in the place of an argument.
//!
//! A recursive impl for containers would overlap with the one for plain values, so each container is spelled out for each
//! leaf; [`Input`] serves the mixed ones.
use super::{Call, CallBody, ErasedArg};
use crate::future::TaskFuture;
use crate::value::Value;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Something that gives a `T` when the task runs: a value, a future, another call, or a container of these.
///
/// Task functions take `impl Arg<T>` where their body takes a `T`, so all of these are calls of `add(i64, i64)`:
/// `add(1, 2)`, `add(future, 2)`, `add(&future, add(1, 2))`. Where containers hold a mixture, wrap the parts in [`Input`].
/// There is nothing to implement by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give a task argument of type `{T}`",
    label = "expected a `{T}`, or a future or a call that gives one",
    note = "an argument is a value, a `TaskFuture<{T}>` or a reference to one, a `Call<{T}>`, or a container of these",
    note = "values implement `serde::Serialize`, `serde::Deserialize` and `Clone`; parts of different kinds go into `Input`s"
)]
pub trait Arg<T>: Sized {
    /// What the call remembers.
    #[doc(hidden)]
    fn describe(self) -> Description;
}

/// An argument whose type has been forgotten.
#[doc(hidden)]
#[derive(Debug)]
pub struct Description(pub(crate) ErasedArg);

/// Describes an argument of a parameter `T`.
#[doc(hidden)]
pub fn describe<T>(arg: impl Arg<T>) -> Description {
    arg.describe()
}

impl<T: Value> Arg<T> for T {
    fn describe(self) -> Description {
        Description(ErasedArg::Value(Arc::new(self)))
    }
}

impl Arg<String> for &str {
    fn describe(self) -> Description {
        self.to_owned().describe()
    }
}

/// A value, a future or a call in one type, for containers that hold a mixture.
///
/// ```
/// # use longshore::{Input, task};
/// #[task]
/// fn inc(x: i64) -> i64 {
///     x + 1
/// }
///
/// #[task]
/// fn sum(xs: &[i64]) -> i64 {
///     xs.iter().sum()
/// }
///
/// let call = sum(vec![Input::from(1), Input::from(inc(1))]);
/// assert_eq!(call.run().unwrap(), 3);
/// ```
#[derive(Clone)]
pub struct Input<T> {
    arg: ErasedArg,
    value: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.arg).finish()
    }
}

impl<T> Input<T> {
    fn new(arg: ErasedArg) -> Self {
        Input { arg, value: PhantomData }
    }
}

impl<T: Value> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Input::new(ErasedArg::Value(Arc::new(value)))
    }
}

impl<T> From<TaskFuture<T>> for Input<T> {
    fn from(future: TaskFuture<T>) -> Self {
        Input::new(future.part())
    }
}

impl<T> From<&TaskFuture<T>> for Input<T> {
    fn from(future: &TaskFuture<T>) -> Self {
        Input::new(future.part())
    }
}

impl<T> From<Call<T>> for Input<T> {
    fn from(call: Call<T>) -> Self {
        Input::new(call.part())
    }
}

/// What a container may hold instead of values.
trait Part {
    fn part(self) -> ErasedArg;
}

impl<T> Part for TaskFuture<T> {
    fn part(self) -> ErasedArg {
        ErasedArg::Future(self.erase())
    }
}

impl<T> Part for &TaskFuture<T> {
    fn part(self) -> ErasedArg {
        ErasedArg::Future(self.erase())
    }
}

impl<T> Part for Call<T> {
    fn part(self) -> ErasedArg {
        match self.into_body() {
            CallBody::Node(node) => ErasedArg::Call(node),
            CallBody::Held(future) => ErasedArg::Future(future),
        }
    }
}

impl<T> Part for Input<T> {
    fn part(self) -> ErasedArg {
        self.arg
    }
}

fn sequence<P: Part>(parts: impl IntoIterator<Item = P>) -> Description {
    Description(ErasedArg::Seq(parts.into_iter().map(Part::part).collect()))
}

macro_rules! leaves {
    ($($leaf:ty),*) => {$(
        impl<T: Value> Arg<T> for $leaf {
            fn describe(self) -> Description {
                Description(self.part())
            }
        }

        impl<T: Value> Arg<Vec<T>> for Vec<$leaf> {
            fn describe(self) -> Description {
                sequence(self)
            }
        }

        impl<T: Value> Arg<Vec<T>> for &Vec<$leaf> {
            fn describe(self) -> Description {
                sequence(self.iter().cloned())
            }
        }

        impl<T: Value> Arg<Vec<T>> for &[$leaf] {
            fn describe(self) -> Description {
                sequence(self.iter().cloned())
            }
        }

        impl<T: Value, const N: usize> Arg<Vec<T>> for [$leaf; N] {
            fn describe(self) -> Description {
                sequence(self)
            }
        }

        impl<T: Value, const N: usize> Arg<[T; N]> for [$leaf; N] {
            fn describe(self) -> Description {
                Description(ErasedArg::Tuple(self.into_iter().map(Part::part).collect()))
            }
        }

        impl<T: Value> Arg<Option<T>> for Option<$leaf> {
            fn describe(self) -> Description {
                Description(self.map_or(ErasedArg::None, |leaf| ErasedArg::Some(Box::new(leaf.part()))))
            }
        }
    )*};
}

leaves!(TaskFuture<T>, &TaskFuture<T>, Call<T>, Input<T>);

macro_rules! tuples {
    ($leaf:ident: $(($($T:ident $part:ident),*))*) => {$(
        tuple!(($($leaf<$T>,)*): $($T $part),*);
    )*};
    (&$leaf:ident: $(($($T:ident $part:ident),*))*) => {$(
        tuple!(($(&$leaf<$T>,)*): $($T $part),*);
    )*};
}

macro_rules! tuple {
    ($tuple:ty: $($T:ident $part:ident),*) => {
        impl<$($T: Value),*> Arg<($($T,)*)> for $tuple {
            fn describe(self) -> Description {
                let ($($part,)*) = self;
                Description(ErasedArg::Tuple(vec![$($part.part()),*]))
            }
        }
    };
}

macro_rules! tuples_of {
    ($([$($leaf:tt)+])*) => {$(
        tuples! { $($leaf)+:
            (A a)
            (A a, B b)
            (A a, B b, C c)
            (A a, B b, C c, D d)
            (A a, B b, C c, D d, E e)
            (A a, B b, C c, D d, E e, F f)
            (A a, B b, C c, D d, E e, F f, G g)
            (A a, B b, C c, D d, E e, F f, G g, H h)
        }
    )*};
}

tuples_of!([TaskFuture][&TaskFuture][Call][Input]);
