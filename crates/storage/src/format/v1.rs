//! Version 1 of the node log: frames, and the messages inside.
//!
//! A frame is a header of 48 bytes and up to 1 MiB of payload, padded with zeros to a multiple of 8:
//! `magic 4 · flags 1 · zero 3 · length 4 · chain 4 · generation 8 · sequence 8 · watermark 8 ·
//! zero 4 · crc 4`, all little endian. The checksum covers the 44 bytes before it and the payload.
//! The payloads from a frame flagged first to one flagged last are together one `Append`.
//!
//! Field numbers are for ever. Not here: what a reader concludes from frames (`log::recovery`).

use bytes::Bytes;

use crate::checksum::crc32c;
use crate::log::GroupKey;

/// Bytes of a frame before its payload.
pub(crate) const HEADER_LEN: usize = 48;
/// No reader believes in a longer payload.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;
const MAGIC: [u8; 4] = *b"OLf\x01";
const FIRST: u8 = 1;
const LAST: u8 = 2;

/// Where in its append a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u8);

impl Place {
    pub(crate) fn of(index: usize, count: usize) -> Self {
        let first = if index == 0 { FIRST } else { 0 };
        Self(first | if index + 1 == count { LAST } else { 0 })
    }

    pub(crate) fn is_first(self) -> bool {
        self.0 & FIRST != 0
    }

    pub(crate) fn is_last(self) -> bool {
        self.0 & LAST != 0
    }
}

/// What a frame says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) place: Place,
    pub(crate) length: usize,
    /// Checksum of the frame before this one.
    pub(crate) chain: u32,
    /// Ordinal of the segment that the frame was written for.
    pub(crate) generation: u64,
    /// One more than that of the frame before.
    pub(crate) sequence: u64,
    /// Highest sequence that was known to be durable when this frame was written.
    pub(crate) watermark: u64,
    /// This frame's own checksum.
    pub(crate) crc: u32,
}

/// Bytes that a payload takes with header and padding.
pub(crate) fn frame_len(payload: usize) -> usize {
    (HEADER_LEN + payload).next_multiple_of(ALIGN)
}

