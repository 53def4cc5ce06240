//! What the frames found after a restart mean: one decision at each place where they do not simply
//! follow each other, as a table with a name for each row.
//!
//! | what is found                                      | row                    | outcome     |
//! |----------------------------------------------------|------------------------|-------------|
//! | nothing more, nothing promised beyond              | `CleanEnd`             | go on there |
//! | no good frame, nobody knew it to be durable        | `TornTail`             | cut off     |
//! | good frames of an append whose last is missing     | `UnfinishedAppend`     | cut off     |
//! | no good frame, a later one knew it to be durable   | `CoveredByLaterFrame`  | quarantine  |
//! | no good frame, the closing record knew it          | `CoveredByClosing`     | quarantine  |
//!
//! Frames that do not continue the chain (leftovers of an earlier tail) are never replayed, but
//! what they say about durability was true, so it counts.
//!
//! Not here: reading files (`scan`), and what records mean (`replay`).

use super::scan::Found;
use crate::mutants;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    CleanEnd,
    TornTail,
    UnfinishedAppend,
    CoveredByLaterFrame,
    CoveredByClosing,
}

/// What a row makes of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The log goes on where the last whole append ends.
    Continue,
    /// What follows the last whole append was promised to nobody.
    Truncate,
    /// Durable records are gone.
    Quarantine,
}

/// What is known about a place where the chain does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Sequence of the frame that should be there.
    pub(super) expected: u64,
    /// Highest sequence that any intact frame knew to be durable.
    pub(super) watermark: u64,
    /// Sequence in the closing record; 0 if there is none.
    pub(super) closed: u64,
    pub(super) place: Place,
}

/// What stands around such a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before it good frames of an append, whose last frame is missing.
    InAppend,
    /// A whole append before it, intact frames after it.
    BeforeFrames,
    /// A whole append before it, no intact frame after it.
    AtEnd,
}

/// Decides.
pub(super) fn decide(evidence: &Evidence) -> Row {
    if mutants::active("mid-log-corruption-taken-for-tail") {
        return Row::TornTail;
    }
    if evidence.watermark >= evidence.expected {
        return Row::CoveredByLaterFrame;
    }
    if evidence.closed >= evidence.expected {
        return Row::CoveredByClosing;
    }
    match evidence.place {
        Place::InAppend => Row::UnfinishedAppend,
        Place::BeforeFrames => Row::TornTail,
        Place::AtEnd => Row::CleanEnd,
    }
}

impl Row {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::CleanEnd => Verdict::Continue,
            Self::TornTail | Self::UnfinishedAppend => Verdict::Truncate,
            Self::CoveredByLaterFrame | Self::CoveredByClosing => Verdict::Quarantine,
        }
    }

    pub(super) fn why(self) -> &'static str {
        match self {
            Self::CleanEnd => "nothing follows",
            Self::TornTail => "a frame that was not known to be durable is damaged or unfinished",
            Self::UnfinishedAppend => "the last frames of an append are missing",
            Self::CoveredByLaterFrame => "a later frame says that the damaged one was durable",
            Self::CoveredByClosing => "the closing record says that the damaged frame was durable",
        }
    }
}

/// Frames of one whole append, in order.
pub(super) type Whole = Vec<Found>;

/// One step of the log as it can be believed.
#[derive(Debug)]
pub(super) enum Step {
    Append(Whole),
    /// Frames from sequence `from` up to but excluding `to` are gone; they began about here.
    Lost {
        from: u64,
        to: u64,
        ordinal: u64,
        offset: usize,
        row: Row,
    },
}

/// The log as it can be believed, and its end.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) steps: Vec<Step>,
    /// Row at the end of the log.
    pub(super) end: Row,
    /// Sequence of the last believed or lost frame.
    pub(super) last_sequence: u64,
    /// Checksum of the last believed frame.
    pub(super) last_crc: u32,
    /// Highest sequence known to be durable.
    pub(super) watermark: u64,
}

/// Walks all intact frames from segment `oldest` on, in order of segments and positions, and
/// decides at each break.
pub(super) fn read(frames: &[Found], oldest: u64, closed: u64) -> Reading {
    let watermark = frames.iter().map(|frame| frame.header.watermark).max().unwrap_or(0);
    let mut walk = Walk::new(oldest, watermark, closed);
    for frame in frames {
        if !walk.take(frame) {
            break;
        }
    }
    walk.finish()
}

