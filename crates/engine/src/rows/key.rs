//! Keys, ranges of keys, and what is missing.
//!
//! Not here: which rooms there are; each machine numbers its own.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::Bytes;

use crate::time::Timestamp;

/// Nearly all keys are no longer than this and are kept in place: every command makes and compares
/// dozens of them, and neither may cost an allocation or a look elsewhere in memory.
const SHORT_BYTES_MAX: usize = 38;
/// Where the words of a short key begin; the last two overlap.
const WORDS: [usize; 5] = [0, 8, 16, 24, SHORT_BYTES_MAX - 8];

/// The name of a row: ordered bytes, of which the first names the room.
#[derive(Clone)]
pub struct Key(Form);

#[derive(Clone)]
enum Form {
    Short(Short),
    Long(Bytes),
}

#[derive(Debug, Clone, Copy)]
struct Short {
    len: u8,
    bytes: [u8; SHORT_BYTES_MAX],
}

impl Short {
    const EMPTY: Self = Self { len: 0, bytes: [0; SHORT_BYTES_MAX] };

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Orders as the bytes do, eight at a time: unused bytes are 0, and where one text is the beginning
    /// of the other, the shorter comes first.
    fn order(&self, other: &Self) -> Ordering {
        let word = |bytes: &[u8; SHORT_BYTES_MAX], at: usize| {
            bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_be_bytes(*word))
        };
        for at in WORDS {
            let order = word(&self.bytes, at).cmp(&word(&other.bytes, at));
            if order != Ordering::Equal {
                return order;
            }
        }
        self.len.cmp(&other.len)
    }

    /// These bytes with more behind them, if there is room.
    fn and(mut self, more: &[u8]) -> Option<Self> {
        let from = usize::from(self.len);
        self.bytes.get_mut(from..from + more.len())?.copy_from_slice(more);
        self.len += u8::try_from(more.len()).ok()?;
        Some(self)
    }
}

impl Key {
    /// A key as it was stored.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(match Short::EMPTY.and(&bytes) {
            Some(short) => Form::Short(short),
            None => Form::Long(bytes),
        })
    }

    /// The bytes to store it under.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short(short) => short.as_bytes(),
            Form::Long(bytes) => bytes,
        }
    }

    /// The bytes to store it under, to keep.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Form::Short(short) => Bytes::copy_from_slice(short.as_bytes()),
            Form::Long(bytes) => bytes,
        }
    }

    /// The first key after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        KeyBuilder::of(self.as_bytes()).byte(0).key()
    }

    /// The room's tag; 0 for the empty key, which no row has.
    pub(crate) fn room(&self) -> u8 {
        self.as_bytes().first().copied().unwrap_or(0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Short(short), Form::Short(other)) => short.order(other),
            (Form::Short(_) | Form::Long(_), Form::Long(_)) | (Form::Long(_), Form::Short(_)) => {
                self.as_bytes().cmp(other.as_bytes())
            }
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// Builds keys part by part; numbers are stored so that bytes order as the numbers do.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuilder(Parts);

#[derive(Debug, Clone)]
enum Parts {
    Short(Short),
    Long(Vec<u8>),
}

impl KeyBuilder {
    pub(crate) fn room(tag: u8) -> Self {
        Self::of(&[tag])
    }

    fn of(bytes: &[u8]) -> Self {
        Self(Parts::Short(Short::EMPTY)).and(bytes)
    }

    fn and(self, more: &[u8]) -> Self {
        let mut bytes = match self.0 {
            Parts::Short(short) => match short.and(more) {
                Some(short) => return Self(Parts::Short(short)),
                None => short.as_bytes().to_vec(),
            },
            Parts::Long(bytes) => bytes,
        };
        bytes.extend_from_slice(more);
        Self(Parts::Long(bytes))
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.and(&number.to_be_bytes())
    }

    pub(crate) fn small(self, number: u32) -> Self {
        self.and(&number.to_be_bytes())
    }

    pub(crate) fn byte(self, byte: u8) -> Self {
        self.and(&[byte])
    }

    /// Bytes of a length that all keys of the room share.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        self.and(bytes)
    }

    /// A text that is the key's last part.
    pub(crate) fn text(self, text: &str) -> Self {
        self.and(text.as_bytes())
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
        Key(match self.0 {
            Parts::Short(short) => Form::Short(short),
            Parts::Long(bytes) => Form::Long(Bytes::from(bytes)),
        })
    }

    /// The first key after all that begin with what was built so far.
    pub(crate) fn end(self) -> Key {
        let mut bytes = self.key().as_bytes().to_vec();
        while let Some(last) = bytes.pop() {
            if last < u8::MAX {
                bytes.push(last + 1);
                return Key::from_bytes(Bytes::from(bytes));
            }
        }
        Key::from_bytes(Bytes::from_static(&[u8::MAX; 64]))
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
    fn a_key_is_the_same_and_orders_the_same_whether_it_is_kept_in_place_or_not() {
        let of = |length: usize| KeyBuilder::room(9).text(&"k".repeat(length)).key();
        for length in SHORT_BYTES_MAX - 3..SHORT_BYTES_MAX + 3 {
            let key = of(length);
            assert_eq!(key.as_bytes().len(), length + 1);
            assert_eq!(Key::from_bytes(key.clone().into_bytes()), key);
            assert!(key < key.next() && key.next() <= of(length + 1));
        }
    }

    #[test]
    fn short_keys_order_as_their_bytes_do() {
        let texts = ["", "\0", "\0\0", "a", "a\0", "a\0b", "ab", "abcdefgh", "abcdefgh\0", "abcdefgi", "b"];
        let long = |last: char| format!("{}{last}", "k".repeat(SHORT_BYTES_MAX - 2));
        let texts: Vec<String> = texts.map(str::to_owned).into_iter().chain([long('a'), long('b')]).collect();
        let key = |text: &String| KeyBuilder::room(9).text(text).key();
        for left in &texts {
            for right in &texts {
                assert_eq!(
                    key(left).cmp(&key(right)),
                    left.as_bytes().cmp(right.as_bytes()),
                    "{left:?} {right:?}"
                );
                assert_eq!(key(left) == key(right), left == right, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_after_every_key_with_it() {
        let prefix = KeyBuilder::room(9).byte(255);
        assert!(prefix.clone().number(u64::MAX).key() < prefix.end());
    }
}
