//! CRC32C, the one checksum of everything this crate writes.
//!
//! Not here: digests that replicas compare (`engine`). The one thing to know: a checksum always
//! covers what the bytes are for (position, key), not only the bytes, so that good bytes in the
//! wrong place do not pass.

use crc_fast::{CrcAlgorithm, Digest};

/// Checksum of several pieces as if they were one.
pub(crate) fn crc32c(pieces: &[&[u8]]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    for piece in pieces {
        digest.update(piece);
    }
    u32::try_from(digest.finalize()).expect("a 32-bit checksum fits into 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32c(&[b"123456789"]), 0xe306_9283);
        assert_eq!(crc32c(&[b"1234", b"", b"56789"]), 0xe306_9283);
    }
}
