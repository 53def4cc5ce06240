//! Large texts, held apart: how a text is named where it would stand, and which texts may be.
//!
//! A **reference** stands in place of a text: U+10FFFF, 64 digits of the content's hash, 8 digits of its
//! length. It is a text like any other, so whatever copies texts copies references. Nobody can forge one:
//! a text from outside that has U+10FFFF in it is itself held apart, however small it is.
//! Not here: the rows and the counts (`partition::state::payloads`), and hashing, which is the caller's.

use std::fmt::Write as _;

use crate::event::{visit_action, visit_event};
use crate::partition::command::{Command, OperationActionKind};

/// What begins a reference: a character that no text has a use for.
const MARK: &str = "\u{10FFFF}";
const HASH_DIGITS: usize = 64;
const LENGTH_DIGITS: usize = 8;
/// Bytes of a reference.
pub const REFERENCE_BYTES: usize = MARK.len() + HASH_DIGITS + LENGTH_DIGITS;

/// Names a payload by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadHash(pub [u8; 32]);

impl PayloadHash {
    /// `None` where it has not 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(Self)
    }
}

/// What stands in place of a large text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Which content.
    pub hash: PayloadHash,
    /// How many bytes it has.
    pub bytes: u32,
}

impl Reference {
    /// As it stands in a text.
    pub fn to_text(self) -> String {
        let mut text = String::with_capacity(REFERENCE_BYTES);
        text.push_str(MARK);
        for byte in self.hash.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, "{:08x}", self.bytes);
        text
    }

    /// The reference that a text is; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == REFERENCE_BYTES { Self::at_start(text.as_bytes()) } else { None }
    }

    fn at_start(bytes: &[u8]) -> Option<Self> {
        let digits = bytes.strip_prefix(MARK.as_bytes())?.get(..HASH_DIGITS + LENGTH_DIGITS)?;
        let (hash, length) = digits.split_at_checked(HASH_DIGITS)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hash.as_chunks::<2>().0) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let length = length.iter().try_fold(0_u32, |sum, byte| Some(sum << 4 | u32::from(digit(*byte)?)))?;
        Some(Self { hash: PayloadHash(bytes), bytes: length })
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Bytes looked at together: the compiler makes a few instructions of them.
const BLOCK_BYTES: usize = 64;

/// Where a mark may begin, at `from` or later.
fn find_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let first = *MARK.as_bytes().first()?;
    let rest = bytes.get(from..)?;
    let has = |block: &[u8]| block.iter().fold(false, |found, byte| found | (*byte == first));
    let block = rest.chunks(BLOCK_BYTES).position(has)?;
    let skipped = from + block * BLOCK_BYTES;
    let within = bytes.get(skipped..)?.iter().position(|byte| *byte == first)?;
    Some(skipped + within)
}

/// Every reference in stored bytes, in order; as often as it stands there.
pub fn references(bytes: &[u8]) -> impl Iterator<Item = Reference> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(at) = find_mark(bytes, from) {
            match bytes.get(at..).and_then(Reference::at_start) {
                Some(reference) => {
                    from = at + REFERENCE_BYTES;
                    return Some(reference);
                }
                None => from = at + 1,
            }
        }
        from = bytes.len();
        None
    })
}

/// Whether stored bytes hold any reference.
pub fn has_reference(bytes: &[u8]) -> bool {
    references(bytes).next().is_some()
}

/// How many bytes these stored bytes have once their references are replaced by what they name.
pub fn whole_bytes(bytes: &[u8]) -> usize {
    let more = |reference: Reference| usize::try_from(reference.bytes).unwrap_or(usize::MAX);
    references(bytes).fold(bytes.len(), |sum, reference| sum.saturating_add(more(reference)))
}

/// How many bytes a text has, or what it names.
pub(crate) fn text_bytes(text: &str) -> u32 {
    let own = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Reference::parse(text).map_or(own, |reference| reference.bytes)
}

/// A text to be put into a sentence for people, where a large one says nothing.
pub(crate) fn shown(text: &str) -> String {
    match Reference::parse(text) {
        Some(reference) => format!("a text of {} bytes", reference.bytes),
        None => text.to_owned(),
    }
}

/// Whether a text from outside is held apart: it is large, or it could be taken for a reference.
pub fn is_held_apart(text: &str, above_bytes: usize) -> bool {
    text.len() > above_bytes || text.contains(MARK)
}

