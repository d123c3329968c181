//! One task function as the binary holds it: a static that `#[task]` writes.
use super::RunFailure;
use super::hash::StableHash;
use crate::call::Args;
use crate::value::{ReturnValue, StoredValue};
use longshore_proto::{FunctionId, FunctionSpec};
use std::any::type_name_of_val;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

/// What a run gives.
pub type RunResult = Result<ReturnValue, Box<RunFailure>>;

/// A run of an `async fn`.
pub type RunFuture = Pin<Box<dyn Future<Output = RunResult> + Send>>;

/// How a function is run. Panics are not caught here.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// A plain `fn`, for a compute thread.
    Sync(fn(&Args, &[StoredValue]) -> RunResult),
    /// An `async fn`, for the worker's runtime.
    Async(fn(Args, Vec<StoredValue>) -> RunFuture),
}

/// A function that can be called from another process.
pub struct Function {
    path: fn() -> &'static str,
    /// Stands in place of the path.
    given_name: Option<&'static str>,
    /// Distinguishes the instances of a generic function.
    instance: &'static str,
    signature: fn() -> u64,
    run: Run,
    options: FunctionOptions,
    location: (&'static str, u32),
    name: OnceLock<String>,
    spec: OnceLock<FunctionSpec>,
}

/// What the attribute said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FunctionOptions {
    /// Equal calls have equal results and may share one run.
    pub(crate) pure: bool,
    /// How often a failed run is tried again.
    pub(crate) retries: u32,
    /// Greater runs earlier.
    pub(crate) priority: i32,
    /// What a run occupies of a worker's resources.
    pub(crate) resources: &'static [(&'static str, f64)],
    /// Name of the only runtime it runs on.
    pub(crate) runtime: Option<&'static str>,
    /// Longest run.
    pub(crate) timeout: Option<Duration>,
}

impl FunctionOptions {
    const NONE: Self = FunctionOptions {
        pure: false,
        retries: 0,
        priority: 0,
        resources: &[],
        runtime: None,
        timeout: None,
    };

    /// Whether the attribute said nothing, or only a priority.
    pub(crate) fn is_priority_at_most(&self) -> bool {
        *self == Self { priority: self.priority, ..Self::NONE }
    }
}

impl Function {
    /// A function without options.
    #[must_use]
    pub const fn declare(path: fn() -> &'static str, signature: fn() -> u64, run: Run) -> Self {
        Function {
            path,
            given_name: None,
            instance: "",
            signature,
            run,
            options: FunctionOptions::NONE,
            location: ("", 0),
            name: OnceLock::new(),
            spec: OnceLock::new(),
        }
    }

    /// The place in the source.
    #[must_use]
    pub const fn at(mut self, file: &'static str, line: u32) -> Self {
        self.location = (file, line);
        self
    }

    /// `#[task(name = "…")]`
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.given_name = Some(name);
        self
    }

    /// One instance of `#[task(for T in […])]`.
    #[must_use]
    pub const fn instance(mut self, types: &'static str) -> Self {
        self.instance = types;
        self
    }

    /// `#[task(pure)]`
    #[must_use]
    pub const fn pure(mut self) -> Self {
        self.options.pure = true;
        self
    }

    /// `#[task(retries = n)]`
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// `#[task(priority = n)]`
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.options.priority = priority;
        self
    }

    /// `#[task(resources(name = amount))]`
    #[must_use]
    pub const fn resources(mut self, resources: &'static [(&'static str, f64)]) -> Self {
        self.options.resources = resources;
        self
    }

    /// `#[task(runtime = "…")]`
    #[must_use]
    pub const fn runtime(mut self, name: &'static str) -> Self {
        self.options.runtime = Some(name);
        self
    }

    /// `#[task(timeout = "…")]`
    #[must_use]
    pub const fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.options.timeout = Some(Duration::from_millis(timeout_ms));
        self
    }

    /// What the attribute said.
    pub(crate) fn options(&self) -> &FunctionOptions {
        &self.options
    }

    /// How to run it.
    pub(crate) fn run(&self) -> Run {
        self.run
    }

    /// File and line of the definition.
    pub(crate) fn location(&self) -> (&'static str, u32) {
        self.location
    }

    /// Module path and name, or the name that was given; the same in every build.
    pub fn name(&self) -> &str {
        self.name.get_or_init(|| {
            let name = self.given_name.unwrap_or_else(|| (self.path)());
            format!("{name}{}", self.instance)
        })
    }

    /// What identifies it in other binaries. Computed when first asked for.
    pub(crate) fn spec(&self) -> &FunctionSpec {
        self.spec.get_or_init(|| {
            let signature = (self.signature)();
            let mut hash = StableHash::new();
            hash.text(self.name());
            hash.number(signature);
            FunctionSpec { id: FunctionId(hash.finish()), name: self.name().to_owned(), signature }
        })
    }

    /// Its id in every binary that contains it.
    pub(crate) fn id(&self) -> FunctionId {
        self.spec().id
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Path of the item that `marker`, an item within its body, belongs to.
#[doc(hidden)]
#[must_use]
pub fn path_of<M>(marker: &M) -> &'static str {
    let path = type_name_of_val(marker);
    path.rsplit_once("::").map_or(path, |(path, _)| path)
}
