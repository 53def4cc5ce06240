//! The command that brings a part of a large text, and what must hold of large texts.
//!
//! Not here: what a reference looks like ([`crate::payload`]), and the rows (`state::payloads`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::partition::command::Command;
use crate::partition::invariants::{Everything, Violation, unless};
use crate::partition::state::keys;
use crate::partition::state::payloads::PayloadRow;
use crate::payload::{PayloadHash, references};
use crate::rows::{Key, KeyBuilder, decode};

/// A part of a large text, ahead of the entry that names it. Parts are known by content and place, so
/// any of them may come again, from anybody.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StorePayload {
    /// The hash of the whole: 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub hash: Bytes,
    /// Bytes of the whole.
    #[prost(uint32, tag = "2")]
    pub bytes: u32,
    /// Where the part begins: never beyond what is there.
    #[prost(uint32, tag = "3")]
    pub offset: u32,
    /// The part.
    #[prost(bytes = "bytes", tag = "4")]
    pub part: Bytes,
    /// How long the text is kept from now on although nothing names it, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub keep_ms: u64,
}

impl From<StorePayload> for Command {
    fn from(command: StorePayload) -> Self {
        Self::StorePayload(command)
    }
}

fn hash_of(key: &Key) -> Option<PayloadHash> {
    key.as_bytes().get(1..33).and_then(PayloadHash::from_slice)
}

fn payloads<'a>(all: &'a Everything) -> impl Iterator<Item = (PayloadHash, PayloadRow)> + use<'a> {
    let rows = all.room(KeyBuilder::room(keys::PAYLOAD));
    rows.filter_map(|(key, bytes)| Some((hash_of(key)?, decode(bytes))))
}

pub(crate) fn payloads_are_counted(all: &Everything) -> Option<Violation> {
    let mut named: BTreeMap<PayloadHash, (u64, u32)> = BTreeMap::new();
    for (_, bytes) in all.rows().filter(|(key, _)| keys::holds_references(key)) {
        for reference in references(bytes) {
            let (count, length) = named.entry(reference.hash).or_default();
            *count += 1;
            *length = reference.bytes;
        }
    }
    let mut kept: BTreeMap<PayloadHash, (u64, u32)> = BTreeMap::new();
    for (hash, row) in payloads(all) {
        let length = if row.stored == row.bytes { row.bytes } else { 0 };
        if !row.is_idle() {
            kept.insert(hash, (row.references, length));
        }
    }
    let count = u64::try_from(payloads(all).count());
    let holds = named == kept && count == Ok(all.meta().payloads);
    unless(holds, Violation::PayloadsAreCounted, || {
        format!("named {named:?}, counted {kept:?}, {count:?} in all")
    })
}

pub(crate) fn payloads_are_whole(all: &Everything) -> Option<Violation> {
    let mut found: BTreeMap<PayloadHash, Vec<usize>> = BTreeMap::new();
    for (key, bytes) in all.room(KeyBuilder::room(keys::PAYLOAD_PART)) {
        found.entry(hash_of(key)?).or_default().push(bytes.len());
    }
    for (hash, row) in payloads(all) {
        let parts = found.remove(&hash).unwrap_or_default();
        let is = (u32::try_from(parts.len()), u32::try_from(parts.iter().sum::<usize>()));
        let holds = is == (Ok(row.parts), Ok(row.stored)) && row.stored <= row.bytes;
        if let Some(violation) = unless(holds, Violation::PayloadsAreWhole, || format!("{row:?}, {parts:?}"))
        {
            return Some(violation);
        }
    }
    unless(found.is_empty(), Violation::PayloadsAreWhole, || format!("parts of nothing: {found:?}"))
}

pub(crate) fn idle_payloads_are_found(all: &Everything) -> Option<Violation> {
    let idle = payloads(all).filter(|(_, row)| row.is_idle());
    let expected: BTreeSet<Key> = idle.map(|(hash, row)| keys::payload_idle(row.until(), hash)).collect();
    let rows = all.room(KeyBuilder::room(keys::PAYLOAD_IDLE));
    let listed: BTreeSet<Key> = rows.map(|(key, _)| key.clone()).collect();
    let odd = listed.symmetric_difference(&expected).next();
    unless(odd.is_none(), Violation::IdlePayloadsAreFound, || format!("{odd:?}"))
}
