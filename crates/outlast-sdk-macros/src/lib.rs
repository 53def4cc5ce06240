//! The macros of `outlast-sdk`, which exports them again and explains them with examples.
//!
//! - `function`: an `async fn` becomes a definition that can be called, registered and started;
//! - `entity`: the methods of a state become operations;
//! - `failure`: an error enum that keeps its variant and fields across the wire.
//!
//! Not here: anything that runs. What a macro writes is a thin layer over the SDK's traits, so that
//! whatever it does can be done by hand.

#![deny(missing_docs)]

mod entity;
mod failure;
mod function;
mod options;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use function::Kind;

/// Makes an `async fn(ctx: Context, input…) -> Result<Output, Error>` an orchestration.
///
/// The name becomes what is called, registered and started; the code is its associated function `run`.
/// `#[orchestration(name = "…")]` gives it another name in the task hub.
#[proc_macro_attribute]
pub fn orchestration(options: TokenStream, item: TokenStream) -> TokenStream {
    function(Kind::Orchestration, options, item)
}

/// Makes an `async fn(ctx: ActivityContext, input…) -> Result<Output, Error>` an activity.
///
/// The name becomes what is called and registered; the code is its associated function `run`.
/// `#[activity(name = "…")]` gives it another name in the task hub.
#[proc_macro_attribute]
pub fn activity(options: TokenStream, item: TokenStream) -> TokenStream {
    function(Kind::Activity, options, item)
}

fn function(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Name);
    let item = parse_macro_input!(item as syn::ItemFn);
    function::expand(kind, &options, &item).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes the methods of an `impl` block the operations of an entity, whose state is the type itself.
///
/// The state needs `Default`, `Serialize` and `Deserialize`. `#[entity(name = "…")]` gives it another
/// name in the task hub than the type's in lower case.
#[proc_macro_attribute]
pub fn entity(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Name);
    let item = parse_macro_input!(item as syn::ItemImpl);
    entity::expand(&options, &item).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Lets an error enum cross the wire: variants become kinds, fields become properties, and back.
///
/// One variant holds a `Failure`: whatever else can go wrong. A variant may be marked
/// `#[failure(kind = "…")]`, `#[failure(non_retriable)]`; a field that is the cause of the error
/// is marked `#[failure(cause)]`, or `#[from]` or `#[source]` as `thiserror` reads them.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::DeriveInput);
    failure::expand(&item).unwrap_or_else(|error| error.to_compile_error()).into()
}
