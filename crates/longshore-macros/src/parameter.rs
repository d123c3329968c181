//! Parameters: what the body takes, and what has to be sent for it.
use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, Ident, Pat, PathArguments, Result, Type};

/// One parameter of a task.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    /// The type of the value that is sent.
    pub(crate) ty: Type,
    passing: Passing,
    /// The variable that holds the value during the run.
    variable: Ident,
}

/// How the body takes the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    Value,
    Borrowed,
    Shared,
}

impl Parameter {
    pub(crate) fn of_fn_arg(index: usize, arg: &FnArg) -> Result<Self> {
        match arg {
            FnArg::Receiver(receiver) => Err(Error::new(
                receiver.span(),
                "a task has no `self`: take what it needs as parameters (or use an actor for state that stays)",
            )),
            FnArg::Typed(arg) => Self::new(index, &arg.pat, &arg.ty),
        }
    }

    pub(crate) fn new(index: usize, pat: &Pat, ty: &Type) -> Result<Self> {
        let name = match pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => pat.ident.clone(),
            Pat::Wild(pat) => Ident::new(&format!("_arg{index}"), pat.span()),
            pat => {
                let message = "a parameter of a task is a plain name, because callers see it: take the pattern apart in the body";
                return Err(Error::new(pat.span(), message));
            }
        };
        let (ty, passing) = passing(ty)?;
        refuse(&ty)?;
        Ok(Parameter { name, ty, passing, variable: format_ident!("__longshore_{index}") })
    }

    /// The parameter of the function that describes calls.
    pub(crate) fn declaration(&self, private: &TokenStream) -> TokenStream {
        let (name, ty) = (&self.name, &self.ty);
        quote!(#name: impl #private::Arg<#ty>)
    }

    /// The description of the argument.
    pub(crate) fn description(&self, private: &TokenStream) -> TokenStream {
        let (name, ty) = (&self.name, &self.ty);
        quote!(#private::describe::<#ty>(#name))
    }

    /// Takes the argument from the reader.
    pub(crate) fn read(&self, private: &TokenStream) -> TokenStream {
        let (variable, ty, name) = (&self.variable, &self.ty, self.name.unraw().to_string());
        let next = quote_spanned!(ty.span()=> __longshore_reader.next::<#ty>);
        quote! {
            let #variable = #next(#name, {
                use #private::{AssembleEncoded as _, AssembleTyped as _};
                (&&#private::Probe::<#ty>::NEW).assemble()
            })?;
        }
    }

    /// Hands the argument to the body.
    pub(crate) fn pass(&self) -> TokenStream {
        let variable = &self.variable;
        match self.passing {
            Passing::Value => quote!(#variable.into_value()),
            Passing::Borrowed => quote!(#variable.borrowed()),
            Passing::Shared => quote!(#variable.into_shared()),
        }
    }

    /// An argument for code that is there for its types only.
    pub(crate) fn never(&self, private: &TokenStream) -> TokenStream {
        let ty = &self.ty;
        let never = quote!(#private::never::<#private::Resolved<#ty>>());
        match self.passing {
            Passing::Value => quote!(#never.into_value()),
            Passing::Borrowed => quote!(#never.borrowed()),
            Passing::Shared => quote!(#never.into_shared()),
        }
    }
}

fn passing(ty: &Type) -> Result<(Type, Passing)> {
    match ty {
        Type::Group(group) => passing(&group.elem),
        Type::Paren(paren) => passing(&paren.elem),
        Type::Reference(reference) => {
            if let Some(mutability) = &reference.mutability {
                let message = "a task cannot change its arguments, which others may share: take the value and return the new one";
                return Err(Error::new(mutability.span(), message));
            }
            Ok((owned(&reference.elem), Passing::Borrowed))
        }
        Type::Path(path) => match arc(path) {
            Some(shared)
                if matches!(shared, Type::Slice(_)) || shared.to_token_stream().to_string() == "str" =>
            {
                Err(Error::new(
                    shared.span(),
                    "an `Arc` parameter holds a sized value: `Arc<String>`, `Arc<Vec<T>>`",
                ))
            }
            Some(shared) => Ok((shared.clone(), Passing::Shared)),
            None => Ok((ty.clone(), Passing::Value)),
        },
        ty => Ok((ty.clone(), Passing::Value)),
    }
}

/// The type that owns what a borrowed parameter looks at.
fn owned(borrowed: &Type) -> Type {
    let span = borrowed.span();
    let owned = match borrowed {
        Type::Slice(slice) => {
            let element = &slice.elem;
            quote_spanned!(span=> ::std::vec::Vec<#element>)
        }
        Type::Path(path) if path.path.is_ident("str") => quote_spanned!(span=> ::std::string::String),
        Type::Group(group) => return owned(&group.elem),
        Type::Paren(paren) => return owned(&paren.elem),
        other => return other.clone(),
    };
    Type::Verbatim(owned)
}

/// The `T` of an `Arc<T>`.
fn arc(path: &syn::TypePath) -> Option<&Type> {
    let last = path.path.segments.last().filter(|segment| segment.ident == "Arc")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => {
            match arguments.args.first()? {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Refuses what no value can be.
fn refuse(ty: &Type) -> Result<()> {
    let message = match ty {
        Type::ImplTrait(_) => {
            "a task knows its types: write the type itself, or a generic function `#[task(for T in [f64, u64])]`"
        }
        Type::TraitObject(_) => "a trait object cannot be decoded: take a type that can, such as an enum",
        Type::Infer(_) => "write out the type of the parameter",
        ty => match borrow_within(ty.to_token_stream()) {
            Some(span) => {
                let message = "a value cannot borrow: only the parameter itself may be a reference (`&T`, `&str`, `&[T]`)";
                return Err(Error::new(span, message));
            }
            None => return Ok(()),
        },
    };
    Err(Error::new(ty.span(), message))
}

/// A reference or a lifetime somewhere in a type, `'static` excepted.
pub(crate) fn borrow_within(tokens: TokenStream) -> Option<proc_macro2::Span> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                if let Some(span) = borrow_within(group.stream()) {
                    return Some(span);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' && punct.spacing() == Spacing::Joint => {
                match tokens.next() {
                    Some(TokenTree::Ident(lifetime)) if lifetime == "static" => {}
                    _ => return Some(punct.span()),
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let lifetime_follows =
                    matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'');
                if !lifetime_follows {
                    return Some(punct.span());
                }
            }
            _ => {}
        }
    }
    None
}
