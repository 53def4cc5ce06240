//! The thread that carries rows between replicas: reads this node's for others, writes theirs.
//!
//! A copy goes in parts, of which only a few are on their way at once, so that a slow receiver costs
//! no memory. A copy that is lost on its way is begun again by the leader, which says with every tick
//! who needs one. Not here: who needs rows and when they count (`partition`), the files
//! (`storage::tables::copy`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::id::{HubId, NodeId, PartitionId};
use platform::clock::Clock;
use replication::Membership;
use storage::Applied;
use storage::tables::copy::{Copy, Rows, Totals};

use super::seats::Seats;
use crate::observe::codes;
use crate::partition::address::Address;
use crate::partition::mailbox::Mailbox;
use crate::partition::messages::Event;
use crate::partition::replica::Seat;
use crate::peers::frame::{self, CopyBegin, CopyEnd, Kind, Row, RowsTaken};
use crate::peers::links::Lane;

/// Bytes of rows in one part, about; one row may be larger.
const PART_BYTES: usize = 256 << 10;
/// Parts on their way to one receiver.
const PARTS_AHEAD: u32 = 8;
/// A copy of which nothing is heard for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How often that is looked at, while there are copies.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Something for this thread.
#[derive(Debug)]
pub enum Job {
    /// Send these rows to a replica.
    Send(Box<Send>),
    /// A part has come.
    Part {
        /// From this node.
        from: NodeId,
        /// The part.
        part: frame::Rows,
    },
    /// A receiver has written a part.
    Taken {
        /// On this node.
        from: NodeId,
        /// Which.
        taken: RowsTaken,
    },
    /// End.
    Stop,
}

/// Rows to be sent.
#[derive(Debug)]
pub struct Send {
    /// The replica here.
    pub seat: Arc<Seat>,
    /// The replica that needs them.
    pub to: u64,
    /// As they are now.
    pub rows: Rows,
    /// Who took part as of the rows' position.
    pub members: Membership,
}

#[derive(Debug)]
struct Sending {
    node: NodeId,
    send: Send,
    /// The next part, and the first that was not taken yet.
    next: u32,
    taken: u32,
    ended: bool,
    heard: Duration,
}

#[derive(Debug)]
struct Receiving {
    from: NodeId,
    copy: u64,
    seat: Arc<Seat>,
    address: Address,
    file: Copy,
    applied: Applied,
    members: Membership,
    next: u32,
    heard: Duration,
}

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Copies {
    mailbox: Mailbox<Job>,
    seats: Seats,
    clock: Arc<dyn Clock>,
    sending: BTreeMap<u64, Sending>,
    receiving: BTreeMap<(HubId, PartitionId), Receiving>,
    copies: u64,
}

impl Copies {
    pub(crate) fn new(mailbox: Mailbox<Job>, seats: Seats, clock: Arc<dyn Clock>) -> Self {
        Self { mailbox, seats, clock, sending: BTreeMap::new(), receiving: BTreeMap::new(), copies: 0 }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut jobs = Vec::new();
        loop {
            let idle = self.sending.is_empty() && self.receiving.is_empty();
            self.mailbox.receive(&mut jobs, || (!idle).then_some(LOOK_EVERY));
            for job in jobs.drain(..) {
                match job {
                    Job::Send(send) => self.begin(*send),
                    Job::Taken { from, taken } => self.taken(from, &taken),
                    Job::Part { from, part } => self.part(from, part),
                    Job::Stop => return,
                }
            }
            self.give_up();
        }
    }

    fn begin(&mut self, send: Send) {
        let Some(node) = send.seat.node_of(send.to) else { return send.seat.end_carrying(send.to) };
        self.copies += 1;
        let (copy, heard) = (self.copies, self.clock.monotonic());
        tracing::info!(
            hub = send.seat.hub.0,
            partition = send.seat.partition.0,
            replica = send.to,
            node = node.0,
            rows = send.rows.totals().rows,
            "a replica is brought up to date with a copy of all rows"
        );
        let sending = Sending { node, send, next: 0, taken: 0, ended: false, heard };
        self.sending.insert(copy, sending);
        self.send_on(copy);
    }

    /// Sends what may be on its way.
    fn send_on(&mut self, copy: u64) {
        let Some(sending) = self.sending.get_mut(&copy) else { return };
        while !sending.ended && sending.next < sending.taken + PARTS_AHEAD {
            match sending.part(copy) {
                Ok(part) => {
                    if !sending.send.seat.links.send(sending.node, Lane::Bulk, Kind::Rows(part)) {
                        return self.end(copy);
                    }
                }
                Err(error) => {
                    // The partition meets the damage when it reads the row itself, and halts.
                    tracing::error!(code = error.code(), %error, "rows cannot be read for another replica");
                    return self.end(copy);
                }
            }
        }
    }

    fn taken(&mut self, from: NodeId, taken: &RowsTaken) {
        let heard = self.clock.monotonic();
        let Some(sending) = self.sending.get_mut(&taken.copy).filter(|sending| sending.node == from) else {
            return;
        };
        sending.heard = heard;
        sending.taken = sending.taken.max(taken.part.saturating_add(1)).min(sending.next);
        if taken.refused || (sending.ended && sending.taken == sending.next) {
            return self.end(taken.copy);
        }
        self.send_on(taken.copy);
    }

