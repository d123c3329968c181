//! The macros, documented where their users find them and where the examples can be run.

/// Makes a function one that describes calls instead of running them.
///
/// The body stays a function of plain values; what the name stands for afterwards takes values, futures and other calls alike
/// and gives a `Call`. Submit the call to a client, or `run()` it in place.
///
/// ```
/// use longshore::task;
///
/// /// Adds two numbers.
/// #[task]
/// fn add(x: i64, y: i64) -> i64 {
///     x + y
/// }
///
/// assert_eq!(add(1, add(2, 3)).run().unwrap(), 6);
/// ```
///
/// # Parameters and results
///
/// Parameters are taken by value, or as `&T`, `&str`, `&[T]`, `Arc<T>`: by reference nothing is copied when the value is on the
/// worker. Results are values. A function that returns a `Result` gives the value or fails with the error; if the alias is
/// not called `Result`, say `#[task(fallible)]`. An `async fn` runs on the worker's own runtime.
///
/// Within the body the function's name describes a call as anywhere else. Recursion therefore goes through
/// a plain function, or through the cluster.
///
/// # Options
///
/// * `pure`: equal calls may share one run and one result.
/// * `name = "…"`: the name under which workers know the function, instead of its path.
/// * `retries = 2`, `priority = 1`, `timeout = "30s"` (or `ms`, `m`, `h`): what calls start from.
/// * `resources(gpu = 1.0)`: what a run occupies of a worker.
/// * `runtime = "tokio"`: an `async fn` that runs only on workers of that runtime.
/// * `fallible`: the return type is a `Result` under another name.
/// * `for T in [f64, u64]`: the types for which a generic function exists.
/// * `crate = path`: where `longshore` is, if it goes by another name.
pub use longshore_macros::task;

/// A task without a name: a closure that captures nothing, callable like a task function.
///
/// ```
/// use longshore::lambda;
///
/// let inc = lambda!(|x: i64| x + 1);
/// assert_eq!(inc(10).run().unwrap(), 11);
/// assert_eq!(lambda!(|x: i64, y: &str| format!("{x}{y}"))(1, "st").run().unwrap(), "1st");
/// ```
///
/// Workers know it by its place in the source, so client and workers must be the same build. Types of parameters are
/// written out. `-> Result<…>`, when written out too, makes it fallible. Called like a function, one lambda takes one kind of
/// argument (values, or futures, or calls); `inc.call(…)` takes all kinds.
pub use longshore_macros::lambda;

/// Registers task functions that the linker would drop, such as those of a static library that nothing else names.
///
/// ```
/// # use longshore::task;
/// # #[task]
/// # fn inc(x: i64) -> i64 {
/// #     x + 1
/// # }
/// # #[task]
/// # fn add(x: i64, y: i64) -> i64 {
/// #     x + y
/// # }
/// longshore::register!(inc(_), add(_, _));
/// ```
///
/// One `_` per parameter. Call it before workers are started.
pub use longshore_macros::register;