/// Calls `visit` for each text of a command that may be large.
pub fn visit_texts(command: &mut Command, visit: &mut impl FnMut(&mut String)) {
    let mut sure = |text: &mut String| {
        visit(text);
        Ok::<(), std::convert::Infallible>(())
    };
    let Ok(()) = visit_command(command, &mut sure);
}

fn visit_command<E>(
    command: &mut Command,
    visit: &mut impl FnMut(&mut String) -> Result<(), E>,
) -> Result<(), E> {
    let text = match command {
        Command::StartOrchestration(command) => &mut command.input,
        Command::RaiseEvent(command) => &mut command.input,
        Command::Terminate(command) => &mut command.output,
        Command::CompleteActivity(command) => &mut command.result,
        Command::SignalEntity(command) => return visit_event(&mut command.event, visit),
        Command::PutSchedule(command) => match &mut command.spec {
            Some(spec) => &mut spec.input,
            None => return Ok(()),
        },
        Command::CompleteOrchestrationTurn(command) => {
            return command.actions.iter_mut().try_for_each(|action| visit_action(action, visit));
        }
        Command::CompleteEntityBatch(command) => {
            for result in &mut command.results {
                result.output.as_mut().map_or(Ok(()), &mut *visit)?;
            }
            for action in &mut command.actions {
                match &mut action.kind {
                    Some(OperationActionKind::Signal(signal)) => visit_event(&mut signal.event, visit)?,
                    Some(OperationActionKind::Start(start)) => {
                        start.input.as_mut().map_or(Ok(()), &mut *visit)?;
                    }
                    None => {}
                }
            }
            &mut command.state
        }
        // What came from outside long ago, or never holds a text of a user.
        Command::Suspend(_)
        | Command::Resume(_)
        | Command::Purge(_)
        | Command::Restart(_)
        | Command::Rewind(_)
        | Command::ResendEvents(_)
        | Command::DeleteEntity(_)
        | Command::ReleaseLock(_)
        | Command::ResumeEntity(_)
        | Command::StorePayload(_)
        | Command::ChangeSchedule(_)
        | Command::FireSchedule(_)
        | Command::ReceiveMessages(_)
        | Command::AcknowledgeMessages(_)
        | Command::RaiseEpoch(_)
        | Command::FireTimers(_)
        | Command::Sweep(_)
        | Command::MarkStuck(_)
        | Command::ForceTerminate(_)
        | Command::ConfigureFeed(_)
        | Command::AcknowledgeFeed(_)
        | Command::MarkEntityStuck(_)
        | Command::AdvanceEntity(_) => return Ok(()),
    };
    text.as_mut().map_or(Ok(()), visit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(bytes: u32) -> Reference {
        Reference { hash: PayloadHash([0xa7; 32]), bytes }
    }

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let text = reference(3 << 20).to_text();
        assert_eq!(text.len(), REFERENCE_BYTES);
        assert_eq!(Reference::parse(&text), Some(reference(3 << 20)));
        assert_eq!(Reference::parse(&format!("{text} ")), None);
        assert_eq!(Reference::parse("a small text"), None);
        assert_eq!(text_bytes(&text), 3 << 20);
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        for before in 0..3 * BLOCK_BYTES {
            let mut bytes = vec![0xf4; before];
            bytes.extend_from_slice(reference(7).to_text().as_bytes());
            bytes.push(0xf4);
            bytes.extend_from_slice(reference(9).to_text().as_bytes());
            assert_eq!(references(&bytes).collect::<Vec<_>>(), [reference(7), reference(9)], "{before}");
            assert_eq!(whole_bytes(&bytes), bytes.len() + 16);
        }
        assert!(!has_reference(MARK.repeat(100).as_bytes()));
        assert!(!has_reference(&[]));
    }

    #[test]
    fn a_text_that_could_be_taken_for_a_reference_is_held_apart() {
        assert!(is_held_apart(&reference(1).to_text(), 1_000));
        assert!(is_held_apart(&format!("in the middle {MARK} of it"), 1_000));
        assert!(!is_held_apart(&"x".repeat(1_000), 1_000));
        assert!(is_held_apart(&"x".repeat(1_001), 1_000));
    }
}
