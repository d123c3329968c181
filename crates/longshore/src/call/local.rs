//! Closures as tasks, for workers of the same process.
use super::{Arg, Args, ArgsForm, Call, FunctionHandle, describe};
use crate::function::{ArgReader, Assemble, Function, Registration, Run, RunFailure, RunResult, Signature};
use crate::value::{ReturnValue, StoredValue, Value};
use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// A closure that may capture anything that is `Send` and runs only on workers of this process.
///
/// Submitted to a cluster of other processes the call fails at once and says so; there, use a `#[task]` function or
/// [`lambda!`](crate::lambda). Runs of one `Local` take turns, because what it captures need not be shareable: to run in parallel, make one
/// `Local` per call.
///
/// ```
/// let offset = 5;
/// let shift = longshore::local(move |x: i64| x + offset);
/// assert_eq!(shift.call(1).run().unwrap(), 6);
/// ```
pub fn local<F, A>(closure: F) -> Local<A, F::Output>
where
    F: LocalFn<A> + Send + 'static,
{
    let closure = Mutex::new(closure);
    Local::new(type_name::<F>(), move |args, inputs| {
        let mut reader = ArgReader::new(args, inputs);
        // A run that panicked has left its captures as they were then; later runs see them so.
        closure.lock().unwrap_or_else(PoisonError::into_inner).run(&mut reader)
    })
}

/// A closure as a task; see [`local`].
pub struct Local<A, R> {
    function: Arc<LocalFunction>,
    types: PhantomData<fn(A) -> R>,
}

/// What all calls of one closure share.
pub(crate) struct LocalFunction {
    name: &'static str,
    run: Box<dyn Fn(&Args, &[StoredValue]) -> RunResult + Send + Sync>,
}

impl<A, R> Local<A, R> {
    fn new(
        name: &'static str,
        run: impl Fn(&Args, &[StoredValue]) -> RunResult + Send + Sync + 'static,
    ) -> Self {
        Local { function: Arc::new(LocalFunction { name, run: Box::new(run) }), types: PhantomData }
    }
}

impl<A, R> Clone for Local<A, R> {
    fn clone(&self) -> Self {
        Local { function: self.function.clone(), types: PhantomData }
    }
}

impl<A, R> fmt::Debug for Local<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Local").field(&self.function.name).finish()
    }
}

impl LocalFunction {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for LocalFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every worker knows this one function; the closure comes with the arguments.
static CLOSURE: Function = Function::declare(
    || "longshore::local",
    || Signature::new().output::<()>(),
    Run::Sync(|args, inputs| match args.form() {
        ArgsForm::Local(local) if local.closure().is_some() => {
            local.closure().map_or_else(|| Err(away()), |closure| (closure.run)(args, inputs))
        }
        _ => Err(away()),
    }),
);

inventory::submit! { Registration(&CLOSURE) }

pub(super) fn declared() -> &'static Function {
    &CLOSURE
}

fn away() -> Box<RunFailure> {
    RunFailure::refused("a `local` closure came without the closure: it has left its process")
}

/// Closures that [`local`] takes: up to four arguments, by value.
pub trait LocalFn<A> {
    /// What the closure gives.
    type Output: Value;

    /// Takes the arguments and runs.
    #[doc(hidden)]
    fn run(&mut self, reader: &mut ArgReader<'_>) -> RunResult;
}

/// Something that makes a call of each input: a task function, a [`lambda!`](crate::lambda), a [`local`] closure, or a closure
/// that returns a [`Call`].
pub trait TaskFn<X> {
    /// What each call gives.
    type Output;

    /// The call for one input.
    fn describe(&self, input: X) -> Call<Self::Output>;
}

impl<X, T, F: Fn(X) -> Call<T>> TaskFn<X> for F {
    type Output = T;

    fn describe(&self, input: X) -> Call<T> {
        self(input)
    }
}

impl<A, R, X: Arg<A>> TaskFn<X> for Local<(A,), R> {
    type Output = R;

    fn describe(&self, input: X) -> Call<R> {
        self.call(input)
    }
}

macro_rules! locals {
    ($(($($A:ident $arg:ident),*))*) => {$(
        impl<F: FnMut($($A),*) -> R, $($A: Value,)* R: Value> LocalFn<($($A,)*)> for F {
            type Output = R;

            #[allow(unused_variables)]
            fn run(&mut self, reader: &mut ArgReader<'_>) -> RunResult {
                $(let $arg = reader.next::<$A>(stringify!($arg), Assemble::ENCODED)?;)*
                Ok(ReturnValue::of(self($($arg.into_value()),*)))
            }
        }

        impl<$($A,)* R> Local<($($A,)*), R> {
            /// Describes one call.
            pub fn call(&self, $($arg: impl Arg<$A>),*) -> Call<R> {
                Call::describe(FunctionHandle::Local(self.function.clone()), [$(describe::<$A>($arg)),*])
            }
        }
    )*};
}

locals! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
}
