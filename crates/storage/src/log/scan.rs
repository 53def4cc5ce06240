//! Finds the intact frames of a segment, in spite of whatever lies between them.
//!
//! Not here: conclusions (`recovery`). Behind a damaged frame the search goes on at every position
//! where a frame can begin; only frames of the segment's own generation are seen at all.

use crate::format::v1::{ALIGN, Header, frame_len};
use crate::mutants;

/// The idle watermark frame starts at a multiple of this, away from the frames it vouches for:
/// a damaged sector or page does not take both.
pub(super) const APART: u64 = 4096;

/// An intact frame and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) ordinal: u64,
    pub(super) offset: usize,
}

impl Found {
    pub(super) fn end(&self) -> usize {
        self.offset + frame_len(self.header.length)
    }
}

/// All intact frames of generation `ordinal` in the bytes of a segment, by position.
pub(super) fn scan(bytes: &[u8], ordinal: u64) -> Vec<Found> {
    let any_generation = mutants::active("stale-frame-of-recycled-segment-accepted");
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let header = Header::parse(&bytes[offset..]);
        match header.filter(|header| header.generation == ordinal || any_generation) {
            Some(header) => {
                let frame = Found { header, ordinal, offset };
                offset = frame.end();
                found.push(frame);
            }
            None => offset += ALIGN,
        }
    }
    found
}
