//! `lambda!`: a closure as a task.
//!
//! The closure is written out twice: in a static that is registered, where it can capture nothing, and in code that never
//! runs and tells the type of the result.
use crate::output::Output;
use crate::parameter::Parameter;
use crate::run::Body;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, ExprClosure, Pat, Result};

const PARAMETERS_MAX: usize = 4;

pub(crate) fn expand(closure: TokenStream) -> Result<TokenStream> {
    let span = closure.span();
    let closure: ExprClosure = syn::parse2(closure).map_err(|error| {
        Error::new(error.span(), format!("write a closure: `lambda!(|x: i64| x + 1)` ({error})"))
    })?;
    refuse(&closure, span)?;
    let parameters = parameters(&closure)?;
    let output = Output::of_closure(&closure.output)?;
    let private = &quote!(::longshore::__private);
    let body = Body { parameters: &parameters, output: &output, is_async: false, callee: quote!((#closure)) };
    let run = body.run(private);
    let value = value(&closure, &parameters, &output, private);
    Ok(quote! {{
        struct __LongshoreSite;
        static __LONGSHORE_FUNCTION: #private::Function = #private::Function::declare(
            || ::core::concat!(
                ::core::module_path!(), "::lambda@", ::core::file!(), ":", ::core::line!(), ":", ::core::column!()
            ),
            || #private::Signature::new().of_this_build(),
            #run,
        )
        .at(::core::file!(), ::core::line!());
        #private::inventory::submit! { #private::Registration(&__LONGSHORE_FUNCTION) }
        impl #private::LambdaSite for __LongshoreSite {
            fn function() -> &'static #private::Function {
                &__LONGSHORE_FUNCTION
            }
        }
        #value
    }})
}

fn refuse(closure: &ExprClosure, span: proc_macro2::Span) -> Result<()> {
    if closure.asyncness.is_some() {
        return Err(Error::new(span, "a lambda is not async: write `#[task] async fn`"));
    }
    if closure.inputs.len() > PARAMETERS_MAX {
        return Err(Error::new(
            span,
            format!("a lambda has at most {PARAMETERS_MAX} parameters: write a `#[task]` function"),
        ));
    }
    Ok(())
}

fn parameters(closure: &ExprClosure) -> Result<Vec<Parameter>> {
    let parameter = |(index, pat): (usize, &Pat)| match pat {
        Pat::Type(typed) => Parameter::new(index, &typed.pat, &typed.ty),
        pat => Err(Error::new(pat.span(), "write out the type of the parameter: `|x: i64| x + 1`")),
    };
    closure.inputs.iter().enumerate().map(parameter).collect()
}

/// The expression that carries the types.
fn value(
    closure: &ExprClosure,
    parameters: &[Parameter],
    output: &Output,
    private: &TokenStream,
) -> TokenStream {
    let make = format_ident!("lambda{}", parameters.len());
    let types = parameters.iter().map(|parameter| &parameter.ty);
    let never = parameters.iter().map(|parameter| parameter.never(private));
    let given = quote!((#closure)(#(#never),*));
    let given = if output.is_fallible() { quote!(#private::ok_of(#given)) } else { given };
    // An argument type that is inferred when the lambda is called like a function, and does not matter when it is not:
    // a diverging expression lets the compiler fall back to whatever it likes.
    let inferred = parameters
        .iter()
        .map(|_| quote!(if true { #private::PhantomData } else { #private::marker(::core::unreachable!()) }));
    let placeholders = parameters.iter().map(|_| quote!(_));
    quote! {
        #[allow(unreachable_code, unused, clippy::all, clippy::pedantic)]
        {
            #private::#make::<__LongshoreSite, #(#types,)* _, #(#placeholders),*>(
                #private::output_of(|| #given),
                #(#inferred),*
            )
        }
    }
}
