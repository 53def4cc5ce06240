//! Messages that no correct replica sends, made out of ones that it did send.
//!
//! Not here: whether they are refused; a group must survive them either way.

use bytes::Bytes;
use prost::Message as _;

use super::Random;
use crate::wire::Envelope;

/// Another form of a message of this crate: some fields changed, or some bytes.
pub fn twisted(bytes: &Bytes, random: &mut Random) -> Bytes {
    let Ok(mut envelope) = Envelope::decode(bytes.clone()) else { return noise(random) };
    match random.below(10) {
        0 => noise(random),
        1 => flipped(bytes, random),
        _ => {
            for _ in 0..=random.below(3) {
                twist(&mut envelope, random);
            }
            Bytes::from(envelope.encode_to_vec())
        }
    }
}

fn noise(random: &mut Random) -> Bytes {
    (0..random.below(60)).map(|_| random.next_u64().to_le_bytes()[0]).collect()
}

fn flipped(bytes: &Bytes, random: &mut Random) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = random.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
    Bytes::from(bytes)
}

fn twist(envelope: &mut Envelope, random: &mut Random) {
    let field = match random.below(12) {
        0 => &mut envelope.term,
        1 => &mut envelope.log_term,
        2 => &mut envelope.index,
        3 => &mut envelope.commit,
        4 => &mut envelope.commit_term,
        5 => &mut envelope.reject_hint,
        6 => {
            envelope.reject = !envelope.reject;
            return;
        }
        7 => {
            envelope.kind = i32::try_from(random.below(12)).unwrap_or(0);
            return;
        }
        8 => {
            envelope.entries.reverse();
            return;
        }
        9 => {
            envelope.entries.pop();
            return;
        }
        10 => &mut envelope.all_matched,
        _ => {
            let at = random.below(envelope.entries.len());
            let Some(entry) = envelope.entries.get_mut(at) else { return };
            &mut entry.term
        }
    };
    *field = near(*field, random);
}

/// A little more or less, nothing, or absurdly much.
fn near(value: u64, random: &mut Random) -> u64 {
    match random.below(24) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << 62,
        3..11 => value.wrapping_add(1 + random.next_u64() % 3),
        _ => value.saturating_sub(1 + random.next_u64() % 3),
    }
}
