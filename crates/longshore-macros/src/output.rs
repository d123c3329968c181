//! What a task gives.
use crate::parameter::borrow_within;
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Result, ReturnType, Type};

/// The return type of a task.
pub(crate) enum Output {
    /// The value itself.
    Plain(TokenStream),
    /// A `Result`, of which the future gives the `Ok`.
    Fallible(TokenStream),
}

impl Output {
    pub(crate) fn of_fn(output: &ReturnType, fallible: bool) -> Result<Self> {
        let ty = match output {
            ReturnType::Default => return Ok(Output::Plain(quote!(()))),
            ReturnType::Type(_, ty) => ty,
        };
        if let Type::ImplTrait(ty) = &**ty {
            return Err(Error::new(ty.span(), "a task knows its types: return the type itself"));
        }
        if let Some(span) = borrow_within(ty.to_token_stream()) {
            let message = "a task's result outlives its arguments: return a value that owns what it holds (`String`, `Vec<T>`)";
            return Err(Error::new(span, message));
        }
        let tokens = ty.to_token_stream();
        Ok(if fallible || is_result(ty) { Output::Fallible(tokens) } else { Output::Plain(tokens) })
    }

    /// Closures leave their result to inference unless they write it out.
    pub(crate) fn of_closure(output: &ReturnType) -> Result<Self> {
        match output {
            ReturnType::Default => Ok(Output::Plain(quote!(_))),
            written => Self::of_fn(written, false),
        }
    }

    pub(crate) fn is_fallible(&self) -> bool {
        matches!(self, Output::Fallible(_))
    }

    /// The type of the value that the future gives.
    pub(crate) fn value(&self, private: &TokenStream) -> TokenStream {
        match self {
            Output::Plain(ty) => ty.clone(),
            Output::Fallible(ty) => quote!(<#ty as #private::TaskResult>::Ok),
        }
    }

    /// Makes a run's result of what the body gave.
    pub(crate) fn store(&self, private: &TokenStream, given: &TokenStream) -> TokenStream {
        match self {
            Output::Plain(ty) => {
                let store = quote_spanned!(ty.span()=> #private::ReturnValue::of::<#ty>);
                quote!(::core::result::Result::Ok(#store(#given)))
            }
            Output::Fallible(ty) => {
                let store = quote_spanned!(ty.span()=> #private::ReturnValue::of);
                let failure = failure(private, has_reference(ty));
                quote! {
                    match #private::TaskResult::into_result(#given) {
                        ::core::result::Result::Ok(value) => ::core::result::Result::Ok(#store(value)),
                        ::core::result::Result::Err(error) => ::core::result::Result::Err(#failure),
                    }
                }
            }
        }
    }
}

/// Looks at the error with the first of these traits that it has; the references are what makes one come before another.
///
/// A borrowed error (`&'static str`) has its words alone: method resolution sees no lifetimes and would take it for one that
/// can be deserialized.
fn failure(private: &TokenStream, borrowed: bool) -> TokenStream {
    let carried = if borrowed {
        quote!(::core::option::Option::None)
    } else {
        quote! {{
            use #private::{CarryNothing as _, CarryValue as _};
            (&&#private::Carry(&error)).carry()
        }}
    };
    quote! {{
        use #private::{
            WordsOfDebug as _, WordsOfDisplay as _, WordsOfDynError as _, WordsOfError as _, WordsOfSendError as _,
        };
        #private::RunFailure::of_error((&&&&&#private::Words(&error)).words(), #carried)
    }}
}

fn has_reference(ty: &TokenStream) -> bool {
    ty.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => has_reference(&group.stream()),
        TokenTree::Punct(punct) => punct.as_char() == '&',
        _ => false,
    })
}

fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_result(&group.elem),
        Type::Paren(paren) => is_result(&paren.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Result"),
        _ => false,
    }
}
