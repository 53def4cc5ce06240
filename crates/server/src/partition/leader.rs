//! What exists only between two epochs: held effects, held answers, timers, what was sent.
//!
//! It is made when leadership is established and dropped when it ends, so there is nothing to
//! forget to stop. Everything here can be derived again from state by `outstanding`.

use std::collections::{BTreeMap, VecDeque};

use engine::id::{Epoch, InstanceId, PartitionId};
use engine::partition::Cursor;
use engine::time::Timestamp;

use super::messages::{Answer, Perform, Request, Settled, Ticket, Unavailable};
use super::mutants;

/// Held until an index is committed.
#[derive(Debug)]
pub(super) enum Held {
    /// An effect.
    Perform(Perform),
    /// An answer.
    Settle(Ticket, Settled),
    /// Messages of the outbox, up to this sequence number.
    Send { to: PartitionId, upto: u64 },
}

/// What has gone to one other partition.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Highest sequence number whose cause is committed: nothing above it may leave.
    pub released: u64,
    /// Highest sequence number handed over.
    pub upto: u64,
    /// Highest acknowledged one.
    pub acknowledged: u64,
    /// When to send what is unacknowledged again.
    pub again_at: Option<Timestamp>,
}

/// See the file's header.
#[derive(Debug)]
pub(super) struct Leader {
    pub epoch: Epoch,
    /// Invariant: indices never descend.
    held: VecDeque<(u64, Held)>,
    /// Answers that wait for a majority to say that this is still the leader.
    pub reads: BTreeMap<Ticket, Answer>,
    /// When the next timer is due.
    pub due_at: Option<Timestamp>,
    /// What other partitions were given.
    pub sent: BTreeMap<PartitionId, Sent>,
    /// Terminations no worker has confirmed, by when to force them.
    pub terminations: BTreeMap<Timestamp, Vec<(InstanceId, String)>>,
    /// Where handing out what was left by earlier leaders goes on.
    pub outstanding: Option<Cursor>,
    /// Next steps of cascades, to be proposed a few at a time.
    pub follow_ups: VecDeque<Request>,
}

impl Leader {
    pub(super) fn begin(epoch: Epoch) -> Self {
        Self {
            epoch,
            held: VecDeque::new(),
            reads: BTreeMap::new(),
            due_at: None,
            sent: BTreeMap::new(),
            terminations: BTreeMap::new(),
            outstanding: (!mutants::active("outstanding-forgotten")).then(Cursor::default),
            follow_ups: VecDeque::new(),
        }
    }

    /// Holds something until `index` is committed.
    pub(super) fn hold(&mut self, index: u64, held: Held) {
        let early = match &held {
            Held::Settle(_, Settled::Reply(_)) => mutants::active("reply-before-commit"),
            Held::Settle(_, Settled::Answer(_)) => mutants::active("read-before-commit"),
            Held::Perform(_) => mutants::active("activity-offered-before-commit"),
            Held::Send { .. } => false,
        };
        if early {
            return self.held.push_front((0, held));
        }
        debug_assert!(self.held.back().is_none_or(|(last, _)| *last <= index), "held effects ascend");
        self.held.push_back((index, held));
    }

    /// The next thing whose cause is committed.
    pub(super) fn release(&mut self, committed: u64) -> Option<Held> {
        if self.held.front().is_some_and(|(index, _)| *index <= committed) {
            self.held.pop_front().map(|(_, held)| held)
        } else {
            None
        }
    }

    /// What those who still wait are told at the end: an entry's fate is not known, a read may be
    /// repeated.
    pub(super) fn end(mut self) -> Vec<(Ticket, Settled)> {
        self.give_up(&Unavailable::NotLeading)
    }

    /// Takes out those who wait, with what they are told: an entry's fate is not known; a read was
    /// not answered because of `why`. Effects stay held.
    pub(super) fn give_up(&mut self, why: &Unavailable) -> Vec<(Ticket, Settled)> {
        let unread = std::mem::take(&mut self.reads).into_keys();
        let mut told: Vec<_> = unread.map(|ticket| (ticket, Settled::Answer(Err(why.clone())))).collect();
        self.held.retain(|(_, held)| match held {
            Held::Settle(ticket, Settled::Reply(_)) => {
                told.push((*ticket, Settled::Reply(Err(Unavailable::Unknown))));
                false
            }
            Held::Settle(ticket, Settled::Answer(_)) => {
                told.push((*ticket, Settled::Answer(Err(why.clone()))));
                false
            }
            Held::Perform(_) | Held::Send { .. } => true,
        });
        told
    }

    /// A timer is due at `at`.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        if self.due_at.is_none_or(|due| at < due) {
            self.due_at = Some(at);
        }
    }

    /// Whether there is work to go on with as soon as the core is fed again.
    pub(super) fn has_more(&self) -> bool {
        self.outstanding.is_some() || !self.follow_ups.is_empty()
    }

    /// The earliest time at which something must be done without being asked.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let terminations = self.terminations.keys().next().copied();
        let resend = self.sent.values().filter_map(|sent| sent.again_at).min();
        [self.due_at, terminations, resend].into_iter().flatten().min()
    }
}
