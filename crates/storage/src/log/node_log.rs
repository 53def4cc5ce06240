//! The node log's verbs: append, sync, note, close.
//!
//! Not here: opening (`open`), recycling (`recycle`), files (`segment`). The one thing to know:
//! memory is updated only after the bytes were written, and after a failed write or sync nothing
//! is ever written again, because nobody knows what the disk holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform::{Disk, Lock};
use prost::Message as _;

use super::index::Index;
use super::open::{self, len_u64};
use super::replay;
use super::scan::APART;
use super::segment::{self, Segment, Spare};
use super::survey;
use super::types::{GroupKey, Options, Record, Recovered, Tail, Usage};
use crate::error::Error;
use crate::format::v1::{self, Append, Closed, Fact, HEADER_LEN, Header, Place, frame_len};
use crate::mutants;
use crate::scrub::ScrubReport;

/// The log of one node. Invariant: after a failed write or sync it accepts nothing for ever.
pub struct NodeLog {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) options: Options,
    _lock: Box<dyn Lock>,
    /// The segment that is written to; none only while the log is being opened.
    pub(super) current: Option<Segment>,
    spare: Option<Spare>,
    /// Ordinal of the oldest segment there is.
    pub(super) oldest: u64,
    pub(super) index: Index,
    /// What the newest append touched.
    pub(super) previous: Option<v1::Previous>,
    /// Sequence and checksum of the newest frame.
    pub(super) sequence: u64,
    pub(super) crc: u32,
    /// Sequence of the newest frame known to be durable.
    pub(super) durable: u64,
    /// The watermark in the newest frame.
    pub(super) vouched: u64,
    /// The highest watermark in a frame that is durable itself.
    proven: u64,
    /// Where a tail was cut off, the next frame has to say so.
    end: Tail,
    /// Whether records were written since the last sync.
    unsynced: bool,
    poison: Option<String>,
    pub(super) usage: Usage,
}

