//! Tasks without a name: what `lambda!` gives.
//!
//! The closure is compiled into a static, where it can capture nothing, and registered like any task; its name is its place in
//! the source, so it is found only by processes of the same build. The value of the macro carries types alone: those
//! of the parameters (`A`), of the result (`R`), and of the arguments it is called with like a function (`X`).
use super::{Arg, Call, TaskFn, describe};
use crate::function::{Function, TaskResult};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A task without a name, made by [`lambda!`](crate::lambda).
///
/// Call it like a function, or by [`call`](Self::call) where one lambda takes arguments of several kinds.
pub struct Lambda<S, A, R, X> {
    types: PhantomData<fn(S, A, X) -> R>,
}

/// The place in the source where a lambda stands.
#[doc(hidden)]
pub trait LambdaSite: 'static {
    /// What is registered for it.
    fn function() -> &'static Function;
}

impl<S, A, R, X> Clone for Lambda<S, A, R, X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, A, R, X> Copy for Lambda<S, A, R, X> {}

impl<S: LambdaSite, A, R, X> fmt::Debug for Lambda<S, A, R, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lambda").field(&S::function().name()).finish()
    }
}

macro_rules! lambdas {
    ($($make:ident($($A:ident $X:ident $arg:ident),*))*) => {$(
        impl<S: LambdaSite, $($A,)* R, Y> Lambda<S, ($($A,)*), R, Y> {
            /// Describes one call.
            #[allow(clippy::too_many_arguments)]
            pub fn call(&self, $($arg: impl Arg<$A>),*) -> Call<R> {
                Call::of(S::function(), [$(describe::<$A>($arg)),*])
            }
        }

        /// What makes `lambda!(|x: i64| x + 1)(10)` compile.
        impl<S: LambdaSite, $($A: 'static,)* R: 'static, $($X: Arg<$A> + 'static),*> Deref
            for Lambda<S, ($($A,)*), R, ($($X,)*)>
        {
            type Target = dyn Fn($($X),*) -> Call<R>;

            fn deref(&self) -> &Self::Target {
                &|$($arg: $X),*| Call::of(S::function(), [$(describe::<$A>($arg)),*])
            }
        }

        /// Gives a lambda its types.
        #[doc(hidden)]
        pub fn $make<S, $($A,)* R, $($X),*>(
            _: PhantomData<R>,
            $(_: PhantomData<$X>),*
        ) -> Lambda<S, ($($A,)*), R, ($($X,)*)> {
            Lambda { types: PhantomData }
        }
    )*};
}

lambdas! {
    lambda0()
    lambda1(A X a)
    lambda2(A X a, B Z b)
    lambda3(A X a, B Z b, C V c)
    lambda4(A X a, B Z b, C V c, D W d)
}

impl<S: LambdaSite, A, R, Y, X: Arg<A>> TaskFn<X> for Lambda<S, (A,), R, Y> {
    type Output = R;

    fn describe(&self, input: X) -> Call<R> {
        self.call(input)
    }
}

/// The type a closure gives, without running it.
#[doc(hidden)]
pub fn output_of<R>(_: impl FnOnce() -> R) -> PhantomData<R> {
    PhantomData
}

/// A type to be inferred.
#[doc(hidden)]
pub fn marker<X>(_: X) -> PhantomData<X> {
    PhantomData
}

/// A value of any type, in code that is only looked at by the compiler.
///
/// # Panics
/// Always.
#[doc(hidden)]
pub fn never<T>() -> T {
    unreachable!("this code is there for its types and never runs")
}

/// The value type of a `Result`, in code that is only looked at by the compiler.
#[doc(hidden)]
pub fn ok_of<R: TaskResult>(_: R) -> R::Ok {
    never()
}
