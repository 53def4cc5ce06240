//! An `impl` block becomes an entity: its methods are the operations, its type is the state.
//!
//! Besides the block itself there are two things: `perform`, which finds the method by name, and a
//! struct of the same methods for callers, `…Operations`, which does whatever its `Via` does with a call.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, Receiver, ReturnType, Type,
    Visibility,
};

use crate::function::{Inputs, owned, pattern};
use crate::options::Name;

/// One operation.
struct Operation<'a> {
    method: &'a ImplItemFn,
    takes_context: bool,
    inputs: Inputs<'a>,
    /// The inputs' names as they stand in the code, where they have one.
    names: Vec<Ident>,
}

pub(crate) fn expand(options: &Name, item: &ItemImpl) -> syn::Result<TokenStream> {
    let state = item.self_ty.as_ref();
    let Some(type_name) =
        type_name(state).filter(|_| item.trait_.is_none() && item.generics.params.is_empty())
    else {
        return Err(Error::new_spanned(
            state,
            "an `impl` block of a plain type, which is the entity's state",
        ));
    };
    let name = options.or(&type_name.to_string()).to_lowercase();
    if name.contains('@') {
        return Err(Error::new_spanned(state, "an entity's name has no `@`"));
    }
    let methods = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) if method.sig.receiver().is_some() => Some(method),
        _ => None,
    });
    let operations = methods.map(operation).collect::<syn::Result<Vec<_>>>()?;
    let remote = format_ident!("{type_name}Operations");
    let performing = operations.iter().map(perform);
    let asking = operations.iter().map(ask);
    let about = format!("The operations of the entity `{name}`, for whoever calls it.");
    let vis = widest(&operations);
    Ok(quote! {
        #item

        impl ::outlast_sdk::Entity for #state {
            const NAME: &'static str = #name;
            type Operations<V: ::outlast_sdk::Via> = #remote<V>;

            fn operations<V: ::outlast_sdk::Via>(via: V) -> #remote<V> {
                #remote { via }
            }

            async fn perform(
                &mut self,
                ctx: &mut ::outlast_sdk::EntityContext,
                operation: &str,
                input: ::core::option::Option<&str>,
            ) -> ::core::result::Result<::std::string::String, ::outlast_sdk::Failure> {
                let _ = &ctx;
                match operation {
                    #(#performing)*
                    _ => ::core::result::Result::Err(::outlast_sdk::__private::no_operation(#name, operation)),
                }
            }
        }

        #[doc = #about]
        #[derive(Debug, Clone)]
        #vis struct #remote<V> {
            via: V,
        }

        impl<V: ::outlast_sdk::Via> #remote<V> {
            #(#asking)*
        }
    })
}

fn type_name(state: &Type) -> Option<Ident> {
    let Type::Path(path) = state else { return None };
    path.path.get_ident().cloned()
}

/// The struct for callers is as visible as the most visible operation.
fn widest(operations: &[Operation<'_>]) -> TokenStream {
    let rank = |vis: &&Visibility| match vis {
        Visibility::Public(_) => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    let widest = operations.iter().map(|operation| &operation.method.vis).max_by_key(rank);
    quote!(#widest)
}

fn operation(method: &ImplItemFn) -> syn::Result<Operation<'_>> {
    if !method.sig.generics.params.is_empty() {
        return Err(Error::new_spanned(&method.sig.generics, "an operation cannot be generic"));
    }
    if let Some(receiver) = method.sig.receiver().filter(|receiver| !is_borrowed(receiver)) {
        return Err(Error::new_spanned(receiver, "an operation takes `&self` or `&mut self`"));
    }
    let mut inputs = Vec::new();
    let mut names = Vec::new();
    let mut takes_context = false;
    for (number, argument) in method.sig.inputs.iter().skip(1).enumerate() {
        let FnArg::Typed(typed) = argument else { continue };
        if number == 0 && is_context(&typed.ty) {
            takes_context = true;
        } else {
            names.push(match typed.pat.as_ref() {
                Pat::Ident(name) => name.ident.clone(),
                _ => format_ident!("input_{number}"),
            });
            inputs.push(typed.ty.as_ref());
        }
    }
    let inputs = Inputs(inputs);
    owned(&inputs)?;
    Ok(Operation { method, takes_context, inputs, names })
}

fn is_borrowed(receiver: &Receiver) -> bool {
    receiver.reference.is_some()
}

fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    last_segment(&reference.elem).is_some_and(|name| name == "EntityContext")
}

fn last_segment(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

/// What a method returns, and whether it is a `Result`.
fn returned(method: &ImplItemFn) -> (TokenStream, bool) {
    match &method.sig.output {
        ReturnType::Default => (quote!(()), false),
        ReturnType::Type(_, ty) => (quote!(#ty), last_segment(ty).is_some_and(|name| name == "Result")),
    }
}

/// The arm that performs an operation.
fn perform(operation: &Operation<'_>) -> TokenStream {
    let method = &operation.method.sig.ident;
    let name = method.to_string();
    let names = operation.inputs.names();
    let pattern = pattern(&names);
    let one_type = operation.inputs.one_type();
    let context = operation.takes_context.then(|| quote!(ctx,));
    let awaited = operation.method.sig.asyncness.map(|_| quote!(.await));
    let call = quote!(self.#method(#context #(#names),*) #awaited);
    let answer = if returned(operation.method).1 {
        quote!(#call.map_err(::outlast_sdk::Failure::from)?)
    } else {
        call
    };
    quote! {
        #name => {
            let #pattern: #one_type = ::outlast_sdk::__private::read(input)?;
            ::outlast_sdk::__private::write(&#answer)
        }
    }
}

/// The method for callers.
fn ask(operation: &Operation<'_>) -> TokenStream {
    let method = operation.method;
    let (vis, ident) = (&method.vis, &method.sig.ident);
    let name = ident.to_string();
    let docs: Vec<&Attribute> =
        method.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).collect();
    let (names, types) = (&operation.names, &operation.inputs.0);
    let value = pattern(names);
    let (output, is_result) = returned(method);
    let (output, error) = if is_result {
        let part = |part: &str| {
            let part = format_ident!("{part}");
            quote!(<#output as ::outlast_sdk::__private::Returned>::#part)
        };
        (part("Output"), part("Error"))
    } else {
        (output, quote!(::outlast_sdk::Failure))
    };
    quote! {
        #(#docs)*
        #[track_caller]
        #[allow(dead_code, reason = "not every operation is called from Rust")]
        #vis fn #ident(&self, #(#names: #types),*) -> V::Answer<#output, #error> {
            self.via.ask::<_, #output, #error>(#name, &#value)
        }
    }
}
