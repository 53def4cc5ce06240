//! Names and positions: every id, epoch and position is its own type.
//!
//! Not here: anything that changes. There is no arithmetic across these types; a function that
//! wants an epoch cannot be handed an index.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// Why a text is no id. A refusal, shown to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidId {
    /// No characters at all.
    Empty,
    /// More than [`limits::INSTANCE_ID_CHARS_MAX`] characters or [`limits::INSTANCE_ID_BYTES_MAX`] bytes.
    TooLong,
    /// A control character: ids are shown in terminals, logs and web pages.
    ControlCharacter,
    /// It should name an entity and is not of the form `@name@key`.
    NoEntity,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an id must not be empty"),
            Self::TooLong => write!(
                f,
                "the length of an id must not exceed {} characters or {} bytes",
                limits::INSTANCE_ID_CHARS_MAX,
                limits::INSTANCE_ID_BYTES_MAX
            ),
            Self::ControlCharacter => f.write_str("an id must not contain control characters"),
            Self::NoEntity => f.write_str("the id of an entity has the form @name@key"),
        }
    }
}

/// The name of one orchestration instance inside a task hub: case-sensitive, not normalised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Parses an id that came from outside.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() {
            return Err(InvalidId::Empty);
        }
        if text.len() > limits::INSTANCE_ID_BYTES_MAX || text.chars().count() > limits::INSTANCE_ID_CHARS_MAX
        {
            return Err(InvalidId::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidId::ControlCharacter);
        }
        Ok(Self(Arc::from(text)))
    }

    /// Takes an id that was parsed before it was stored or logged.
    pub(crate) fn trusted(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition this instance lives in, of `partitions` (at least one): FNV-1a 64 of the id's
    /// UTF-8 bytes, finished with murmur3's `fmix64`, modulo the partition count. Fixed for ever:
    /// see the golden vectors in this file's tests.
    pub fn partition(&self, partitions: u32) -> PartitionId {
        let hash = fmix64(fnv1a64(self.0.as_bytes()));
        let slot = hash % u64::from(partitions.max(1));
        PartitionId(u32::try_from(slot).unwrap_or(0))
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one entity: an instance id of the form `@name@key`, the name in lower case, as the
/// SDKs write it. The key may hold anything and may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(InstanceId);

impl EntityId {
    /// Whether a text has the form of an entity's id; such ids are never orchestrations'.
    pub fn is_meant(text: &str) -> bool {
        text.strip_prefix('@').is_some_and(|rest| rest.contains('@'))
    }

    /// Parses an id that came from outside.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let parts = text.strip_prefix('@').and_then(|rest| rest.split_once('@'));
        let (name, key) = parts.filter(|(name, _)| !name.is_empty()).ok_or(InvalidId::NoEntity)?;
        // Folding of other letters depends on a table that changes; replicas must agree for ever.
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return InstanceId::parse(&format!("@{}@{key}", name.to_ascii_lowercase())).map(Self);
        }
        InstanceId::parse(text).map(Self)
    }

    /// Takes an id that was parsed before it was stored or logged.
    pub(crate) fn trusted(text: &str) -> Self {
        Self(InstanceId::trusted(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The id among the instances of the hub: what places it in a partition.
    pub fn as_instance(&self) -> &InstanceId {
        &self.0
    }

    /// What workers register it by.
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// Which entity of that name.
    pub fn key(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let rest = self.as_str().strip_prefix('@').unwrap_or_default();
        rest.split_once('@').unwrap_or_default()
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

pub(crate) fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(crate) fn fmix64(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// The number the catalog gave a task hub; never reused. 0 is the catalog itself.
    HubId(u32)
}
number! {
    /// One partition of a task hub, counted from 0.
    PartitionId(u32)
}
number! {
    /// The number the catalog gave a node; never reused. The first node of a cluster is 1, also before
    /// it has others.
    NodeId(u64)
}
number! {
    /// Which history of the world a partition's log belongs to. It rises when data was lost or
    /// restored, so that messages and tokens of the old world are recognised.
    Lineage(u64)
}
number! {
    /// The lease epoch: which grant of the app lease a partition's owner acts under.
    LeaseEpoch(u64)
}

/// The identity of an entry in a partition's log: the consensus term it was proposed in and its
/// index. Unique within a [`Lineage`], and ordered as the log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The consensus term of the leader that proposed the entry.
    pub term: u64,
    /// The entry's index in the log; the first entry has 1.
    pub index: u64,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// Who may write: rises across data loss, hand-over, failover and leader change. Together with a
/// log index it is the fencing token that user code gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// The data-loss number.
    pub lineage: Lineage,
    /// The app lease's epoch.
    pub lease: LeaseEpoch,
    /// The consensus term of the leader.
    pub term: u64,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.lineage, self.lease, self.term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_keeps_its_partition_for_ever() {
        let golden = [("a", 8), ("order-1", 8), ("注文-1", 8), ("order-1", 1), ("b", 1024)];
        let found: Vec<u32> =
            golden.iter().map(|(id, count)| InstanceId::trusted(id).partition(*count).0).collect();
        assert_eq!(found, GOLDEN_PARTITIONS);
    }

    const GOLDEN_PARTITIONS: [u32; 5] = [3, 5, 5, 0, 720];

    #[test]
    fn an_entitys_id_has_a_name_in_lower_case_and_any_key() {
        let id = EntityId::parse("@Counter@A@b").unwrap();
        assert_eq!((id.as_str(), id.name(), id.key()), ("@counter@A@b", "counter", "A@b"));
        assert_eq!(EntityId::parse("@counter@").unwrap().key(), "");
        for text in ["", "counter@a", "@counter", "@@a"] {
            assert_eq!(EntityId::parse(text), Err(InvalidId::NoEntity), "{text:?}");
        }
        assert_eq!(EntityId::parse(&format!("@a@{}", "x".repeat(98))), Err(InvalidId::TooLong));
    }

    #[test]
    fn ids_that_are_empty_too_long_or_unprintable_are_refused() {
        assert_eq!(InstanceId::parse(""), Err(InvalidId::Empty));
        assert_eq!(InstanceId::parse("a\nb"), Err(InvalidId::ControlCharacter));
        assert_eq!(InstanceId::parse(&"x".repeat(101)), Err(InvalidId::TooLong));
        assert!(InstanceId::parse(&"x".repeat(100)).is_ok());
        assert!(InstanceId::parse(&"𝄞".repeat(100)).is_ok());
    }
}
