//! `register!`: names functions so that the linker keeps them.
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, Result, Token};

pub(crate) fn expand(functions: TokenStream) -> Result<TokenStream> {
    let functions = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(functions)?;
    let functions = functions.iter().map(function).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        ::longshore::__private::register(
            [#(#functions),*].into_iter().flatten(),
        )
    })
}

/// A call with a placeholder for each argument: it describes, and by that names the function.
fn function(expr: &Expr) -> Result<TokenStream> {
    let refused =
        |span| Error::new(span, "name a task with one `_` per parameter: `register!(inc(_), add(_, _))`");
    let Expr::Call(call) = expr else {
        return Err(refused(expr.span()));
    };
    if let Some(argument) = call.args.iter().find(|argument| !matches!(argument, Expr::Infer(_))) {
        return Err(refused(argument.span()));
    }
    let function = &call.func;
    let absent = call.args.iter().map(|_| quote!(::longshore::__private::Absent));
    Ok(quote!(#function(#(#absent),*).function()))
}
