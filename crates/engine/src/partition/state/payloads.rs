//! Large texts, once each, with how many references to them the other rows hold.
//!
//! Nobody counts by hand: when an entry closes, the references in the old and in the new bytes of each
//! changed row are compared. So no verb of any room can forget one, and a count is what the rows say.
//! A text that nothing names is *idle*: it goes when its time is over, some rows an entry.
//! Not here: what a reference looks like (`crate::payload`).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::mutants;
use crate::partition::command::{Moment, StorePayload};
use crate::partition::effect::{Effect, Refusal, Reply};
use crate::partition::state::{State, keys};
use crate::payload::{self, PayloadHash, Reference};
use crate::rows::{Key, KeyBuilder, Loaded, Range, Row, Transaction, decode};
use crate::time::Timestamp;

/// Parts removed by one entry: each is read before it goes, because the digest wants its bytes.
const PARTS_REMOVED_MAX: u32 = 8;

/// What is known of one text.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct PayloadRow {
    /// Bytes of the whole.
    #[prost(uint32, tag = "1")]
    pub(crate) bytes: u32,
    /// Bytes that are here, from the beginning.
    #[prost(uint32, tag = "2")]
    pub(crate) stored: u32,
    /// Rows they are in.
    #[prost(uint32, tag = "3")]
    pub(crate) parts: u32,
    /// Invariant: how often the other rows hold a reference to it.
    #[prost(uint64, tag = "4")]
    pub(crate) references: u64,
    /// Until when it is kept although nothing names it.
    #[prost(message, optional, tag = "5")]
    until: Option<Moment>,
}

impl Row for PayloadRow {}

impl PayloadRow {
    pub(crate) fn until(&self) -> Timestamp {
        self.until.map_or(Timestamp::ZERO, Timestamp::from)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.references == 0
    }

    fn is(&self, reference: Reference) -> bool {
        self.bytes == reference.bytes && self.stored == self.bytes
    }
}

/// Finds what nothing names, by time.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct IdleRow {
    #[prost(bytes = "bytes", tag = "1")]
    hash: Bytes,
    #[prost(message, required, tag = "2")]
    pub(crate) until: Moment,
}

impl Row for IdleRow {}

/// Whether what an entry names is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Here,
    Missing,
}

