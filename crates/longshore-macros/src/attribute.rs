//! What stands in the parentheses of `#[task(…)]`.
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitFloat, LitInt, LitStr, Path, Result, Token, Type, bracketed, parenthesized};

/// Everything the attribute said.
#[derive(Default)]
pub(crate) struct Options {
    krate: Option<Path>,
    pub(crate) name: Option<LitStr>,
    pub(crate) fallible: bool,
    /// For each type parameter the types it stands for.
    pub(crate) types: Vec<(Ident, Vec<Type>)>,
    /// Calls of `Function`'s builder.
    builder: Vec<TokenStream>,
}

impl Options {
    /// The path of everything that an expansion may name.
    pub(crate) fn private(&self) -> TokenStream {
        match &self.krate {
            Some(krate) => quote!(#krate::__private),
            None => quote!(::longshore::__private),
        }
    }

    /// What to append to a `Function`'s declaration.
    pub(crate) fn builder(&self) -> TokenStream {
        let name = self.name.iter().map(|name| quote!(.named(#name)));
        let others = &self.builder;
        quote!(#(#name)* #(#others)*)
    }

    fn option(&mut self, input: ParseStream<'_>) -> Result<(String, Span)> {
        let span = input.span();
        if input.peek(Token![for]) {
            return Ok((self.for_types(input)?, span));
        }
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            self.krate = Some(input.parse()?);
            return Ok(("crate".to_owned(), span));
        }
        let option: Ident = input.parse()?;
        match option.to_string().as_str() {
            "pure" => self.builder.push(quote!(.pure())),
            "fallible" => self.fallible = true,
            "name" => self.name = Some(non_empty(value(input)?)?),
            "retries" => {
                let refused = |error: Error| Error::new(error.span(), "the number of retries is 0 or more");
                let retries: u32 = value::<LitInt>(input)?.base10_parse().map_err(refused)?;
                self.builder.push(quote!(.retries(#retries)));
            }
            "priority" => {
                let priority = priority(input)?;
                self.builder.push(quote!(.priority(#priority)));
            }
            "timeout" => {
                let timeout_ms = milliseconds(&value(input)?)?;
                self.builder.push(quote!(.timeout_ms(#timeout_ms)));
            }
            "runtime" => {
                let runtime = non_empty(value(input)?)?;
                self.builder.push(quote!(.runtime(#runtime)));
            }
            "resources" => {
                let resources = resources(input)?;
                self.builder.push(quote!(.resources(&[#(#resources),*])));
            }
            other => return Err(Error::new(option.span(), unknown(other))),
        }
        Ok((option.to_string(), span))
    }

    fn for_types(&mut self, input: ParseStream<'_>) -> Result<String> {
        input.parse::<Token![for]>()?;
        let parameter: Ident = input.parse()?;
        input.parse::<Token![in]>()?;
        let types;
        bracketed!(types in input);
        let types = Punctuated::<Type, Token![,]>::parse_terminated(&types)?;
        if types.is_empty() {
            return Err(Error::new(
                parameter.span(),
                format!("list at least one type: `for {parameter} in [f64]`"),
            ));
        }
        let name = format!("for {parameter}");
        self.types.push((parameter, types.into_iter().collect()));
        Ok(name)
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        let mut seen = Vec::new();
        while !input.is_empty() {
            let (option, span) = options.option(input)?;
            if seen.contains(&option) {
                return Err(Error::new(span, format!("`{option}` is said twice")));
            }
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn unknown(option: &str) -> String {
    format!(
        "unknown option `{option}`; there are pure, name = \"…\", retries = n, priority = n, timeout = \"30s\", \
         resources(name = amount), runtime = \"…\", fallible, for T in [types], crate = path"
    )
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn non_empty(text: LitStr) -> Result<LitStr> {
    if text.value().is_empty() { Err(Error::new(text.span(), "this cannot be empty")) } else { Ok(text) }
}

fn priority(input: ParseStream<'_>) -> Result<i32> {
    input.parse::<Token![=]>()?;
    let negative = input.parse::<Option<Token![-]>>()?.is_some();
    let amount: i32 = input.parse::<LitInt>()?.base10_parse()?;
    Ok(if negative { -amount } else { amount })
}

fn milliseconds(text: &LitStr) -> Result<u64> {
    let value = text.value();
    let refused = || {
        Error::new(text.span(), "a timeout is a whole number and a unit: \"500ms\", \"30s\", \"5m\", \"2h\"")
    };
    let digits = value.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
    let unit_ms = match &value[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refused()),
    };
    let number: u64 = value[..digits].parse().map_err(|_| refused())?;
    number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(refused)
}

fn resources(input: ParseStream<'_>) -> Result<Vec<TokenStream>> {
    let list;
    parenthesized!(list in input);
    let resources = Punctuated::<Resource, Token![,]>::parse_terminated(&list)?;
    Ok(resources.iter().map(|Resource { name, amount }| quote!((#name, #amount))).collect())
}

struct Resource {
    name: String,
    amount: f64,
}

impl Parse for Resource {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = if input.peek(LitStr) {
            input.parse::<LitStr>()?.value()
        } else {
            input.parse::<Ident>()?.to_string()
        };
        let amount = match value::<Lit>(input)? {
            Lit::Int(amount) => amount.base10_parse()?,
            Lit::Float(amount) => LitFloat::base10_parse(&amount)?,
            other => {
                return Err(Error::new(other.span(), "the amount of a resource is a number: `gpu = 1.0`"));
            }
        };
        Ok(Resource { name, amount })
    }
}
