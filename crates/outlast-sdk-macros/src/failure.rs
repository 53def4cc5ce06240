//! `derive(Failure)`: an error enum to and from a `Failure`.
//!
//! A variant's kind is `Enum::Variant`, its fields are properties, and the field that caused it is the
//! failure's cause. What comes back with another kind, or with fields that do not fit, is the variant
//! that holds a `Failure`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Type, Variant};

/// What a variant says about itself.
struct Shape<'a> {
    variant: &'a Variant,
    kind: String,
    non_retriable: bool,
    /// It holds whatever is none of the others.
    is_other: bool,
}

pub(crate) fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &item.data else {
        return Err(Error::new_spanned(&item.ident, "derive(Failure) is for enums"));
    };
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "an error that crosses the wire cannot be generic"));
    }
    let name = &item.ident;
    let shapes = data.variants.iter().map(|variant| shape(name, variant)).collect::<syn::Result<Vec<_>>>()?;
    let mut others = shapes.iter().filter(|shape| shape.is_other);
    let (Some(other), None) = (others.next(), others.next()) else {
        let why = "exactly one variant holds a `Failure`, such as `Other(Failure)`: code can also panic, \
                   be missing or be ended from outside";
        return Err(Error::new_spanned(name, why));
    };
    let other = &other.variant.ident;
    let into = shapes.iter().map(|shape| into_failure(name, shape)).collect::<syn::Result<Vec<_>>>()?;
    let from = shapes.iter().filter(|shape| !shape.is_other).map(|shape| from_failure(name, shape));
    let from = from.collect::<syn::Result<Vec<_>>>()?;
    Ok(quote! {
        impl ::core::convert::From<#name> for ::outlast_sdk::Failure {
            fn from(error: #name) -> Self {
                let message = ::std::string::ToString::to_string(&error);
                match error {
                    #(#into)*
                }
            }
        }

        impl ::core::convert::From<::outlast_sdk::Failure> for #name {
            fn from(failure: ::outlast_sdk::Failure) -> Self {
                fn read(failure: &::outlast_sdk::Failure) -> ::core::option::Option<#name> {
                    match failure.kind.as_str() {
                        #(#from)*
                        _ => ::core::option::Option::None,
                    }
                }
                match read(&failure) {
                    ::core::option::Option::Some(error) => error,
                    ::core::option::Option::None => #name::#other(failure),
                }
            }
        }
    })
}

fn shape<'a>(name: &Ident, variant: &'a Variant) -> syn::Result<Shape<'a>> {
    let mut shape = Shape {
        variant,
        kind: format!("{name}::{}", variant.ident),
        non_retriable: false,
        is_other: holds_failure(&variant.fields),
    };
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("failure")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("kind") {
                shape.kind = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("non_retriable") {
                shape.non_retriable = true;
            } else {
                return Err(meta.error("`kind = \"…\"` or `non_retriable`"));
            }
            Ok(())
        })?;
    }
    if shape.is_other
        && let Some(from) = variant
            .fields
            .iter()
            .flat_map(|field| &field.attrs)
            .find(|attribute| attribute.path().is_ident("from"))
    {
        return Err(Error::new_spanned(from, "derive(Failure) writes this conversion: take `#[from]` away"));
    }
    Ok(shape)
}

fn holds_failure(fields: &Fields) -> bool {
    let Fields::Unnamed(fields) = fields else { return false };
    let Some(Type::Path(path)) = fields.unnamed.first().map(|field| &field.ty) else { return false };
    fields.unnamed.len() == 1
        && !fields.unnamed.iter().any(is_cause)
        && path.path.segments.last().is_some_and(|segment| segment.ident == "Failure")
}

/// Whether the field is what caused the error.
fn is_cause(field: &Field) -> bool {
    let marked = |attribute: &Attribute| {
        attribute.path().is_ident("source")
            || (attribute.path().is_ident("from") && !matches_failure(&field.ty))
            || (attribute.path().is_ident("failure")
                && attribute.parse_args::<Ident>().is_ok_and(|word| word == "cause"))
    };
    field.attrs.iter().any(marked)
}

fn matches_failure(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Failure"))
}

/// A field's place in the enum, its local name and its name on the wire.
fn fields(variant: &Variant) -> Vec<(TokenStream, Ident, String, &Field)> {
    let numbered = variant.fields.iter().enumerate();
    numbered
        .map(|(number, field)| match &field.ident {
            Some(name) => (quote!(#name), format_ident!("field_{number}"), name.to_string(), field),
            None => {
                let place = syn::Index::from(number);
                (quote!(#place), format_ident!("field_{number}"), number.to_string(), field)
            }
        })
        .collect()
}

fn into_failure(name: &Ident, shape: &Shape<'_>) -> syn::Result<TokenStream> {
    let variant = &shape.variant.ident;
    if shape.is_other {
        return Ok(quote!(#name::#variant(failure) => failure,));
    }
    let fields = fields(shape.variant);
    let places = fields.iter().map(|(place, local, _, _)| quote!(#place: #local));
    let kind = &shape.kind;
    let non_retriable = shape.non_retriable.then(|| quote!(.non_retriable()));
    if fields.iter().filter(|(_, _, _, field)| is_cause(field)).count() > 1 {
        return Err(Error::new_spanned(shape.variant, "an error has one cause"));
    }
    let parts = fields.iter().map(|(_, local, on_wire, field)| {
        if is_cause(field) { quote!(.caused_by(#local)) } else { quote!(.with_field(#on_wire, &#local)) }
    });
    Ok(quote! {
        #name::#variant { #(#places),* } => {
            ::outlast_sdk::Failure::new(#kind, message) #non_retriable #(#parts)*
        }
    })
}

fn from_failure(name: &Ident, shape: &Shape<'_>) -> syn::Result<TokenStream> {
    let variant = &shape.variant.ident;
    let kind = &shape.kind;
    let parts = fields(shape.variant).into_iter().map(|(place, _, on_wire, field)| {
        if is_cause(field) {
            let cause = quote!(failure.cause.as_deref()?.clone());
            Ok(quote!(#place: ::core::convert::From::from(#cause)))
        } else {
            Ok(quote!(#place: failure.field(#on_wire)?))
        }
    });
    let parts = parts.collect::<syn::Result<Vec<_>>>()?;
    Ok(quote!(#kind => ::core::option::Option::Some(#name::#variant { #(#parts),* }),))
}