struct Walk {
    steps: Vec<Step>,
    open: Whole,
    /// Sequence and checksum of the last frame that was believed, whole append or not.
    sequence: u64,
    crc: u32,
    /// Where it ended.
    ordinal: u64,
    offset: usize,
    watermark: u64,
    closed: u64,
    /// Set by the verdict that ends the log.
    end: Option<Row>,
}

impl Walk {
    fn new(oldest: u64, watermark: u64, closed: u64) -> Self {
        Self {
            steps: Vec::new(),
            open: Vec::new(),
            sequence: 0,
            crc: 0,
            ordinal: oldest,
            offset: 0,
            watermark,
            closed,
            end: None,
        }
    }

    fn evidence(&self, outside: Place) -> Evidence {
        Evidence {
            expected: self.open.first().map_or(self.sequence + 1, |first| first.header.sequence),
            watermark: self.watermark,
            closed: self.closed,
            place: if self.open.is_empty() { outside } else { Place::InAppend },
        }
    }

    /// Takes the next intact frame; false if the log ends before it.
    fn take(&mut self, frame: &Found) -> bool {
        let header = &frame.header;
        let at_start = self.steps.is_empty() && self.open.is_empty();
        if at_start && header.place.is_first() && frame.offset == 0 {
            // The oldest segment there is begins the log; what came before is not needed.
            self.believe(frame);
            return true;
        }
        if header.generation != frame.ordinal {
            // Only the seeded bug lets such a frame come here.
            self.believe(frame);
            return true;
        }
        let continues = header.sequence == self.sequence + 1 && header.chain == self.crc;
        if continues && header.place.is_first() == self.open.is_empty() {
            self.believe(frame);
            return true;
        }
        if header.sequence <= self.sequence {
            return true; // A leftover. What it says about durability is in the watermark already.
        }
        let evidence = self.evidence(Place::BeforeFrames);
        let row = decide(&evidence);
        if row.verdict() != Verdict::Quarantine {
            self.end = Some(row);
            return false;
        }
        if header.place.is_first() {
            self.lose(evidence.expected, header.sequence, row);
            self.believe(frame);
        }
        true
    }

    fn believe(&mut self, frame: &Found) {
        self.sequence = frame.header.sequence;
        self.crc = frame.header.crc;
        self.ordinal = frame.ordinal;
        self.offset = frame.end();
        self.open.push(*frame);
        if frame.header.place.is_last() {
            self.steps.push(Step::Append(std::mem::take(&mut self.open)));
        }
    }

    fn lose(&mut self, from: u64, to: u64, row: Row) {
        let start =
            self.open.first().map_or((self.ordinal, self.offset), |first| (first.ordinal, first.offset));
        self.open.clear();
        self.steps.push(Step::Lost { from, to, ordinal: start.0, offset: start.1, row });
        self.sequence = to - 1;
    }

