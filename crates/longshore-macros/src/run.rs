//! The function that takes a run's arguments, calls the body and keeps the result.
use crate::output::Output;
use crate::parameter::Parameter;
use proc_macro2::TokenStream;
use quote::quote;

/// What is run: a body, what it takes and what it gives.
pub(crate) struct Body<'a> {
    pub(crate) parameters: &'a [Parameter],
    pub(crate) output: &'a Output,
    pub(crate) is_async: bool,
    /// An expression that can be called.
    pub(crate) callee: TokenStream,
}

impl Body<'_> {
    /// A `Run` whose function or closure is written in place.
    pub(crate) fn run(&self, private: &TokenStream) -> TokenStream {
        let steps = self.steps(private);
        if self.is_async {
            quote! {
                #private::Run::Async(|args, inputs| ::std::boxed::Box::pin(async move {
                    let (args, inputs) = (&args, &inputs[..]);
                    #steps
                }))
            }
        } else {
            quote!(#private::Run::Sync(|args, inputs| { #steps }))
        }
    }

    fn steps(&self, private: &TokenStream) -> TokenStream {
        let mutable = if self.parameters.is_empty() { quote!() } else { quote!(mut) };
        let read = self.parameters.iter().map(|parameter| parameter.read(private));
        let pass = self.parameters.iter().map(Parameter::pass);
        let callee = &self.callee;
        let wait = if self.is_async { quote!(.await) } else { quote!() };
        let store = self.output.store(private, &quote!(__longshore_output));
        quote! {
            let #mutable __longshore_reader = #private::ArgReader::new(args, inputs);
            #(#read)*
            __longshore_reader.finish()?;
            let __longshore_output = #callee(#(#pass),*)#wait;
            #store
        }
    }

    /// A function pointer that gives the signature.
    pub(crate) fn signature(&self, private: &TokenStream) -> TokenStream {
        let types = self.parameters.iter().map(|parameter| &parameter.ty);
        let value = self.output.value(private);
        quote!(|| #private::Signature::new()#(.argument::<#types>())*.output::<#value>())
    }
}
