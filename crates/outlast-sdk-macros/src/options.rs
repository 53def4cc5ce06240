//! What stands in the parentheses of an attribute: `name = "…"`, or nothing.
//!
//! Not here: attributes inside items, which each macro reads itself.

use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token};

/// The name in the task hub, where it is not derived from the item's.
pub(crate) struct Name(Option<LitStr>);

impl Parse for Name {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self(None));
        }
        let key: syn::Ident = input.parse()?;
        if key != "name" {
            return Err(syn::Error::new(key.span(), "the only option is `name = \"…\"`"));
        }
        input.parse::<Token![=]>()?;
        let name: LitStr = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if name.value().is_empty() || !input.is_empty() {
            return Err(syn::Error::new(name.span(), "one name that is not empty"));
        }
        Ok(Self(Some(name)))
    }
}

impl Name {
    /// The name that was given, or the derived one.
    pub(crate) fn or(&self, derived: &str) -> String {
        self.0.as_ref().map_or_else(|| derived.to_owned(), LitStr::value)
    }
}
