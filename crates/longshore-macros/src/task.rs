//! `#[task]` on a function.
//!
//! ```text
//! fn inc(x: i64) -> i64 { x + 1 }
//! ```
//! becomes
//! ```text
//! fn inc(x: impl Arg<i64>) -> Call<i64> {
//!     fn __longshore_body(x: i64) -> i64 { x + 1 }
//!     static __LONGSHORE_FUNCTION: Function = Function::declare(name, signature, run);
//!     inventory::submit! { Registration(&__LONGSHORE_FUNCTION) }
//!     Call::of(&__LONGSHORE_FUNCTION, [describe::<i64>(x)])
//! }
//! ```
//! so that nothing but the one function appears in the user's scope.
use crate::attribute::Options;
use crate::instance;
use crate::output::Output;
use crate::parameter::Parameter;
use crate::run::Body;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, GenericParam, ItemFn, Pat, Result, Safety};

/// A task as it was written.
pub(crate) struct Task {
    pub(crate) options: Options,
    pub(crate) item: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
}

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let task = Task::parse(options, item)?;
    Ok(if task.options.types.is_empty() { task.expand() } else { instance::expand(&task) })
}

impl Task {
    fn parse(options: TokenStream, item: TokenStream) -> Result<Self> {
        let item: ItemFn = syn::parse2(item).map_err(|error| {
            Error::new(error.span(), format!("`#[task]` belongs on a function with a body: {error}"))
        })?;
        let options: Options = syn::parse2(options)?;
        refuse_qualifiers(&item)?;
        refuse_generics(&item, &options)?;
        let inputs = item.sig.inputs.iter().enumerate();
        let parameters =
            inputs.map(|(index, arg)| Parameter::of_fn_arg(index, arg)).collect::<Result<_>>()?;
        let output = Output::of_fn(&item.sig.output, options.fallible)?;
        Ok(Task { options, item, parameters, output })
    }

    fn expand(&self) -> TokenStream {
        let private = &self.options.private();
        let (outer, _) = self.attributes();
        let (vis, name) = (&self.item.vis, &self.item.sig.ident);
        let parameters = self.parameters.iter().map(|parameter| parameter.declaration(private));
        let value = self.output.value(private);
        let body_name = Ident::new("__longshore_body", Span::call_site());
        let body = self.body(&body_name);
        let path = quote!(|| #private::path_of(&#body_name));
        let function = self.function(private, &path, &quote!(#body_name), &quote!());
        let call = self.call(private, &quote!(&__LONGSHORE_FUNCTION));
        quote! {
            #(#outer)*
            #vis fn #name(#(#parameters),*) -> #private::Call<#value> {
                #body
                #function
                #call
            }
        }
    }

    /// The user's function under another name.
    pub(crate) fn body(&self, name: &Ident) -> TokenStream {
        let (_, inner) = self.attributes();
        let mut sig = self.item.sig.clone();
        sig.ident = Ident::new(&name.to_string(), sig.ident.span());
        for (parameter, arg) in self.parameters.iter().zip(&mut sig.inputs) {
            if let FnArg::Typed(arg) = arg
                && matches!(*arg.pat, Pat::Wild(_))
            {
                let name = &parameter.name;
                *arg.pat = Pat::Verbatim(quote!(#name));
            }
        }
        let block = &self.item.block;
        quote!(#(#inner)* #sig #block)
    }

    /// The static and its registration.
    pub(crate) fn function(
        &self,
        private: &TokenStream,
        path: &TokenStream,
        callee: &TokenStream,
        extra: &TokenStream,
    ) -> TokenStream {
        let body = Body {
            parameters: &self.parameters,
            output: &self.output,
            is_async: self.item.sig.asyncness.is_some(),
            callee: callee.clone(),
        };
        let (run, signature, builder) = (body.run(private), body.signature(private), self.options.builder());
        quote! {
            static __LONGSHORE_FUNCTION: #private::Function =
                #private::Function::declare(#path, #signature, #run).at(::core::file!(), ::core::line!())#builder #extra;
            #private::inventory::submit! { #private::Registration(&__LONGSHORE_FUNCTION) }
        }
    }

    pub(crate) fn call(&self, private: &TokenStream, function: &TokenStream) -> TokenStream {
        let descriptions = self.parameters.iter().map(|parameter| parameter.description(private));
        quote!(#private::Call::of(#function, [#(#descriptions),*]))
    }

    /// Attributes of the function that describes calls, and those of the body.
    pub(crate) fn attributes(&self) -> (Vec<&Attribute>, Vec<&Attribute>) {
        const OF_THE_NAME: [&str; 5] = ["doc", "deprecated", "must_use", "cfg", "cfg_attr"];
        const OF_BOTH: [&str; 3] = ["allow", "warn", "deny"];
        let is =
            |attribute: &Attribute, names: &[&str]| names.iter().any(|name| attribute.path().is_ident(name));
        let attributes = &self.item.attrs;
        let outer = attributes.iter().filter(|a| is(a, &OF_THE_NAME) || is(a, &OF_BOTH)).collect();
        let inner = attributes.iter().filter(|a| !is(a, &OF_THE_NAME)).collect();
        (outer, inner)
    }
}

fn refuse_qualifiers(item: &ItemFn) -> Result<()> {
    let sig = &item.sig;
    let refused = if let Some(constness) = &sig.constness {
        Some((constness.span(), "a task runs on a worker, never in a constant: drop the `const`"))
    } else if !matches!(sig.safety, Safety::Default) {
        Some((
            sig.fn_token.span(),
            "whoever calls a task cannot uphold what `unsafe` asks for: wrap it in a safe function",
        ))
    } else if let Some(abi) = &sig.abi {
        Some((abi.span(), "a task is called by name, not by address: drop the `extern`"))
    } else {
        sig.variadic.as_ref().map(|dots| (dots.span(), "a task has a fixed number of parameters"))
    };
    refused.map_or(Ok(()), |(span, message)| Err(Error::new(span, message)))
}

fn refuse_generics(item: &ItemFn, options: &Options) -> Result<()> {
    let listed = |name: &Ident| options.types.iter().any(|(parameter, _)| parameter == name);
    for parameter in &item.sig.generics.params {
        let refused = match parameter {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(parameter) if listed(&parameter.ident) => None,
            GenericParam::Type(parameter) => Some(format!(
                "workers need to know every type beforehand: list those that `{0}` stands for, `#[task(for {0} in [f64, u64])]`",
                parameter.ident
            )),
            GenericParam::Const(_) => {
                Some("a task cannot be generic over a constant: take it as a parameter".to_owned())
            }
        };
        if let Some(message) = refused {
            return Err(Error::new(parameter.span(), message));
        }
    }
    let is_parameter =
        |name: &Ident| item.sig.generics.type_params().any(|parameter| parameter.ident == *name);
    match options.types.iter().find(|(name, _)| !is_parameter(name)) {
        Some((name, _)) => {
            Err(Error::new(name.span(), format!("the function has no type parameter `{name}`")))
        }
        None => Ok(()),
    }
}
