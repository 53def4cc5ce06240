//! Carrying a replica's rows to one that entries cannot bring up to date.
//!
//! Not here: who needs them and when they count (the core), the files (`storage::tables::copy`). A copy
//! is taken at once and arrives later, late, twice or never; what the receiver's disk does to it while
//! it is written is the disk's business.

use std::sync::Arc;

use bytes::Bytes;
use engine::id::PartitionId;
use platform::fault::Restart;
use server::partition::messages::Event;
use storage::tables::copy::{self, Copy, Rows, Totals};
use storage::{Applied, Error, Tables};

use super::World;
use super::process::{tables_options, tables_path};
use super::queue::{Happening, Life, MS};
use crate::violation::Violation;

/// How long a leader waits before it sends the rows again.
const AGAIN: u64 = 300 * MS;

/// A replica's rows on their way.
#[derive(Debug, Clone)]
pub struct Carried {
    applied: Applied,
    totals: Totals,
    pages: Vec<Vec<(Bytes, Bytes)>>,
    members: replication::Membership,
}

impl World {
    /// A leader says who needs its rows.
    pub(super) fn carry(&mut self, life: Life, partition: PartitionId, behind: &[u64]) {
        let now = self.now;
        for replica in behind {
            let Some(resident) = self.resident(life, partition) else { return };
            if resident.carried.get(replica).is_some_and(|last| last + AGAIN > now) {
                continue;
            }
            resident.carried.insert(*replica, now);
            let to = usize::try_from(*replica).unwrap_or(1) - 1;
            // The rows cannot be read: the core will notice that for itself.
            let Some(carried) = taken(resident) else { continue };
            let carried = Arc::new(carried);
            for delay in self.network.deliveries(life.node, to) {
                let at = now + delay + self.random.below(20 * MS);
                self.queue.push(at, Happening::Rows { to, partition, carried: Arc::clone(&carried) });
            }
        }
    }

    /// Rows arrive.
    pub(super) fn bring_rows(
        &mut self,
        to: usize,
        partition: PartitionId,
        carried: &Carried,
    ) -> Result<(), Violation> {
        let Some(life) = self.life(to) else { return Ok(()) };
        let Some(machine) = self.nodes.get_mut(to) else { return Ok(()) };
        let disk = machine.disk.clone();
        let Some(process) = machine.process(life) else { return Ok(()) };
        if process.residents.get(&partition).is_none_or(|resident| resident.core.is_replaced()) {
            return Ok(());
        }
        let written = write(&Arc::new(disk), partition, carried);
        self.look_at_disk(to);
        // A copy that could not be written is sent again; nothing of this replica has changed.
        let Ok(tables) = written else { return Ok(()) };
        let members = carried.members.clone();
        self.feed(life, partition, Event::Brought { tables: Arc::new(tables), members })
    }

    /// The rows count from now on: their file takes the place of this replica's.
    pub(super) fn replace(&mut self, life: Life, partition: PartitionId) {
        self.marks.reach("rows of another replica took the place of a log");
        let Some(machine) = self.nodes.get(life.node) else { return };
        if copy::adopt(&machine.disk, &tables_path(partition)).is_err() {
            // The next start makes up for it.
            self.kill(life.node, Restart::PowerCut);
        } else {
            self.look_at_disk(life.node);
        }
    }
}

fn taken(resident: &super::process::Resident) -> Option<Carried> {
    let mut rows = Rows::of(&resident.core.tables()).ok()?;
    let (applied, totals) = (rows.applied(), rows.totals());
    let members = resident.core.group().members_at(applied.index)?.clone();
    let mut pages = Vec::new();
    loop {
        let page = rows.page(2 << 10).ok()?;
        if page.is_empty() {
            return Some(Carried { applied, totals, pages, members });
        }
        pages.push(page);
    }
}

fn write(
    disk: &Arc<platform::fault::SimDisk>,
    partition: PartitionId,
    carried: &Carried,
) -> Result<Tables, Error> {
    let copy = Copy::begin(disk.clone(), &tables_path(partition), tables_options())?;
    carried.pages.iter().try_for_each(|page| copy.put(page.clone()))?;
    copy.finish(carried.applied.clone(), carried.totals)
}
