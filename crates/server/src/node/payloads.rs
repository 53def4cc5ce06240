//! Large texts of a command: taken out before it goes to its partition, and brought there first.
//!
//! What is left in the command is a reference to the content ([`engine::payload`]). Not here: who waits
//! for the parts (`uploads`), and what the partition does with them (`engine`).

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use engine::limits::{PAYLOAD_BYTES_MIN, PAYLOAD_PART_BYTES_MAX};
use engine::partition::command::{Command, StorePayload};
use engine::payload::{self, PayloadHash, Reference};

/// Which texts are held apart, and how they travel; `sim` has tiny ones.
#[derive(Debug, Clone, Copy)]
pub struct Apart {
    /// Texts of more bytes are held apart.
    pub above_bytes: usize,
    /// Bytes of one part.
    pub part_bytes: usize,
    /// How long a part is kept although nothing names it yet.
    pub keep: Duration,
}

impl Default for Apart {
    fn default() -> Self {
        Self {
            above_bytes: PAYLOAD_BYTES_MIN,
            part_bytes: PAYLOAD_PART_BYTES_MAX,
            keep: Duration::from_secs(30),
        }
    }
}

/// A large text on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    reference: Reference,
    content: Bytes,
}

impl Payload {
    fn of(text: String) -> Self {
        let content = Bytes::from(text);
        let hash = PayloadHash(*blake3::hash(&content).as_bytes());
        let bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
        Self { reference: Reference { hash, bytes }, content }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    /// What brings it, in order.
    pub fn parts(&self, apart: Apart) -> impl Iterator<Item = StorePayload> + '_ {
        let size = apart.part_bytes.max(1);
        (0..self.content.len()).step_by(size).map(move |from| {
            let part = self.content.slice(from..self.content.len().min(from + size));
            part_of(self.reference, from, part, apart)
        })
    }
}

/// A part of the text that `reference` names, as its partition is to be given it.
pub(crate) fn part_of(reference: Reference, offset: usize, part: Bytes, apart: Apart) -> StorePayload {
    StorePayload {
        hash: Bytes::copy_from_slice(&reference.hash.0),
        bytes: reference.bytes,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        part,
        keep_ms: u64::try_from(apart.keep.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Takes the large texts out of a command, each content once.
pub fn take_out(command: &mut Command, apart: Apart) -> Vec<Payload> {
    let mut taken: Vec<Payload> = Vec::new();
    let mut known = BTreeSet::new();
    payload::visit_texts(command, &mut |text| {
        if payload::is_held_apart(text, apart.above_bytes) {
            let payload = Payload::of(std::mem::take(text));
            *text = payload.reference.to_text();
            if known.insert(payload.reference) {
                taken.push(payload);
            }
        }
    });
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::partition::command::RaiseEvent;

    fn raise(input: &str) -> Command {
        Command::RaiseEvent(RaiseEvent { input: Some(input.to_owned()), ..RaiseEvent::default() })
    }

    fn input(command: &Command) -> &str {
        let Command::RaiseEvent(raise) = command else { panic!("an event") };
        raise.input.as_deref().expect("an input")
    }

    #[test]
    fn a_large_text_goes_in_parts_and_a_small_one_stays() {
        let apart = Apart { above_bytes: 100, part_bytes: 40, ..Apart::default() };
        let mut small = raise(&"x".repeat(100));
        assert_eq!(take_out(&mut small, apart), []);
        let whole = "y".repeat(101);
        let mut large = raise(&whole);
        let taken = take_out(&mut large, apart);
        assert_eq!(Reference::parse(input(&large)), Some(taken[0].reference));
        let parts: Vec<StorePayload> = taken[0].parts(apart).collect();
        assert_eq!(parts.iter().map(|part| part.offset).collect::<Vec<_>>(), [0, 40, 80]);
        assert_eq!(parts.iter().map(|part| part.part.len()).sum::<usize>(), 101);
        assert!(parts.iter().all(|part| part.bytes == 101 && part.keep_ms == 30_000));
    }

    #[test]
    fn nobody_can_send_a_reference_to_what_is_not_theirs() {
        let foreign = Payload::of("a secret of another instance".to_owned()).reference.to_text();
        let mut command = raise(&foreign);
        let taken = take_out(&mut command, Apart::default());
        assert_eq!(taken.len(), 1, "the reference itself is taken for content");
        assert_eq!(taken[0].content, foreign.as_bytes());
        assert_ne!(input(&command), foreign);
    }
}
