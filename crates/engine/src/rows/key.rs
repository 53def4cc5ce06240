//! Keys, ranges of keys, and what is missing.
//!
//! Not here: which rooms there are; each machine numbers its own.

use std::fmt;

use bytes::Bytes;

use crate::time::Timestamp;

/// The name of a row: ordered bytes, of which the first names the room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

impl Key {
    /// A key as it was stored.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes to store it under.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store it under, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The first key after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1);
        bytes.extend_from_slice(&self.0);
        bytes.push(0);
        Self(Bytes::from(bytes))
    }

    /// The room's tag; 0 for the empty key, which no row has.
    pub(crate) fn room(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Builds keys part by part; numbers are stored so that bytes order as the numbers do.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
    pub(crate) fn room(tag: u8) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(tag);
        Self(bytes)
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn small(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// A text that is the key's last part.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A text with parts after it: length first, so that no text runs into its neighbour.
    pub(crate) fn bounded_text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.small(length).text(text)
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        let seconds = time.seconds().wrapping_sub(i64::MIN).cast_unsigned();
        self.number(seconds).small(time.nanos().cast_unsigned())
    }

    pub(crate) fn key(self) -> Key {
        Key(Bytes::from(self.0))
    }

    /// The first key after all that begin with what was built so far.
    pub(crate) fn end(mut self) -> Key {
        while let Some(last) = self.0.pop() {
            if last < u8::MAX {
                self.0.push(last + 1);
                return Key(Bytes::from(self.0));
            }
        }
        Key(Bytes::from_static(&[u8::MAX; 64]))
    }
}

/// A run of rows in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first key.
    pub from: Key,
    /// Up to this key, which does not belong to it.
    pub to: Key,
    /// At most so many rows.
    pub limit: usize,
}

impl Range {
    /// Every row whose key begins with what `builder` holds, at most `limit`.
    pub(crate) fn all(builder: KeyBuilder, limit: usize) -> Self {
        Self { from: builder.clone().key(), to: builder.end(), limit }
    }
}

/// Rows that must be loaded before the question can be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Single rows, present or not.
    pub keys: Vec<Key>,
    /// Runs of rows.
    pub ranges: Vec<Range>,
}

impl Needs {
    /// Nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_their_parts_do() {
        let at = |seconds, nanos| KeyBuilder::room(9).time(Timestamp::new(seconds, nanos)).key();
        assert!(at(-5, 0) < at(0, 0) && at(0, 0) < at(0, 1) && at(0, 999_999_999) < at(1, 0));
        let number = |n| KeyBuilder::room(9).number(n).key();
        assert!(number(255) < number(256));
    }

    #[test]
    fn the_end_of_a_prefix_is_after_every_key_with_it() {
        let prefix = KeyBuilder::room(9).byte(255);
        assert!(prefix.clone().number(u64::MAX).key() < prefix.end());
    }
}