impl Header {
    /// Writes header and checksum into `frame`, which holds the payload at its place already.
    /// Returns the checksum, for the next frame's chain.
    pub(crate) fn seal(&self, frame: &mut [u8]) -> u32 {
        let (head, payload) = frame.split_at_mut(HEADER_LEN);
        let length = u32::try_from(self.length).expect("a payload is at most 1 MiB");
        head[0..4].copy_from_slice(&MAGIC);
        head[4..8].copy_from_slice(&[self.place.0, 0, 0, 0]);
        head[8..12].copy_from_slice(&length.to_le_bytes());
        head[12..16].copy_from_slice(&self.chain.to_le_bytes());
        head[16..24].copy_from_slice(&self.generation.to_le_bytes());
        head[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        head[32..40].copy_from_slice(&self.watermark.to_le_bytes());
        head[40..44].fill(0);
        let crc = crc32c(&[&head[..44], &payload[..self.length]]);
        head[44..48].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// The frame that begins `bytes`, if it is whole and undamaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEADER_LEN>()?;
        if head[0..4] != MAGIC {
            return None;
        }
        let length = usize::try_from(u32_at(head, 8)).ok().filter(|length| *length <= PAYLOAD_MAX)?;
        let payload = bytes.get(HEADER_LEN..HEADER_LEN + length)?;
        let crc = u32_at(head, 44);
        if crc32c(&[&head[..44], payload]) != crc {
            return None;
        }
        Some(Self {
            place: Place(head[4]),
            length,
            chain: u32_at(head, 12),
            generation: u64_at(head, 16),
            sequence: u64_at(head, 24),
            watermark: u64_at(head, 32),
            crc,
        })
    }

    /// Whether the damaged bytes here were written as the frame that should follow: after damage to
    /// some of its fields the others still say so. What a recycled file holds of old never does.
    pub(crate) fn is_remnant(bytes: &[u8], generation: u64, sequence: u64, chain: u32) -> bool {
        let Some(head) = bytes.first_chunk::<HEADER_LEN>() else { return false };
        u64_at(head, 16) == generation
            || u64_at(head, 24) == sequence
            || (chain != 0 && u32_at(head, 12) == chain)
    }

    /// The header of a frame that is none: it only says that one was begun here.
    pub(crate) fn remnant(generation: u64, sequence: u64, chain: u32) -> [u8; HEADER_LEN] {
        let mut head = [0; HEADER_LEN];
        head[12..16].copy_from_slice(&chain.to_le_bytes());
        head[16..24].copy_from_slice(&generation.to_le_bytes());
        head[24..32].copy_from_slice(&sequence.to_le_bytes());
        head
    }

    /// How many bytes the damaged or unfinished frame at the start of `bytes` claims to have, if it
    /// claims to be of this generation. For reports only: nothing here is verified.
    pub(crate) fn claimed_len(bytes: &[u8], generation: u64) -> Option<usize> {
        let head = bytes.first_chunk::<HEADER_LEN>()?;
        let of_generation = head[0..4] == MAGIC && u64_at(head, 16) == generation;
        let length = usize::try_from(u32_at(head, 8)).ok()?;
        (of_generation && length <= PAYLOAD_MAX).then(|| frame_len(length))
    }
}

fn u32_at(head: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn u64_at(head: &[u8; HEADER_LEN], at: usize) -> u64 {
    u64::from(u32_at(head, at)) | u64::from(u32_at(head, at + 4)) << 32
}

/// All that one append writes.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Append {
    #[prost(message, repeated, tag = "1")]
    pub(crate) records: Vec<Record>,
    /// Every group there is, as of before this append. Opens each segment.
    #[prost(message, optional, tag = "2")]
    pub(crate) roll_call: Option<RollCall>,
    /// What the append before this one touched, so that its loss can be told exactly.
    #[prost(message, optional, tag = "3")]
    pub(crate) previous: Option<Previous>,
    /// Segments with a lower ordinal hold nothing that is needed. 0: not said here.
    #[prost(uint64, tag = "4")]
    pub(crate) oldest: u64,
    /// A tail was cut off here. It passes for an unfinished write, and may have been a durable one.
    #[prost(bool, tag = "5")]
    pub(crate) cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Group {
    #[prost(uint64, tag = "1")]
    pub(crate) partition: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) lineage: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) replica: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RollCall {
    #[prost(message, repeated, tag = "1")]
    pub(crate) present: Vec<Present>,
}

/// A group, and the number of its newest record.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Present {
    #[prost(message, required, tag = "1")]
    pub(crate) group: Group,
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
    /// The group is quarantined.
    #[prost(bool, tag = "3")]
    pub(crate) damaged: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Previous {
    /// Sequence of that append's first frame.
    #[prost(uint64, tag = "1")]
    pub(crate) first_sequence: u64,
    #[prost(message, repeated, tag = "2")]
    pub(crate) touched: Vec<Present>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Record {
    #[prost(message, required, tag = "1")]
    pub(crate) group: Group,
    /// Counts the group's records from 1, without gaps.
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
    #[prost(oneof = "Fact", tags = "3, 4, 5, 6, 7, 8, 9")]
    pub(crate) fact: Option<Fact>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum Fact {
    #[prost(message, tag = "3")]
    Opened(Empty),
    #[prost(message, tag = "4")]
    Entries(Entries),
    #[prost(bytes = "bytes", tag = "5")]
    State(Bytes),
    #[prost(uint64, tag = "6")]
    Compacted(u64),
    #[prost(message, tag = "7")]
    Sealed(Empty),
    #[prost(message, tag = "8")]
    Destroyed(Empty),
    #[prost(message, tag = "9")]
    Carried(Carried),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Entries {
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) entries: Vec<Bytes>,
}

/// What a group still needs of a segment that is about to be recycled. Replaces nothing newer.
#[expect(clippy::struct_excessive_bools, reason = "the form on disk")]
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Carried {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) state: Option<Bytes>,
    #[prost(uint64, tag = "2")]
    pub(crate) compacted: u64,
    #[prost(bool, tag = "3")]
    pub(crate) sealed: bool,
    #[prost(message, repeated, tag = "4")]
    pub(crate) runs: Vec<Entries>,
    /// A tail was cut off, and the group's owner has written no state since.
    #[prost(bool, tag = "5")]
    pub(crate) cut: bool,
}

/// Content of the record that a clean shutdown leaves beside the segments.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Closed {
    /// Sequence of the last frame.
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    /// Its checksum.
    #[prost(uint32, tag = "2")]
    pub(crate) crc: u32,
}

impl From<GroupKey> for Group {
    fn from(key: GroupKey) -> Self {
        Self { partition: key.partition, lineage: key.lineage, replica: key.replica }
    }
}

impl From<Group> for GroupKey {
    fn from(group: Group) -> Self {
        Self { partition: group.partition, lineage: group.lineage, replica: group.replica }
    }
}
