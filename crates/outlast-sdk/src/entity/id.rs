//! Which entity: a name, which is its kind, and a key.
//!
//! On the wire it is an instance id of the form `@name@key`. Not here: what the kinds are.

use std::fmt;

use super::Entity;

/// One entity among those of its name.
///
/// ```
/// # use outlast_sdk::{entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Counter { value: i64 }
/// # #[entity]
/// # impl Counter { fn add(&mut self, amount: i64) { self.value += amount; } }
/// let id = EntityId::of::<Counter>("visits");
/// assert_eq!(id.to_string(), "@counter@visits");
/// assert_eq!((id.name(), id.key()), ("counter", "visits"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    name: String,
    key: String,
}

impl EntityId {
    /// The entity of that type with the key.
    ///
    /// ```
    /// # use outlast_sdk::{Entity, EntityId};
    /// fn first<N: Entity>() -> EntityId {
    ///     EntityId::of::<N>("first")
    /// }
    /// ```
    pub fn of<N: Entity>(key: impl Into<String>) -> Self {
        Self { name: N::NAME.to_owned(), key: key.into() }
    }

    /// Reads `@name@key`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, key) = text.strip_prefix('@')?.split_once('@')?;
        Some(Self { name: name.to_lowercase(), key: key.to_owned() })
    }

    /// Its name, in lower case.
    ///
    /// ```
    /// # fn example(id: outlast_sdk::EntityId) {
    /// let is_counter = id.name() == "counter";
    /// # }
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key.
    ///
    /// ```
    /// # fn example(id: outlast_sdk::EntityId) {
    /// let is_first = id.key() == "first";
    /// # }
    /// ```
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "@{}@{}", self.name, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_have_any_sign() {
        let id = EntityId::parse("@Counter@a@b").unwrap();
        assert_eq!((id.name(), id.key(), id.to_string().as_str()), ("counter", "a@b", "@counter@a@b"));
        assert!(EntityId::parse("counter@a").is_none() && EntityId::parse("@counter").is_none());
    }
}
