//! One simulated file: what is on the platter, and what so far is only in the page cache.
//!
//! Not here: names and faults' timing. The one thing to know: a sector is the unit that a crash
//! keeps, loses or tears; sectors that were never written are zero and take no memory.

use std::collections::BTreeMap;

use crate::fault::SimEntropy;

/// Bytes in a sector.
pub(super) const SECTOR: u64 = 512;
const SECTOR_LEN: usize = 512;

type Sector = [u8; SECTOR_LEN];

/// One file, name or no name.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// Survives everything but bit flips.
    platter: BTreeMap<u64, Box<Sector>>,
    platter_len: u64,
    /// Written since the last sync.
    dirty: BTreeMap<u64, Box<Sector>>,
    /// What a failed sync left in the cache: still read, never to be written.
    ghosts: BTreeMap<u64, Box<Sector>>,
    len: u64,
}

impl Inode {
    /// Length as a reader sees it.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    fn sector(&self, number: u64) -> Option<&Sector> {
        let cached = self.dirty.get(&number).or_else(|| self.ghosts.get(&number));
        cached.or_else(|| self.platter.get(&number)).map(Box::as_ref)
    }

    /// Fills `bytes` from `offset`; the caller has checked the length.
    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) {
        for_sectors(offset, bytes.len(), |number, within, range| {
            let target = &mut bytes[range];
            match self.sector(number) {
                Some(sector) => target.copy_from_slice(&sector[within..within + target.len()]),
                None => target.fill(0),
            }
        });
    }

    /// Writes into the cache, growing the file if need be.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        for_sectors(offset, bytes.len(), |number, within, range| {
            let source = &bytes[range];
            let mut sector = self.sector(number).copied().unwrap_or([0; SECTOR_LEN]);
            sector[within..within + source.len()].copy_from_slice(source);
            self.ghosts.remove(&number);
            self.dirty.insert(number, Box::new(sector));
        });
        self.len = self.len.max(offset + len_u64(bytes.len()));
    }

    /// Cuts or extends the file in the cache.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let first = len / SECTOR;
            let keep = usize::try_from(len % SECTOR).unwrap_or(0);
            let cut: Vec<u64> = [&self.platter, &self.dirty, &self.ghosts]
                .iter()
                .flat_map(|sectors| sectors.range(first..).map(|(number, _)| *number))
                .collect();
            for number in cut {
                let mut sector = self.sector(number).copied().unwrap_or([0; SECTOR_LEN]);
                sector[if number == first { keep } else { 0 }..].fill(0);
                self.ghosts.remove(&number);
                self.dirty.insert(number, Box::new(sector));
            }
        }
        self.len = len;
    }

    /// All that is dirty reaches the platter.
    pub(super) fn sync(&mut self) {
        self.platter.append(&mut self.dirty);
        self.platter_len = self.len;
        self.trim();
    }

    /// A sync fails: some sectors made it, the others stay readable and will never be written.
    pub(super) fn sync_fails(&mut self, entropy: &SimEntropy) {
        for (number, sector) in std::mem::take(&mut self.dirty) {
            if entropy.chance(300) {
                self.platter.insert(number, sector);
            } else {
                self.ghosts.insert(number, sector);
            }
        }
    }

    /// The power fails: each dirty sector is kept, lost or torn, and so is the length.
    pub(super) fn power_fails(&mut self, entropy: &SimEntropy) {
        self.ghosts.clear();
        for (number, new) in std::mem::take(&mut self.dirty) {
            let old = self.platter.get(&number).map_or([0; SECTOR_LEN], |sector| **sector);
            let cut = usize::try_from(entropy.below(SECTOR)).unwrap_or(0);
            let mut torn = old;
            match entropy.below(10) {
                0..4 => continue,
                4..8 => torn = *new,
                8 => torn[..cut].copy_from_slice(&new[..cut]),
                9.. => torn[cut..].copy_from_slice(&new[cut..]),
            }
            self.platter.insert(number, Box::new(torn));
        }
        if entropy.chance(500) {
            self.platter_len = self.len;
        }
        self.len = self.platter_len;
        self.trim();
    }

    /// Flips one bit wherever the byte is held.
    pub(super) fn flip(&mut self, offset: u64, bit: u8) {
        let within = usize::try_from(offset % SECTOR).unwrap_or(0);
        let number = offset / SECTOR;
        self.platter.entry(number).or_insert_with(|| Box::new([0; SECTOR_LEN]));
        for sectors in [&mut self.platter, &mut self.dirty, &mut self.ghosts] {
            if let Some(sector) = sectors.get_mut(&number) {
                sector[within] ^= 1 << (bit % 8);
            }
        }
    }

    /// Forgets what lies past the end, so that growing again reads zeros.
    fn trim(&mut self) {
        let end = self.len.max(self.platter_len);
        self.platter.split_off(&end.div_ceil(SECTOR));
        let within = usize::try_from(end % SECTOR).unwrap_or(0);
        if within > 0
            && let Some(last) = self.platter.get_mut(&(end / SECTOR))
        {
            last[within..].fill(0);
        }
    }
}

/// Calls `each` with sector number, position within the sector, and range within the buffer.
fn for_sectors(offset: u64, len: usize, mut each: impl FnMut(u64, usize, std::ops::Range<usize>)) {
    let (mut at, mut done) = (offset, 0);
    while done < len {
        let within = usize::try_from(at % SECTOR).unwrap_or(0);
        let step = (SECTOR_LEN - within).min(len - done);
        each(at / SECTOR, within, done..done + step);
        at += len_u64(step);
        done += step;
    }
}

/// A length in memory as a length on disk.
pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory fits into 64 bits")
}
