//! How a row and the table's facts look in the file, version 1.
//!
//! A value is stored as `CRC32C (4 bytes, little endian) · value`; the checksum covers the length
//! of the key, the key and the value. The facts are one such value, a protobuf message.
//!
//! Not here: the tree around the rows, which is redb's.

use bytes::Bytes;
use prost::Message as _;

use super::Applied;
use crate::checksum::crc32c;

/// Key of the one row in the table of facts.
pub(super) const FACTS_KEY: &[u8] = b"facts";
/// The format that this program writes.
pub(super) const FORMAT: u32 = 1;

/// What a table knows about itself. Field numbers are for ever.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Facts {
    /// Version of this format.
    #[prost(uint32, tag = "1")]
    pub(super) format: u32,
    #[prost(uint64, tag = "2")]
    pub(super) index: u64,
    #[prost(uint64, tag = "3")]
    pub(super) term: u64,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) meta: Bytes,
    /// Rows in the table.
    #[prost(uint64, tag = "5")]
    pub(super) rows: u64,
    /// Sum of the checksums of all rows: a row that vanished or came back shows here.
    #[prost(uint64, tag = "6")]
    pub(super) digest: u64,
}

impl Facts {
    pub(super) fn applied(&self) -> Applied {
        Applied { index: self.index, term: self.term, meta: self.meta.clone() }
    }

    pub(super) fn wrapped(&self) -> Vec<u8> {
        wrap(FACTS_KEY, &self.encode_to_vec())
    }

    pub(super) fn parse(stored: &[u8]) -> Result<Self, String> {
        let (_, bytes) = unwrap(FACTS_KEY, stored)?;
        Self::decode(bytes).map_err(|error| error.to_string())
    }

    /// Counts a row in.
    pub(super) fn add(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.digest = self.digest.wrapping_add(u64::from(checksum));
    }

    /// Counts a row out.
    pub(super) fn subtract(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(u64::from(checksum));
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let key_len = u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes();
    crc32c(&[&key_len, key, value])
}

/// The stored form of a value.
pub(super) fn wrap(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(4 + value.len());
    stored.extend_from_slice(&checksum(key, value).to_le_bytes());
    stored.extend_from_slice(value);
    stored
}

/// The checksum that a stored value carries, and the value, if they fit.
pub(super) fn unwrap<'a>(key: &[u8], stored: &'a [u8]) -> Result<(u32, &'a [u8]), String> {
    let Some((head, value)) = stored.split_first_chunk::<4>() else {
        return Err(format!("a value of {} bytes is shorter than its checksum", stored.len()));
    };
    let (written, found) = (u32::from_le_bytes(*head), checksum(key, value));
    if written == found {
        Ok((written, value))
    } else {
        Err(format!("checksum is {written:08x}, bytes give {found:08x}"))
    }
}
