//! An `async fn` becomes a definition: a type of its name that carries name, types and code, and a
//! function of its name that gives the definition.
//!
//! It is a function, not a unit struct, because `let order = …` may shadow a function and nothing else
//! that has a name. The code itself stays what it was, as the type's associated function `run`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, FnArg, ItemFn, ReturnType, Type};

use crate::options::Name;

/// What the function is to be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Orchestration,
    Activity,
}

/// What a function takes besides its context.
pub(crate) struct Inputs<'a>(pub(crate) Vec<&'a Type>);

impl Inputs<'_> {
    /// One value for all of them: nothing, the only one, or a tuple.
    pub(crate) fn one_type(&self) -> TokenStream {
        match self.0.as_slice() {
            [] => quote!(()),
            [only] => quote!(#only),
            several => quote!((#(#several),*)),
        }
    }

    pub(crate) fn names(&self) -> Vec<syn::Ident> {
        (0..self.0.len()).map(|number| format_ident!("input_{number}")).collect()
    }
}

/// The pattern that takes the one value apart, which is also the expression that builds it.
pub(crate) fn pattern(names: &[syn::Ident]) -> TokenStream {
    match names {
        [] => quote!(()),
        [only] => quote!(#only),
        several => quote!((#(#several),*)),
    }
}

pub(crate) fn expand(kind: Kind, options: &Name, item: &ItemFn) -> syn::Result<TokenStream> {
    check(kind, item)?;
    let inputs = inputs(item)?;
    let (definition, context, send) = match kind {
        Kind::Orchestration => (quote!(OrchestrationDefinition), quote!(Context), quote!()),
        Kind::Activity => (quote!(ActivityDefinition), quote!(ActivityContext), quote!(+ Send)),
    };
    let ReturnType::Type(_, returned) = &item.sig.output else {
        return Err(Error::new_spanned(&item.sig, "returns a `Result`: the output, or why there is none"));
    };
    let (vis, struct_name) = (&item.vis, &item.sig.ident);
    let name = options.or(&unraw(struct_name));
    let docs: Vec<&Attribute> = attributes(item, |path| path.is_ident("doc"));
    let conditions: Vec<&Attribute> = attributes(item, |path| path.is_ident("cfg"));
    let others: Vec<&Attribute> = attributes(item, |path| !path.is_ident("cfg"));
    let (arguments, output, body) = (&item.sig.inputs, &item.sig.output, &item.block);
    let (one_type, names) = (inputs.one_type(), inputs.names());
    let pattern = pattern(&names);
    Ok(quote! {
        #(#conditions)*
        #(#docs)*
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        #vis struct #struct_name {}

        #(#conditions)*
        #(#docs)*
        #vis fn #struct_name() -> #struct_name {
            #struct_name {}
        }

        #(#conditions)*
        impl #struct_name {
            #(#others)*
            #vis async fn run(#arguments) #output #body
        }

        #(#conditions)*
        impl ::outlast_sdk::Definition for #struct_name {
            const NAME: &'static str = #name;
            type Input = #one_type;
            type Output = <#returned as ::outlast_sdk::__private::Returned>::Output;
            type Error = <#returned as ::outlast_sdk::__private::Returned>::Error;
        }

        #(#conditions)*
        impl ::outlast_sdk::#definition for #struct_name {
            fn run(
                ctx: ::outlast_sdk::#context,
                #pattern: Self::Input,
            ) -> impl ::core::future::Future<Output = ::core::result::Result<Self::Output, Self::Error>> #send {
                #struct_name::run(ctx, #(#names),*)
            }
        }
    })
}

fn check(kind: Kind, item: &ItemFn) -> syn::Result<()> {
    let refuse = |tokens: &dyn quote::ToTokens, why: &str| Err(Error::new_spanned(tokens, why));
    if item.sig.asyncness.is_none() {
        return refuse(&item.sig.fn_token, "must be an `async fn`");
    }
    if !item.sig.generics.params.is_empty() {
        return refuse(&item.sig.generics, "has one name in the task hub, so it cannot be generic");
    }
    if item.sig.inputs.is_empty() {
        let context = match kind {
            Kind::Orchestration => "the first parameter is `ctx: Context`",
            Kind::Activity => "the first parameter is `ctx: ActivityContext`",
        };
        return refuse(&item.sig, context);
    }
    Ok(())
}

fn inputs(item: &ItemFn) -> syn::Result<Inputs<'_>> {
    let mut types = Vec::new();
    for argument in &item.sig.inputs {
        match argument {
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    "a free function: state is in its context and input",
                ));
            }
            FnArg::Typed(typed) => types.push(typed.ty.as_ref()),
        }
    }
    let inputs = Inputs(types.split_off(1));
    owned(&inputs)?;
    Ok(inputs)
}

/// Inputs are read from JSON, so nobody is there to borrow from.
pub(crate) fn owned(inputs: &Inputs<'_>) -> syn::Result<()> {
    match inputs.0.iter().find(|input| matches!(input, Type::Reference(_))) {
        Some(borrowed) => Err(Error::new_spanned(borrowed, "inputs are owned, such as `String` for `&str`")),
        None => Ok(()),
    }
}

fn attributes(item: &ItemFn, wanted: impl Fn(&syn::Path) -> bool) -> Vec<&Attribute> {
    item.attrs.iter().filter(|attribute| wanted(attribute.path())).collect()
}

fn unraw(name: &syn::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}