    fn finish(mut self) -> Reading {
        let known = self.watermark.max(self.closed);
        let evidence = self.evidence(Place::AtEnd);
        let mut end = self.end.unwrap_or_else(|| decide(&evidence));
        if end.verdict() == Verdict::Quarantine {
            // The sequences of a half-lost append are not used again either.
            self.lose(evidence.expected, known.max(self.sequence) + 1, end);
        } else if let Some(first) = self.open.first().map(|first| first.header.sequence) {
            end = Row::UnfinishedAppend;
            self.sequence = first - 1;
        }
        let whole = |step: &Step| match step {
            Step::Append(frames) => frames.last().map(|frame| frame.header.crc),
            Step::Lost { .. } => None,
        };
        let last_crc = self.steps.iter().rev().find_map(whole).unwrap_or(0);
        Reading { steps: self.steps, end, last_sequence: self.sequence, last_crc, watermark: known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::v1;

    /// A frame of segment 1: its sequence, watermark, and whether it is first and last of its append.
    fn frame(sequence: u64, watermark: u64, place: &str) -> Found {
        let place = match place {
            "whole" => v1::Place::of(0, 1),
            "first" => v1::Place::of(0, 2),
            "last" => v1::Place::of(1, 2),
            other => panic!("{other} is no place"),
        };
        let crc = |sequence| u32::try_from(sequence * 1000).unwrap();
        let header = v1::Header {
            place,
            length: 0,
            chain: crc(sequence - 1),
            generation: 1,
            sequence,
            watermark,
            crc: crc(sequence),
        };
        Found { header, ordinal: 1, offset: usize::try_from(sequence - 1).unwrap() * v1::HEADER_LEN }
    }

    /// What is believed and lost, as in "1 2 !3-4 5", and the row at the end.
    fn check(frames: &[Found], closed: u64) -> (String, Row) {
        let reading = read(frames, 1, closed);
        let step = |step: &Step| match step {
            Step::Append(frames) => {
                frames.iter().map(|frame| frame.header.sequence.to_string()).collect::<Vec<_>>().join("+")
            }
            Step::Lost { from, to, .. } => format!("!{from}-{}", to - 1),
        };
        (reading.steps.iter().map(step).collect::<Vec<_>>().join(" "), reading.end)
    }

    #[test]
    fn clean_end() {
        let frames = [frame(1, 0, "whole"), frame(2, 1, "first"), frame(3, 1, "last")];
        assert_eq!(check(&frames, 0), ("1 2+3".to_owned(), Row::CleanEnd));
        assert_eq!(check(&frames, 3), ("1 2+3".to_owned(), Row::CleanEnd));
        assert_eq!(check(&[], 0), (String::new(), Row::CleanEnd));
    }

    #[test]
    fn torn_tail() {
        // 2 is gone, and 3 does not know it to be durable.
        let frames = [frame(1, 0, "whole"), frame(3, 1, "whole")];
        assert_eq!(check(&frames, 0), ("1".to_owned(), Row::TornTail));
        assert_eq!(check(&frames, 1), ("1".to_owned(), Row::TornTail));
    }

    #[test]
    fn unfinished_append() {
        assert_eq!(
            check(&[frame(1, 0, "whole"), frame(2, 1, "first")], 0),
            ("1".to_owned(), Row::UnfinishedAppend)
        );
    }

    #[test]
    fn covered_by_later_frame() {
        let frames = [frame(1, 0, "whole"), frame(3, 2, "whole"), frame(4, 2, "whole")];
        assert_eq!(check(&frames, 0), ("1 !2-2 3 4".to_owned(), Row::CleanEnd));
        // Half an append is lost: the other half is not believed.
        let frames = [frame(1, 0, "whole"), frame(3, 1, "last"), frame(4, 3, "whole")];
        assert_eq!(check(&frames, 0), ("1 !2-3 4".to_owned(), Row::CleanEnd));
        let frames = [frame(1, 0, "whole"), frame(2, 1, "first"), frame(4, 3, "whole")];
        assert_eq!(check(&frames, 0), ("1 !2-3 4".to_owned(), Row::CleanEnd));
    }

    #[test]
    fn covered_by_closing() {
        let frames = [frame(1, 0, "whole"), frame(2, 1, "first")];
        assert_eq!(check(&frames, 3), ("1 !2-3".to_owned(), Row::CoveredByClosing));
        assert_eq!(check(&[], 3), ("!1-3".to_owned(), Row::CoveredByClosing));
    }

    #[test]
    fn a_leftover_of_an_earlier_tail_is_not_replayed() {
        // The log ended before 3 once, was cut off, and went on with another 3.
        let mut leftover = frame(4, 2, "whole");
        leftover.header.chain = 77;
        let frames = [frame(1, 0, "whole"), frame(2, 1, "whole"), frame(3, 2, "whole"), leftover];
        assert_eq!(check(&frames, 0), ("1 2 3".to_owned(), Row::TornTail));
    }

    #[test]
    fn every_combination_of_facts_has_one_row() {
        for (watermark, closed) in [(0, 0), (4, 0), (5, 0), (0, 4), (0, 5), (5, 5), (9, 9)] {
            for place in [Place::InAppend, Place::BeforeFrames, Place::AtEnd] {
                let covered = watermark >= 5 || closed >= 5;
                let row = decide(&Evidence { expected: 5, watermark, closed, place });
                assert_eq!(row.verdict() == Verdict::Quarantine, covered, "{watermark} {closed} {place:?}");
                assert_eq!(row.verdict() == Verdict::Continue, !covered && place == Place::AtEnd);
            }
        }
    }
}
