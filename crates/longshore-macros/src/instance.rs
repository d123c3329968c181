//! Generic tasks: `#[task(for T in [f64, u64])]` makes one registered function per listed type.
//!
//! A hidden trait beside the function leads from a type to its function, so that a type that is not listed is refused
//! where the task is called.
use crate::task::Task;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{GenericParam, Generics, LitStr, Type, TypeParamBound, WherePredicate};

pub(crate) fn expand(task: &Task) -> TokenStream {
    let private = &task.options.private();
    let (vis, name) = (&task.item.vis, &task.item.sig.ident);
    let plain_name = name.unraw().to_string();
    let trait_name = format_ident!("__LongshoreTypesOf_{plain_name}");
    let body_name = format_ident!("__longshore_body_of_{plain_name}");
    let (outer, _) = task.attributes();
    let generics = generics(task, private, &trait_name);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let parameters = task.parameters.iter().map(|parameter| parameter.declaration(private));
    let value = task.output.value(private);
    let subject = subject(task);
    let call = task.call(private, &quote!(<#subject as #trait_name>::function()));
    let body = task.body(&body_name);
    let refusal = refusal(task, &plain_name);
    let instances =
        combinations(task).into_iter().map(|types| instance(task, &trait_name, &body_name, &types));
    quote! {
        #(#outer)*
        #vis fn #name #impl_generics (#(#parameters),*) -> #private::Call<#value> #where_clause {
            #call
        }

        #body

        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_docs, unreachable_pub)]
        #refusal
        #vis trait #trait_name {
            fn function() -> &'static #private::Function;
        }

        #(#instances)*
    }
}

fn refusal(task: &Task, name: &str) -> TokenStream {
    let lists = task.options.types.iter().map(|(parameter, types)| {
        let types: Vec<_> = types.iter().map(|ty| format!("`{}`", text(ty))).collect();
        format!("`{parameter}` in {}", types.join(", "))
    });
    let note = format!("the types are listed in its attribute: {}", lists.collect::<Vec<_>>().join("; "));
    let message = format!("task `{name}` is not made for `{{Self}}`");
    quote!(#[diagnostic::on_unimplemented(message = #message, label = "not among the listed types", note = #note)])
}

/// The generics of the function that describes calls: no lifetimes, and every listed type bound to its functions.
fn generics(task: &Task, private: &TokenStream, trait_name: &Ident) -> Generics {
    let mut generics = task.item.sig.generics.clone();
    let types = generics.params.iter().filter(|parameter| matches!(parameter, GenericParam::Type(_)));
    generics.params = types.cloned().collect();
    let listed = &task.options.types;
    for (parameter, _) in listed {
        bind(&mut generics, parameter, &syn::parse_quote!(#private::Value));
    }
    match &listed[..] {
        [(parameter, _)] => bind(&mut generics, parameter, &syn::parse_quote!(#trait_name)),
        _ => {
            let subject = subject(task);
            generics.make_where_clause().predicates.push(syn::parse_quote!(#subject: #trait_name));
        }
    }
    generics
}

/// Adds a bound where the user put those of this parameter, so that no lint finds them in two places.
fn bind(generics: &mut Generics, parameter: &Ident, bound: &TypeParamBound) {
    let predicates = generics.where_clause.iter_mut().flat_map(|clause| &mut clause.predicates);
    for predicate in predicates {
        if let WherePredicate::Type(predicate) = predicate
            && matches!(&predicate.bounded_ty, Type::Path(path) if path.path.is_ident(parameter))
        {
            predicate.bounds.push(bound.clone());
            return;
        }
    }
    for declared in generics.type_params_mut().filter(|declared| declared.ident == *parameter) {
        declared.bounds.push(bound.clone());
    }
}

/// What the trait is implemented for: the one type, or the tuple of them.
fn subject(task: &Task) -> TokenStream {
    tuple(task.options.types.iter().map(|(parameter, _)| parameter))
}

fn tuple<T: ToTokens>(types: impl ExactSizeIterator<Item = T>) -> TokenStream {
    if types.len() == 1 { quote!(#(#types)*) } else { quote!((#(#types),*)) }
}

fn combinations(task: &Task) -> Vec<Vec<&Type>> {
    task.options.types.iter().fold(vec![Vec::new()], |combinations, (_, types)| {
        let extend = |chosen: &Vec<_>, ty| chosen.iter().copied().chain([ty]).collect();
        combinations.iter().flat_map(|chosen| types.iter().map(move |ty| extend(chosen, ty))).collect()
    })
}

fn instance(task: &Task, trait_name: &Ident, body_name: &Ident, types: &[&Type]) -> TokenStream {
    let private = &task.options.private();
    let subject = tuple(types.iter());
    let parameters: Vec<_> = task.options.types.iter().map(|(parameter, _)| parameter).collect();
    // Turbofish in the order of the declaration, which may not be that of the attribute.
    let order = task.item.sig.generics.type_params().map(|parameter| &parameter.ident);
    let name = LitStr::new(&task.item.sig.ident.unraw().to_string(), task.item.sig.ident.span());
    let path = quote!(|| ::core::concat!(::core::module_path!(), "::", #name));
    let names: Vec<_> = types.iter().map(|ty| text(ty)).collect();
    let suffix = format!("<{}>", names.join(", "));
    let callee = quote!(#body_name::<#(#order),*>);
    let function = task.function(private, &path, &callee, &quote!(.instance(#suffix)));
    quote! {
        impl #trait_name for #subject {
            #[allow(unused, non_camel_case_types)]
            fn function() -> &'static #private::Function {
                #(type #parameters = #types;)*
                #function
                &__LONGSHORE_FUNCTION
            }
        }
    }
}

fn text(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}
