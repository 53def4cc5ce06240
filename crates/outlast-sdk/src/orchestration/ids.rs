//! Ids and numbers that look random and are the same in every replay.
//!
//! They follow from the instance's id, the time of the turn and a counter, as in the protocol's other
//! SDKs. The execution's id is not among them: a rewound instance has a new one and its old history.

use super::turn::Turn;

const SEED_HIGH: u64 = 0xcbf2_9ce4_8422_2325;
const SEED_LOW: u64 = 0x9ae1_6a3b_2f90_404f;
const SEED_NUMBER: u64 = 0x27d4_eb2f_1656_67c5;

/// In the shape of a UUID of version 8, the one for makers' own schemes.
pub(super) fn uuid(turn: &Turn) -> String {
    let high = hash(turn, SEED_HIGH) & 0xffff_ffff_ffff_0fff | 0x8000;
    let low = hash(turn, SEED_LOW) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

pub(super) fn number(turn: &Turn) -> u64 {
    hash(turn, SEED_NUMBER)
}

/// FNV-1a over everything that tells this id from others.
fn hash(turn: &Turn, seed: u64) -> u64 {
    let mut hash = seed;
    let numbers = [
        turn.now.seconds.to_le_bytes(),
        i64::from(turn.now.nanos).to_le_bytes(),
        turn.ids_made.to_le_bytes(),
    ];
    for byte in turn.identity.instance.as_bytes().iter().chain(&[0]).chain(numbers.iter().flatten()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV mixes its last bytes badly; this spreads them over all bits.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
