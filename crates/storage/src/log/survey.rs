//! Reads a log directory without changing anything: which segments there are, what their intact
//! frames are, what the closing record says, and what all that means.
//!
//! Not here: decisions (`recovery`) and rebuilding groups (`replay`). Opening the log and scrubbing
//! it both start here, so that they cannot disagree.

use std::ops::Range;
use std::path::{Path, PathBuf};

use platform::{Disk, Mode};
use prost::Message as _;

use super::open::len_u64;
use super::recovery::{self, Reading, Step, Whole};
use super::scan::{Found, scan};
use super::segment::{self, Segment};
use super::types::Damage;
use crate::error::Error;
use crate::format::v1::{Append, Closed, HEADER_LEN, Header, Place};
use crate::format::{VERSION, v1};
use crate::scrub::ScrubReport;

/// What is in the directory.
pub(super) struct Survey {
    /// The segments that follow each other up to the newest.
    pub(super) ordinals: Vec<u64>,
    /// Older segments, with a gap before the first of `ordinals`.
    pub(super) strays: Vec<u64>,
    /// All intact frames.
    pub(super) frames: Vec<Found>,
    pub(super) closed: Closed,
    pub(super) reading: Reading,
}

pub(super) fn format_path(dir: &Path) -> PathBuf {
    dir.join("format")
}

pub(super) fn closed_path(dir: &Path) -> PathBuf {
    dir.join("closed")
}

/// Checks that the directory is of a version that this program knows. False: there is none yet.
pub(super) fn check_format(disk: &dyn Disk, dir: &Path) -> Result<bool, Error> {
    let path = format_path(dir);
    let Some(bytes) = small_file(disk, &path)? else { return Ok(false) };
    if bytes == VERSION.as_bytes() {
        return Ok(true);
    }
    let found = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).trim().to_owned();
    Err(Error::Format { path, found: format!("{found:?}"), known: format!("{:?}", VERSION.trim()) })
}

/// The content of a file of at most a page, if it is there.
fn small_file(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    if !disk.exists(path).map_err(Error::io("look for", path))? {
        return Ok(None);
    }
    let file = disk.open(path, Mode::Read).map_err(Error::io("open", path))?;
    let len = file.len().map_err(Error::io("measure", path))?.min(4096);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_at(&mut bytes, 0).map_err(Error::io("read", path))?;
    Ok(Some(bytes))
}

/// The bytes of a closing record.
pub(super) fn closing_record(closed: &Closed) -> Vec<u8> {
    let payload = closed.encode_to_vec();
    let mut bytes = vec![0; v1::frame_len(payload.len())];
    bytes[HEADER_LEN..HEADER_LEN + payload.len()].copy_from_slice(&payload);
    let header = Header {
        place: Place::of(0, 1),
        length: payload.len(),
        chain: 0,
        generation: 0,
        sequence: closed.sequence,
        watermark: closed.sequence,
        crc: 0,
    };
    header.seal(&mut bytes);
    bytes
}

/// What the closing record says. A damaged one says nothing: it only ever adds certainty.
fn closed(disk: &dyn Disk, dir: &Path) -> Result<Closed, Error> {
    let Some(bytes) = small_file(disk, &closed_path(dir))? else { return Ok(Closed::default()) };
    let payload = Header::parse(&bytes).and_then(|header| bytes.get(HEADER_LEN..HEADER_LEN + header.length));
    Ok(payload.and_then(|payload| Closed::decode(payload).ok()).unwrap_or_default())
}

/// Reads everything.
pub(super) fn survey(disk: &dyn Disk, dir: &Path) -> Result<Survey, Error> {
    let mut strays = segment::list(disk, dir)?;
    let breaks = strays.windows(2).rposition(|pair| pair[0] + 1 != pair[1]);
    let ordinals = strays.split_off(breaks.map_or(0, |before| before + 1));
    let mut frames = Vec::new();
    for ordinal in &ordinals {
        let segment = segment::open(disk, dir, *ordinal, Mode::Read)?;
        frames.extend(scan(&segment::read(&segment)?, *ordinal));
    }
    let closed = closed(disk, dir)?;
    let oldest = ordinals.first().copied().unwrap_or(1);
    let reading = recovery::read(&frames, oldest, closed.sequence);
    Ok(Survey { ordinals, strays, frames, closed, reading })
}

