//! The macros of Longshore: `#[task]`, `lambda!` and `register!`. Documented where the `longshore` crate shows them.
//!
//! Each expansion names nothing but `longshore::__private`, so that it can change along with the crate.
mod attribute;
mod instance;
mod lambda;
mod output;
mod parameter;
mod register;
mod run;
mod task;

use proc_macro::TokenStream;

/// Makes a function one that describes calls instead of running them; see `longshore::task`.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(task::expand(options.into(), item.into()))
}

/// A closure that captures nothing, as a task; see `longshore::lambda`.
#[proc_macro]
pub fn lambda(closure: TokenStream) -> TokenStream {
    finish(lambda::expand(closure.into()))
}

/// Registers functions that the linker would drop; see `longshore::register`.
#[proc_macro]
pub fn register(functions: TokenStream) -> TokenStream {
    finish(register::expand(functions.into()))
}

fn finish(expansion: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expansion.unwrap_or_else(syn::Error::into_compile_error).into()
}