impl State<'_> {
    /// Takes a part. One that is here already only prolongs the text's time.
    pub(crate) fn store_part(&mut self, command: &StorePayload) -> Loaded<Reply> {
        let missing = Ok(Reply::Refused(Refusal::PayloadMissing));
        let Some(hash) = PayloadHash::from_slice(&command.hash) else { return missing };
        let key = keys::payload(hash);
        let found = self.tx.get::<PayloadRow>(&key)?;
        let before = found.unwrap_or(PayloadRow { bytes: command.bytes, ..PayloadRow::default() });
        if before.bytes != command.bytes || command.offset > before.stored {
            return missing;
        }
        let mut row = before;
        let known = usize::try_from(before.stored - command.offset).unwrap_or(usize::MAX);
        let room = usize::try_from(before.bytes - before.stored).unwrap_or(0);
        let end = command.part.len().min(known.saturating_add(room));
        if known < end {
            let part = command.part.slice(known..end);
            row.stored += u32::try_from(part.len()).unwrap_or(0);
            self.tx.insert_bytes(keys::payload_part(hash, row.parts), part);
            row.parts += 1;
        }
        self.meta.payloads += u64::from(found.is_none());
        let until = self.at.plus(Duration::from_millis(command.keep_ms)).max(before.until());
        row.until = Some(until.into());
        self.put_payload(hash, found, row)?;
        Ok(if row.stored == before.stored { Reply::Unchanged } else { Reply::Done })
    }

    /// Writes a text's row, and keeps it on the list of idle ones as long as it is one.
    fn put_payload(&mut self, hash: PayloadHash, before: Option<PayloadRow>, row: PayloadRow) -> Loaded<()> {
        let listed = |row: &PayloadRow| row.is_idle().then(|| keys::payload_idle(row.until(), hash));
        let old = before.as_ref().and_then(listed);
        let new = listed(&row);
        if old != new {
            if let Some(old) = old {
                self.tx.remove(old)?;
            }
            if let Some(new) = new {
                let idle = IdleRow { hash: Bytes::copy_from_slice(&hash.0), until: row.until().into() };
                self.tx.put(new, &idle)?;
                self.effect(Effect::WakeAt(row.until()));
            }
        }
        self.tx.put(keys::payload(hash), &row)
    }

    /// Counts what the entry has added and taken away, once all its changes are made. `Missing`: it
    /// names a text that is not here, so nothing of it may be.
    pub(crate) fn count_references(&mut self) -> Loaded<Named> {
        let mut moved: BTreeMap<Reference, i64> = BTreeMap::new();
        self.tx.changed(|key, old, new| {
            if !keys::holds_references(key) {
                return;
            }
            for (bytes, step) in [(old, -1), (new, 1)] {
                for reference in payload::references(bytes.map_or(&[], |bytes| bytes.as_ref())) {
                    *moved.entry(reference).or_default() += step;
                }
            }
        });
        moved.retain(|_, step| *step != 0);
        self.tx.want(moved.keys().map(|reference| keys::payload(reference.hash)))?;
        for (reference, step) in moved {
            let found = self.tx.get::<PayloadRow>(&keys::payload(reference.hash))?;
            let named_early = mutants::active(mutants::PAYLOAD_NAMED_BEFORE_ITS_PARTS);
            let Some(before) = found.filter(|row| row.is(reference) || step < 0 || named_early) else {
                return Ok(if named_early { Named::Here } else { Named::Missing });
            };
            let mut row = before;
            row.references = before.references.saturating_add_signed(step);
            if step < 0 && mutants::active(mutants::PAYLOAD_DROPPED_WHILE_REFERENCED) {
                row.references = 0;
            }
            if step < 0 && mutants::active(mutants::PAYLOAD_KEPT_AFTER_THE_LAST_REFERENCE) {
                row.references = before.references;
            }
            if row.is_idle() {
                row.until = Some(row.until().max(self.at).into());
            }
            self.put_payload(reference.hash, found, row)?;
        }
        Ok(Named::Here)
    }

    /// Removes a page of what nothing names and whose time is over. True: there is more.
    pub(crate) fn remove_idle(&mut self, after_now: Timestamp) -> Loaded<bool> {
        if self.meta.payloads == 0 {
            return Ok(false);
        }
        let room = KeyBuilder::room(keys::PAYLOAD_IDLE);
        let limit = usize::try_from(PARTS_REMOVED_MAX).unwrap_or(usize::MAX);
        let range = Range { from: room.clone().key(), to: room.time(after_now).key(), limit };
        let idle = self.tx.range(&range)?;
        let mut left = PARTS_REMOVED_MAX;
        for (key, bytes) in &idle {
            if !self.remove_parts(key, bytes, &mut left)? {
                return Ok(true);
            }
        }
        Ok(idle.len() >= limit)
    }

    /// From the end, so that what is left is a beginning. True: nothing is left.
    fn remove_parts(&mut self, key: &Key, idle: &Bytes, left: &mut u32) -> Loaded<bool> {
        let row: IdleRow = decode(idle);
        let Some(hash) = PayloadHash::from_slice(&row.hash) else { return Ok(true) };
        let Some(mut found) = self.tx.get::<PayloadRow>(&keys::payload(hash))? else { return Ok(true) };
        let go = found.parts.min(*left);
        let parts: Vec<Key> =
            (found.parts - go..found.parts).map(|part| keys::payload_part(hash, part)).collect();
        self.tx.want(parts.iter().cloned())?;
        for part in parts {
            let bytes = self.tx.bytes(&part)?.map_or(0, |bytes| bytes.len());
            found.stored = found.stored.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
            self.tx.remove(part)?;
        }
        found.parts -= go;
        *left -= go;
        if found.parts > 0 {
            self.tx.put(keys::payload(hash), &found)?;
            return Ok(false);
        }
        self.meta.payloads = self.meta.payloads.saturating_sub(1);
        self.tx.remove(keys::payload(hash))?;
        self.tx.remove(key.clone())?;
        Ok(true)
    }

    /// When the first text is over that is not over before `from`.
    pub(crate) fn next_idle(&self, from: Timestamp) -> Loaded<Option<Timestamp>> {
        if self.meta.payloads == 0 {
            return Ok(None);
        }
        let room = KeyBuilder::room(keys::PAYLOAD_IDLE);
        let range = Range { from: room.clone().time(from).key(), to: room.end(), limit: 1 };
        let first = self.tx.range(&range)?;
        Ok(first.first().map(|(_, row)| decode::<IdleRow>(row).until.into()))
    }
}

/// The bytes that a reference names, part by part; `None` where they are not here.
pub(crate) fn parts(tx: &Transaction, reference: Reference) -> Loaded<Option<Vec<Bytes>>> {
    let found = tx.get::<PayloadRow>(&keys::payload(reference.hash))?;
    let Some(row) = found.filter(|row| row.is(reference)) else { return Ok(None) };
    let keys: Vec<Key> = (0..row.parts).map(|part| keys::payload_part(reference.hash, part)).collect();
    tx.want(keys.iter().cloned())?;
    keys.iter().map(|key| tx.bytes(key)).collect::<Loaded<Option<Vec<Bytes>>>>()
}

/// Puts what a text names in its place. Rows name nothing that is not here; should one, its reference
/// stays for people to see.
pub(crate) fn put_in_place(tx: &Transaction, text: &mut String) -> Loaded<()> {
    let Some(reference) = Reference::parse(text) else { return Ok(()) };
    let Some(parts) = parts(tx, reference)? else { return Ok(()) };
    let mut whole = Vec::with_capacity(usize::try_from(reference.bytes).unwrap_or(0));
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    if let Ok(whole) = String::from_utf8(whole) {
        *text = whole;
    }
    Ok(())
}