/// The segment and the place in it of the newest append with records, if nothing vouches for it.
pub(crate) fn unvouched(disk: &dyn Disk, dir: &Path) -> Result<Option<(PathBuf, Range<usize>)>, Error> {
    let found = survey(disk, dir)?;
    let known = found.reading.watermark.max(found.closed.sequence);
    let mut pages = Pages::new(disk, dir);
    for step in found.reading.steps.iter().rev() {
        let Step::Append(frames) = step else { return Ok(None) };
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Ok(None) };
        if last.header.sequence <= known {
            return Ok(None);
        }
        if !pages.append(frames)?.records.is_empty() {
            return Ok(Some((segment::path(dir, first.ordinal), first.offset..last.end())));
        }
    }
    Ok(None)
}

/// Reads everything and says which frames are damaged.
pub(crate) fn report(disk: &dyn Disk, dir: &Path) -> Result<ScrubReport, Error> {
    check_format(disk, dir)?;
    let found = survey(disk, dir)?;
    let mut report = ScrubReport::default();
    for step in &found.reading.steps {
        match step {
            Step::Append(frames) => {
                report.items += len_u64(frames.len());
                report.bytes += frames.iter().map(|frame| len_u64(frame.end() - frame.offset)).sum::<u64>();
            }
            Step::Lost { .. } => report.damage.extend(step.damage(dir).map(|damage| damage.to_string())),
        }
    }
    Ok(report)
}

impl Step {
    /// The place of a loss, for people.
    pub(super) fn damage(&self, dir: &Path) -> Option<Damage> {
        match self {
            Self::Append(_) => None,
            Self::Lost { from, to, ordinal, offset, row } => Some(Damage {
                file: segment::path(dir, *ordinal),
                offset: len_u64(*offset),
                sequence: *from,
                why: format!("frames {from} to {} are lost: {}", to - 1, row.why()),
            }),
        }
    }
}

/// The bytes of one segment, kept while its appends are read.
pub(super) struct Pages<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    held: Option<(Segment, Vec<u8>)>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(disk: &'a dyn Disk, dir: &'a Path) -> Self {
        Self { disk, dir, held: None }
    }

    /// The bytes of a segment.
    pub(super) fn of(&mut self, ordinal: u64) -> Result<&(Segment, Vec<u8>), Error> {
        let held = self.held.take().filter(|(segment, _)| segment.ordinal == ordinal);
        let held = match held {
            Some(held) => held,
            None => {
                let segment = segment::open(self.disk, self.dir, ordinal, Mode::Read)?;
                let bytes = segment::read(&segment)?;
                (segment, bytes)
            }
        };
        Ok(self.held.insert(held))
    }

    /// Decodes an append. Its frames were intact a moment ago, so what fails now is the disk.
    pub(super) fn append(&mut self, frames: &Whole) -> Result<Append, Error> {
        let mut payload = Vec::new();
        for frame in frames {
            let (segment, bytes) = self.of(frame.ordinal)?;
            let found = Header::parse(&bytes[frame.offset..]).filter(|header| *header == frame.header);
            let header = found.ok_or_else(|| damaged(segment, frame.offset, "reads differently twice"))?;
            let start = frame.offset + HEADER_LEN;
            payload.extend_from_slice(&bytes[start..start + header.length]);
        }
        let (ordinal, offset) = frames.first().map_or((0, 0), |frame| (frame.ordinal, frame.offset));
        match Append::decode(&payload[..]) {
            Ok(append) => Ok(append),
            Err(error) => {
                let (segment, _) = self.of(ordinal)?;
                Err(damaged(segment, offset, &format!("good checksum, unknown content: {error}")))
            }
        }
    }
}

fn damaged(segment: &Segment, offset: usize, why: &str) -> Error {
    let offset = u64::try_from(offset).unwrap_or(u64::MAX);
    Error::CorruptLog { file: segment.path.clone(), offset, why: why.to_owned() }
}