impl fmt::Debug for NodeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeLog")
            .field("dir", &self.dir)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl NodeLog {
    /// Opens or creates the log in `dir` and reads back all that it holds. What is handed out is
    /// durable, even what the process before did not live to sync.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Self, Recovered), Error> {
        open::open(disk, dir, options)
    }

    /// Writes the records as one unit, not yet durable: after a crash all of them are there or none.
    /// `Full`, `Refused` and `Quarantined` leave the log as it was; any other error ends its life.
    pub fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        self.check_alive()?;
        if records.is_empty() {
            return Ok(());
        }
        let mut append = self.compose(records)?;
        if self.spare.is_none() && records.iter().any(adds_entries) {
            // Without a spare the rest of this segment is the reserve in which groups can still
            // vote, compact and be destroyed; entries wait until there is room again.
            self.prepare_spare()?;
        }
        let needed = self.framed_len(append.encoded_len());
        if needed > len_u64(self.options.append_bytes_max) {
            let (group, max) = (records[0].group(), self.options.append_bytes_max);
            return Err(Error::Refused { group, why: format!("{needed} bytes at once, possible are {max}") });
        }
        if !self.fits(needed)? {
            // Numbers and the list of what was touched last change with the roll.
            self.roll(needed + 1024 + 64 * len_u64(self.index.groups.len()))?;
            append = self.compose(records)?;
        }
        self.put(&append)?;
        self.usage.appends += 1;
        Ok(())
    }

    /// Makes all that was appended durable. A failure poisons the log for good.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.check_alive()?;
        if !self.unsynced {
            return Ok(());
        }
        if !mutants::active("ack-before-fsync") {
            let file = Arc::clone(&self.segment()?.file);
            self.usage.syncs += 1;
            let mut outcome = file.sync_data();
            if outcome.is_err() && mutants::active("fsync-retried-after-error") {
                outcome = file.sync_data();
            }
            outcome.map_err(|error| self.poison("sync", &error))?;
        }
        self.unsynced = false;
        self.durable = self.sequence;
        self.proven = self.vouched;
        Ok(())
    }

    /// Makes all that was appended durable, and proves it with a frame behind it that is durable
    /// too: damage to it can never pass for an unfinished write. Costs a second write and sync.
    pub fn vouch(&mut self) -> Result<(), Error> {
        self.sync()?;
        if self.proven >= self.durable {
            return Ok(());
        }
        let vouched_for = self.durable;
        let noted = self.vouched >= vouched_for || self.note()?;
        self.unsynced = !mutants::active("vouched-without-sync");
        self.sync()?;
        self.proven = self.proven.max(vouched_for);
        if noted {
            // The note itself holds nothing that has to be vouched for.
            self.durable = vouched_for;
        }
        Ok(())
    }

    /// Writes a small frame that says how far the log is known to be durable, so that damage to
    /// the last synced append cannot pass for an unfinished write. To be called after idling, and
    /// without a sync of its own: its loss is harmless. Does nothing where nothing is to be said.
    pub fn note_durable(&mut self) -> Result<(), Error> {
        self.check_alive()?;
        if self.unsynced || self.vouched >= self.durable {
            return Ok(());
        }
        match self.note() {
            Ok(noted) => self.unsynced &= !noted,
            // The next segment's first frame says it, whenever there is room for a segment.
            Err(Error::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes the frame that vouches; false if it is the first one of a new segment.
    fn note(&mut self) -> Result<bool, Error> {
        // With a roll call, so that damage before it can be told exactly, group by group.
        let append = self.opening();
        let start = self.segment()?.offset.next_multiple_of(APART);
        if start + len_u64(frame_len(append.encoded_len())) > self.segment()?.size {
            self.roll(0)?;
            return Ok(false);
        }
        self.segment_mut()?.offset = start;
        self.put(&append)?;
        Ok(true)
    }

    /// Syncs, and records that nothing comes after.
    pub fn close(mut self) -> Result<(), Error> {
        // The frame of a note is not synced by itself, but the closing record would vouch for it.
        self.unsynced |= self.durable < self.sequence;
        self.sync()?;
        let closed = Closed { sequence: self.sequence, crc: self.crc };
        let path = survey::closed_path(&self.dir);
        open::replace(&*self.disk, &self.dir, &path, &survey::closing_record(&closed))
    }

    /// Reads all segments and reports what is damaged.
    pub fn scrub(&self) -> Result<ScrubReport, Error> {
        survey::report(&*self.disk, &self.dir)
    }

    /// Counters since opening.
    pub fn usage(&self) -> Usage {
        let newest = self.current.as_ref().map_or(self.oldest, |segment| segment.ordinal);
        Usage { segments: newest + 1 - self.oldest, ..self.usage }
    }

    pub(super) fn assemble(disk: Arc<dyn Disk>, dir: &Path, options: Options, lock: Box<dyn Lock>) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            options,
            _lock: lock,
            current: None,
            spare: None,
            oldest: 1,
            index: Index::default(),
            previous: None,
            sequence: 0,
            crc: 0,
            durable: 0,
            vouched: 0,
            proven: 0,
            end: Tail::Whole,
            unsynced: false,
            poison: None,
            usage: Usage::default(),
        }
    }

    /// Goes on in the newest segment, or in a new one where there is none to go on in.
    pub(super) fn continue_in(
        &mut self,
        current: Option<Segment>,
        (oldest, newest): (u64, u64),
        end: Tail,
    ) -> Result<(), Error> {
        self.oldest = oldest;
        self.end = end;
        match current {
            Some(segment) => {
                let begins = segment.offset == 0 || end == Tail::Cut;
                self.current = Some(segment);
                let opening = self.opening();
                if begins && self.fits(self.framed_len(opening.encoded_len()))? {
                    self.put(&opening)?;
                } else if begins {
                    self.start_segment(newest + 1, 0)?;
                }
            }
            None => self.start_segment(newest + 1, 0)?,
        }
        self.unsynced = true;
        self.sync()
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    fn check_alive(&self) -> Result<(), Error> {
        match &self.poison {
            Some(why) => Err(Error::Poisoned { why: why.clone() }),
            None => Ok(()),
        }
    }

    fn poison(&mut self, doing: &str, error: &dyn fmt::Display) -> Error {
        let why = format!("{doing}: {error}");
        self.poison.get_or_insert_with(|| why.clone());
        Error::Poisoned { why }
    }

    /// Passes `Full` on, and poisons the log after anything else.
    pub(super) fn fatal<T>(&mut self, doing: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| match error {
            Error::Full { .. } => error,
            other => self.poison(doing, &other),
        })
    }

    pub(super) fn segment(&self) -> Result<&Segment, Error> {
        self.current.as_ref().ok_or_else(|| Error::Poisoned { why: "no segment is open".to_owned() })
    }

    fn segment_mut(&mut self) -> Result<&mut Segment, Error> {
        self.current.as_mut().ok_or_else(|| Error::Poisoned { why: "no segment is open".to_owned() })
    }

    fn prepare_spare(&mut self) -> Result<(), Error> {
        let made = segment::spare(&*self.disk, &self.dir, self.options.segment_bytes);
        self.spare = Some(self.fatal("make a spare segment", made)?);
        Ok(())
    }

    /// Judges the records, and gives them the form and the numbers that they have on disk.
    fn compose(&self, records: &[Record]) -> Result<Append, Error> {
        let numbers = self.index.check(records)?;
        let records = records.iter().zip(numbers).map(|(record, number)| on_disk(record, number)).collect();
        Ok(Append { records, previous: self.previous.clone(), ..Append::default() })
    }

    /// Bytes on disk of a payload of `len` bytes.
    pub(super) fn framed_len(&self, len: usize) -> u64 {
        let max = self.frame_max();
        let (full, rest) = (len / max, len % max);
        let last = if rest > 0 || full == 0 { frame_len(rest) } else { 0 };
        len_u64(full * frame_len(max) + last)
    }

    fn frame_max(&self) -> usize {
        self.options.frame_bytes_max.clamp(64, v1::PAYLOAD_MAX)
    }

    pub(super) fn fits(&self, needed: u64) -> Result<bool, Error> {
        let segment = self.segment()?;
        Ok(segment.offset + needed <= segment.size)
    }

    /// Ends this segment, durable, and begins the next with room for `needed` bytes.
    fn roll(&mut self, needed: u64) -> Result<(), Error> {
        if self.spare.is_none() {
            self.prepare_spare()?;
        }
        self.unsynced = true;
        self.sync()?;
        let next = self.segment()?.ordinal + 1;
        self.start_segment(next, needed)?;
        let recycled = self.recycle(needed);
        self.fatal("recycle", recycled)
    }

    fn start_segment(&mut self, ordinal: u64, needed: u64) -> Result<(), Error> {
        if self.spare.is_none() {
            self.prepare_spare()?;
        }
        let opening = self.opening();
        let needed = needed + self.framed_len(opening.encoded_len());
        let Some(mut spare) = self.spare.take() else {
            return Err(Error::Poisoned { why: "no spare segment".to_owned() });
        };
        let grown = spare.grow(&self.dir, needed.next_multiple_of(APART));
        if let Err(error @ Error::Full { .. }) = grown {
            self.spare = Some(spare);
            return Err(error);
        }
        self.fatal("grow a segment", grown)?;
        let made = spare.become_segment(&*self.disk, &self.dir, ordinal);
        let segment = made.map_err(|error| self.poison("name a segment", &error))?;
        self.current = Some(segment);
        self.put(&opening)
    }

    /// The first append of each segment, and an idle log's last: who there is, and which segments
    /// are needed.
    fn opening(&self) -> Append {
        Append {
            records: Vec::new(),
            roll_call: Some(self.index.roll_call()),
            previous: self.previous.clone(),
            oldest: self.oldest,
            cut: self.end == Tail::Cut,
        }
    }

    /// Writes an append at the current place with one call, then takes note of it.
    pub(super) fn put(&mut self, append: &Append) -> Result<(), Error> {
        let (bytes, count, crc) = self.frames(append)?;
        let segment = self.segment()?;
        let (file, offset, ordinal) = (Arc::clone(&segment.file), segment.offset, segment.ordinal);
        file.write_at(&bytes, offset).map_err(|error| self.poison("write", &error))?;
        self.segment_mut()?.offset += len_u64(bytes.len());
        self.unsynced = true;
        let first = self.sequence + 1;
        self.sequence += count;
        self.crc = crc;
        self.vouched = self.durable;
        if append.cut {
            self.index.note_cut(ordinal);
            self.end = Tail::Whole;
        }
        let mut touched = BTreeMap::new();
        for record in &append.records {
            touched.insert(GroupKey::from(record.group), record.number);
            self.index.note(record, ordinal);
        }
        self.previous = Some(replay::previous(first, &touched, &self.index));
        self.usage.frames += count;
        self.usage.bytes += len_u64(bytes.len());
        Ok(())
    }

    /// The frames of an append: bytes, how many, and the checksum of the last.
    fn frames(&self, append: &Append) -> Result<(Vec<u8>, u64, u32), Error> {
        let generation = self.segment()?.ordinal;
        let max = self.frame_max();
        let payload = append.encode_to_vec();
        let count = payload.len().div_ceil(max).max(1);
        let capacity = usize::try_from(self.framed_len(payload.len())).unwrap_or(0);
        let (mut bytes, mut crc) = (Vec::with_capacity(capacity), self.crc);
        for place in 0..count {
            let chunk = &payload[place * max..payload.len().min((place + 1) * max)];
            let start = bytes.len();
            bytes.resize(start + HEADER_LEN, 0);
            bytes.extend_from_slice(chunk);
            bytes.resize(start + frame_len(chunk.len()), 0);
            let header = Header {
                place: Place::of(place, count),
                length: chunk.len(),
                chain: crc,
                generation,
                sequence: self.sequence + 1 + len_u64(place),
                watermark: self.durable,
                crc: 0,
            };
            crc = header.seal(&mut bytes[start..]);
        }
        Ok((bytes, len_u64(count), crc))
    }
}

fn adds_entries(record: &Record) -> bool {
    matches!(record, Record::Entries { entries, .. } if !entries.is_empty())
}

fn on_disk(record: &Record, number: u64) -> v1::Record {
    let fact = match record {
        Record::Opened { .. } => Fact::Opened(v1::Empty {}),
        Record::Entries { first, entries, .. } => {
            Fact::Entries(v1::Entries { first: *first, entries: entries.clone() })
        }
        Record::State { state, .. } => Fact::State(state.clone()),
        Record::Compacted { upto, .. } => Fact::Compacted(*upto),
        Record::Sealed { .. } => Fact::Sealed(v1::Empty {}),
        Record::Destroyed { .. } => Fact::Destroyed(v1::Empty {}),
    };
    v1::Record { group: record.group().into(), number, fact: Some(fact) }
}