    fn end(&mut self, copy: u64) {
        if let Some(Sending { send, .. }) = self.sending.remove(&copy) {
            send.seat.end_carrying(send.to);
        }
    }

    fn part(&mut self, from: NodeId, part: frame::Rows) {
        let place = (HubId(part.hub), PartitionId(part.partition));
        let (copy, number) = (part.copy, part.part);
        let answer = |refused| Kind::RowsTaken(RowsTaken { copy, part: number, refused });
        let Some((seat, address)) = self.seats.get(place.0, place.1) else { return };
        if seat.key.lineage != part.lineage || seat.key.replica != part.to {
            return;
        }
        if let Some(begin) = &part.begin {
            self.drop_received(place);
            match Receiving::begin(from, copy, (&seat, address), begin) {
                Some(mut receiving) => {
                    receiving.heard = self.clock.monotonic();
                    self.receiving.insert(place, receiving);
                }
                None => {
                    let _lost = seat.links.send(from, Lane::Urgent, answer(true));
                    return;
                }
            }
        }
        let heard = self.clock.monotonic();
        let Some(receiving) = self.receiving.get_mut(&place) else { return };
        if receiving.from != from || receiving.copy != copy || receiving.next != number {
            return;
        }
        receiving.heard = heard;
        receiving.next += 1;
        let rows = part.rows.into_iter().map(|row| (row.key, row.value)).collect();
        let put = receiving.file.put(rows);
        if let Err(error) = &put {
            tracing::warn!(code = error.code(), %error, "a copy of another replica's rows cannot be written");
            self.drop_received(place);
        } else if let Some(end) = part.end {
            self.whole(place, &end);
        }
        // The sender need not know what became of a copy: it is asked for again where it is needed.
        let _lost = seat.links.send(from, Lane::Urgent, answer(put.is_err()));
    }

    /// All parts are there: the partition decides whether they count.
    fn whole(&mut self, place: (HubId, PartitionId), end: &CopyEnd) {
        let Some(receiving) = self.receiving.remove(&place) else { return };
        let Receiving { seat, address, file, applied, members, .. } = receiving;
        let index = applied.index;
        match file.finish(applied, Totals { rows: end.rows, digest: end.digest }) {
            Ok(tables) => {
                tracing::info!(
                    hub = place.0.0,
                    partition = place.1.0,
                    index,
                    "another replica's rows are here"
                );
                address.send(Event::Brought { tables: Arc::new(tables), members });
            }
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "a copy of another replica's rows is not whole");
                seat.end_bringing();
            }
        }
    }

    fn drop_received(&mut self, place: (HubId, PartitionId)) {
        if let Some(receiving) = self.receiving.remove(&place) {
            receiving.seat.end_bringing();
        }
    }

    fn give_up(&mut self) {
        let now = self.clock.monotonic();
        let silent = |heard: Duration| now.saturating_sub(heard) > SILENCE_MAX;
        let sent: Vec<u64> =
            self.sending.iter().filter(|(_, sending)| silent(sending.heard)).map(|(copy, _)| *copy).collect();
        sent.into_iter().for_each(|copy| self.end(copy));
        let received: Vec<_> = self
            .receiving
            .iter()
            .filter(|(_, receiving)| silent(receiving.heard))
            .map(|(place, _)| *place)
            .collect();
        for place in received {
            tracing::warn!(
                code = codes::UNAVAILABLE.id,
                hub = place.0.0,
                partition = place.1.0,
                "a copy of another replica's rows has stopped coming; it will be sent again"
            );
            self.drop_received(place);
        }
    }
}

impl Sending {
    fn part(&mut self, copy: u64) -> Result<frame::Rows, storage::Error> {
        let Send { seat, to, rows, members } = &mut self.send;
        let begin = (self.next == 0).then(|| {
            let Applied { index, term, meta } = rows.applied();
            CopyBegin { index, term, meta, members: members.encode() }
        });
        let page = rows.page(PART_BYTES)?;
        let totals = rows.totals();
        self.ended = page.is_empty();
        let end = self.ended.then_some(CopyEnd { rows: totals.rows, digest: totals.digest });
        let part = self.next;
        self.next += 1;
        Ok(frame::Rows {
            copy,
            hub: seat.hub.0,
            partition: seat.partition.0,
            lineage: seat.key.lineage,
            to: *to,
            part,
            rows: page.into_iter().map(|(key, value)| Row { key, value }).collect(),
            begin,
            end,
        })
    }
}

impl Receiving {
    /// `None`: other rows are about to take the place of this replica's, or there is no room.
    fn begin(
        from: NodeId,
        copy: u64,
        (seat, address): (&Arc<Seat>, Address),
        begin: &CopyBegin,
    ) -> Option<Self> {
        let members = Membership::decode(begin.members.clone())?;
        if !seat.begin_bringing() {
            return None;
        }
        let options = storage::tables::Options::default();
        match Copy::begin(Arc::clone(&seat.disk), &seat.path, options) {
            Ok(file) => {
                let applied = Applied { index: begin.index, term: begin.term, meta: begin.meta.clone() };
                let (seat, heard) = (Arc::clone(seat), Duration::ZERO);
                Some(Self { from, copy, seat, address, file, applied, members, next: 0, heard })
            }
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "a copy of another replica's rows cannot be begun");
                seat.end_bringing();
                None
            }
        }
    }
}
