//! Gives back the oldest segments, after carrying forward what groups still need of them.
//!
//! An idle group's vote may lie in the oldest segment for ever while others fill the log. So the
//! order is: write what is needed again into the newest segment, sync, and only then let go.
//!
//! Not here: entries that are not compacted yet in bulk; a segment full of those just stays.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use platform::Mode;
use prost::Message as _;

use super::index::Group;
use super::node_log::NodeLog;
use super::open::len_u64;
use super::scan::{Found, scan};
use super::segment;
use super::survey::Pages;
use super::types::{GroupKey, Tail};
use crate::error::Error;
use crate::format::v1::{self, Append, Carried, Fact};
use crate::mutants;

/// What one segment holds of a group, later records over earlier ones.
#[derive(Debug, Default)]
struct Holding {
    state: Option<Bytes>,
    entries: BTreeMap<u64, Bytes>,
}

impl NodeLog {
    /// Lets go of old segments as long as that is cheap. While a group is quarantined nothing is
    /// let go: the segments are evidence. `reserved` bytes of the newest segment are spoken for.
    pub(super) fn recycle(&mut self, reserved: u64) -> Result<(), Error> {
        while self.oldest < self.segment()?.ordinal && !self.index.is_damaged() {
            let (groups, bytes) = self.index.live(self.oldest);
            if !self.is_worthwhile(bytes)? {
                return Ok(());
            }
            // What cannot be read back intact stays where it is, for scrubbing to report.
            let Some(records) = self.salvage(&groups)? else { return Ok(()) };
            let previous = self.previous.clone();
            let append = Append { records, previous, oldest: self.oldest + 1, ..Append::default() };
            let needed = self.framed_len(append.encoded_len());
            if !self.fits(needed + reserved)? {
                return Ok(());
            }
            self.put(&append)?;
            self.usage.carried_bytes += needed;
            self.sync()?;
            let retired = segment::retire(&*self.disk, &self.dir, self.oldest);
            self.fatal("retire a segment", retired)?;
            self.oldest += 1;
            self.usage.recycled += 1;
        }
        Ok(())
    }

    /// Cheap is a quarter of a segment; more where the log is long and mostly dead.
    fn is_worthwhile(&self, bytes: u64) -> Result<bool, Error> {
        if bytes <= self.options.segment_bytes / 4 {
            return Ok(true);
        }
        let newest = self.segment()?.ordinal;
        let count = newest + 1 - self.oldest;
        let live: u64 = (self.oldest..=newest).map(|ordinal| self.index.live(ordinal).1).sum();
        Ok(count > 6 && live <= count * self.options.segment_bytes / 2)
    }

    /// The records that carry forward what `groups` need of the oldest segment; none if any of it
    /// cannot be read back.
    fn salvage(&self, groups: &BTreeSet<GroupKey>) -> Result<Option<Vec<v1::Record>>, Error> {
        if groups.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut holdings = match self.holdings(groups) {
            Err(Error::CorruptLog { .. }) => return Ok(None),
            read => read?,
        };
        let mut records = Vec::with_capacity(groups.len());
        for key in groups {
            let Some(group) = self.index.groups.get(key) else { continue };
            let holding = holdings.remove(key).unwrap_or_default();
            let Some(carried) = carried(group, holding, self.oldest) else { return Ok(None) };
            let fact = Some(Fact::Carried(carried));
            records.push(v1::Record { group: (*key).into(), number: group.head.number + 1, fact });
        }
        Ok(Some(records))
    }

    fn holdings(&self, groups: &BTreeSet<GroupKey>) -> Result<BTreeMap<GroupKey, Holding>, Error> {
        let oldest = segment::open(&*self.disk, &self.dir, self.oldest, Mode::Read)?;
        let frames = scan(&segment::read(&oldest)?, self.oldest);
        let mut pages = Pages::new(&*self.disk, &self.dir);
        let mut holdings: BTreeMap<GroupKey, Holding> = BTreeMap::new();
        for whole in appends(&frames) {
            for record in pages.append(&whole)?.records {
                let key = GroupKey::from(record.group);
                if groups.contains(&key) {
                    holdings.entry(key).or_default().take(record.fact);
                }
            }
        }
        Ok(holdings)
    }
}

/// The whole appends among the frames of one segment.
fn appends(frames: &[Found]) -> Vec<Vec<Found>> {
    let (mut whole, mut open): (Vec<_>, Vec<Found>) = (Vec::new(), Vec::new());
    for frame in frames {
        let follows = open.last().is_some_and(|last| last.header.sequence + 1 == frame.header.sequence);
        if frame.header.place.is_first() {
            open = vec![*frame];
        } else if follows {
            open.push(*frame);
        } else {
            open.clear();
        }
        if frame.header.place.is_last() && !open.is_empty() {
            whole.push(std::mem::take(&mut open));
        }
    }
    whole
}

impl Holding {
    fn take(&mut self, fact: Option<Fact>) {
        match fact {
            Some(Fact::Entries(entries)) => {
                drop(self.entries.split_off(&entries.first));
                self.entries.extend((entries.first..).zip(entries.entries));
            }
            Some(Fact::State(state)) => self.state = Some(state),
            Some(Fact::Carried(carried)) => {
                self.state = carried.state.or(self.state.take());
                for run in carried.runs {
                    self.entries.extend((run.first..).zip(run.entries));
                }
            }
            Some(Fact::Opened(_) | Fact::Compacted(_) | Fact::Sealed(_) | Fact::Destroyed(_)) | None => {}
        }
    }
}

/// What is live of a group in segment `ordinal`; none if the segment does not hold it any more.
fn carried(group: &Group, mut holding: Holding, ordinal: u64) -> Option<Carried> {
    let mut state = None;
    if group.state_at == Some(ordinal) && !mutants::active("recycling-loses-a-vote") {
        state = Some(holding.state?);
    }
    let mut runs = Vec::new();
    for (first, run) in group.runs.iter().filter(|(_, run)| run.ordinal == ordinal) {
        let wanted = *first..first + run.count;
        let entries: Vec<Bytes> = wanted.map_while(|index| holding.entries.remove(&index)).collect();
        if len_u64(entries.len()) != run.count {
            return None;
        }
        runs.push(v1::Entries { first: *first, entries });
    }
    let (compacted, sealed, cut) = (group.head.compacted, group.head.sealed, group.tail == Tail::Cut);
    Some(Carried { state, compacted, sealed, runs, cut })
}
