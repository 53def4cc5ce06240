//! Opening the log: lock, survey, replay, and making what was found durable before anyone relies
//! on it.
//!
//! The process before may have died between writing and syncing, or after a sync that failed: then
//! the page cache shows bytes that no disk has. So what is not proven durable is written again.
//!
//! A tail that is cut off may have been durable and rotted. So it is never cut without a trace: what
//! is left of it says that something was begun there until a record of the log says that it was cut.
//!
//! Not here: what frames mean (`recovery`) and whose records are missing (`replay`).

use std::path::Path;
use std::sync::Arc;

use platform::{Disk, Lock, LockError, Mode};

use super::node_log::NodeLog;
use super::recovery::{Row, Step, Verdict};
use super::replay::{Outcome, Replay};
use super::scan::{Found, scan};
use super::segment::{self, Segment};
use super::survey::{self, Pages, Survey};
use super::types::{Damage, Options, Recovered, Tail, TailReport, Usage};
use crate::directory;
use crate::error::Error;
use crate::format::VERSION;
use crate::format::v1::Header;

/// Opens or creates the log in `dir`.
pub(super) fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(NodeLog, Recovered), Error> {
    directory::create(&*disk, dir)?;
    let lock = lock(&*disk, dir)?;
    let known = survey::check_format(&*disk, dir)?;
    let found = survey::survey(&*disk, dir)?;
    check_presence(dir, &found, known)?;
    let (outcome, damage) = replay(&*disk, dir, &found)?;
    check_oldest(dir, &found, &outcome, &damage)?;
    for stray in &found.strays {
        segment::discard(&*disk, dir, *stray)?;
    }
    segment::forget_spare(&*disk, dir)?;
    let Settled { current, tail, end } = settle(&*disk, dir, &found)?;
    let mut log = NodeLog::assemble(disk, dir, options, lock);
    let Outcome { index, mut groups, quarantined, roster, previous, .. } = outcome;
    log.resume(&found.reading, index, previous);
    let oldest = found.ordinals.first().copied().unwrap_or(1);
    let newest = found.ordinals.last().copied().unwrap_or(0);
    let damaged_end = found.reading.end.verdict() == Verdict::Quarantine;
    log.continue_in(current.filter(|_| !damaged_end), (oldest, newest), end)?;
    groups.iter_mut().for_each(|(key, group)| group.tail = log.index.tail(key));
    if !known {
        write_format(log.disk(), dir)?;
    }
    let whole = &found.reading;
    let was_clean = whole.end == Row::CleanEnd
        && (found.closed.sequence, found.closed.crc) == (whole.last_sequence, whole.last_crc)
        && whole.last_sequence > 0;
    Ok((log, Recovered { groups, quarantined, damage, roster, tail, was_clean }))
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Lock>, Error> {
    let path = dir.join("lock");
    disk.lock(&path).map_err(|error| match error {
        LockError::Busy { holder } => Error::InUse { path: dir.to_owned(), holder },
        LockError::Io(error) => Error::io("lock", &path)(error),
    })
}

/// The format file is written last when a log is made: with it there are segments, and without it
/// there is nothing in them.
fn check_presence(dir: &Path, found: &Survey, known: bool) -> Result<(), Error> {
    if known && found.ordinals.is_empty() {
        let why = "the format file says that there is a log".to_owned();
        return Err(Error::Missing { path: segment::path(dir, 1), why });
    }
    let used = found.ordinals.len() > 1 || found.frames.len() > 1 || found.closed.sequence > 0;
    if !known && used {
        let why = "the segments beside it hold records".to_owned();
        return Err(Error::Missing { path: survey::format_path(dir), why });
    }
    Ok(())
}

/// Segments up to the oldest needed one may be gone; one behind it may not.
fn check_oldest(dir: &Path, found: &Survey, outcome: &Outcome, damage: &[Damage]) -> Result<(), Error> {
    let Some(first) = found.ordinals.first().copied() else { return Ok(()) };
    // Where frames are lost, newer word on what is needed may be among them.
    if first > outcome.oldest.max(1) && damage.is_empty() {
        let why = format!("segments from {} on are needed", outcome.oldest.max(1));
        return Err(Error::Missing { path: segment::path(dir, first - 1), why });
    }
    Ok(())
}

fn replay(disk: &dyn Disk, dir: &Path, found: &Survey) -> Result<(Outcome, Vec<Damage>), Error> {
    let (mut replay, mut pages, mut damage) = (Replay::default(), Pages::new(disk, dir), Vec::new());
    for step in &found.reading.steps {
        match step {
            Step::Append(frames) => {
                let append = pages.append(frames)?;
                let Some(first) = frames.first() else { continue };
                replay.take(&append, first.header.sequence, first.ordinal);
            }
            Step::Lost { from, .. } => {
                let Some(place) = step.damage(dir) else { continue };
                replay.lose(*from, &place);
                damage.push(place);
            }
        }
    }
    Ok((replay.finish(), damage))
}

/// The newest segment, ready to go on in.
struct Settled {
    current: Option<Segment>,
    tail: TailReport,
    /// Where a write that was begun behind it is cut off, the log has to say so.
    end: Tail,
}

/// Cuts off what was not finished, writes again what is not proven durable, and syncs.
fn settle(disk: &dyn Disk, dir: &Path, found: &Survey) -> Result<Settled, Error> {
    let reading = &found.reading;
    let Some(newest) = found.ordinals.last().copied() else {
        let file = segment::path(dir, 1);
        let tail = TailReport { file, offset: 0, sequence: 0, torn_bytes: 0 };
        return Ok(Settled { current: None, tail, end: Tail::Whole });
    };
    let mut segment = segment::open(disk, dir, newest, Mode::ReadWrite)?;
    let bytes = segment::read(&segment)?;
    check_same(found, &segment, &bytes)?;
    let (end, unproven) = end_of(found, newest);
    let (mut torn, mut cut) = (0, false);
    if reading.end.verdict() != Verdict::Quarantine {
        let leftovers = found.frames.iter().filter(|frame| frame.ordinal == newest && frame.offset >= end);
        let last = leftovers.map(Found::end).max().unwrap_or(end);
        let claimed = Header::claimed_len(&bytes[end.min(bytes.len())..], newest).unwrap_or(0);
        let (sequence, chain) = (reading.last_sequence + 1, reading.last_crc);
        cut = last > end || Header::is_remnant(&bytes[end.min(bytes.len())..], newest, sequence, chain);
        torn = (last - end).max(claimed.min(bytes.len().saturating_sub(end)));
        // Leftovers would be of this generation, and must not stand behind what is written next.
        let mut remains = vec![0; torn];
        if cut {
            let head = Header::remnant(newest, sequence, chain);
            remains.splice(..head.len().min(torn), head);
        }
        write(&segment, &remains, end)?;
    }
    if unproven < end {
        write(&segment, &bytes[unproven..end], unproven)?;
    }
    segment.file.sync_all().map_err(Error::io("sync", &segment.path))?;
    directory::sync(disk, dir)?;
    segment.offset = len_u64(end);
    let tail = TailReport {
        file: segment.path.clone(),
        offset: segment.offset,
        sequence: reading.last_sequence,
        torn_bytes: len_u64(torn),
    };
    let end = if cut { Tail::Cut } else { Tail::Whole };
    Ok(Settled { current: Some(segment), tail, end })
}

/// Nothing is cut off on the word of a single reading: a disk that once reads wrong may read right.
fn check_same(found: &Survey, segment: &Segment, bytes: &[u8]) -> Result<(), Error> {
    let before = found.frames.iter().filter(|frame| frame.ordinal == segment.ordinal);
    let now = scan(bytes, segment.ordinal);
    if before
        .map(|frame| (frame.offset, frame.header))
        .eq(now.iter().map(|frame| (frame.offset, frame.header)))
    {
        return Ok(());
    }
    let why = "the segment reads differently twice".to_owned();
    Err(Error::CorruptLog { file: segment.path.clone(), offset: 0, why })
}

/// Where the believed appends of the newest segment end, and where those begin that no frame and
/// no closing record says to be durable.
fn end_of(found: &Survey, newest: u64) -> (usize, usize) {
    let whole = found.reading.steps.iter().filter_map(|step| match step {
        Step::Append(frames) => frames.first().zip(frames.last()),
        Step::Lost { .. } => None,
    });
    let here = whole.filter(|(first, _)| first.ordinal == newest);
    let (mut end, mut unproven) = (0, None);
    for (first, last) in here {
        end = last.end();
        if last.header.sequence > found.reading.watermark {
            unproven.get_or_insert(first.offset);
        }
    }
    (end, unproven.unwrap_or(end))
}

fn write(segment: &Segment, bytes: &[u8], offset: usize) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    segment.file.write_at(bytes, len_u64(offset)).map_err(Error::io("write", &segment.path))
}

fn write_format(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    replace(disk, dir, &survey::format_path(dir), VERSION.as_bytes())
}

/// Puts a small file in place of another, durably: after a crash it is the old one or the new one.
pub(super) fn replace(disk: &dyn Disk, dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let unfinished = path.with_extension("new");
    let file = disk.open(&unfinished, Mode::Create).map_err(Error::io("create", &unfinished))?;
    file.set_len(0).map_err(Error::io("cut", &unfinished))?;
    file.write_at(bytes, 0).map_err(Error::io("write", &unfinished))?;
    file.sync_all().map_err(Error::io("sync", &unfinished))?;
    disk.rename(&unfinished, path).map_err(Error::io("rename to", path))?;
    directory::sync(disk, dir)
}

pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory fits into 64 bits")
}

impl NodeLog {
    /// Takes over what the survey found.
    fn resume(
        &mut self,
        reading: &super::recovery::Reading,
        index: super::index::Index,
        previous: Option<crate::format::v1::Previous>,
    ) {
        self.sequence = reading.last_sequence;
        self.crc = reading.last_crc;
        self.durable = reading.last_sequence;
        self.vouched = reading.watermark;
        self.index = index;
        self.previous = previous;
        self.usage = Usage::default();
    }
}
