//! The words of this crate's door: what goes into a [`crate::Group`] and what comes out of it.
//!
//! Not here: any type of the consensus library; none of them leaves this crate.
//! The one thing to know: the order duties between the parts of an [`Output`] are written at its
//! fields, and nothing that must wait for the disk is in an `Output` before the disk has answered.

use bytes::Bytes;
use storage::{GroupKey, Record};

use crate::membership::{MemberChange, Membership};

/// One voter of a group: [`GroupKey::replica`] of its log. Never 0, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// Where an entry stands in the log, and in which leadership it was proposed. Ordered as logs are:
/// by term first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogId {
    /// The leadership that proposed it.
    pub term: u64,
    /// Its position, from 1, without gaps.
    pub index: u64,
}

/// How a group is set up. The same on all its replicas, apart from `group.replica`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which group, and which replica of it this is.
    pub group: GroupKey,
    /// The first voters of the group. A replica that is none of them joins: it becomes a member when
    /// its log says so. Used when the replica is created; later its own log says.
    pub voters: Vec<ReplicaId>,
    /// Ticks without a leader before an election, at least; the actual number is drawn from
    /// `election_ticks + 1 ..= 2 * election_ticks` anew for every attempt.
    pub election_ticks: u32,
    /// Ticks between a leader's heartbeats; below `election_ticks`.
    pub heartbeat_ticks: u32,
    /// Seed of the election timeouts: the same seed and replica draw the same numbers.
    pub seed: u64,
    /// Sizes that bound memory and messages.
    pub limits: Limits,
}

impl Config {
    /// The usual settings for a group.
    pub fn new(group: GroupKey, voters: Vec<ReplicaId>) -> Self {
        Self { group, voters, election_ticks: 10, heartbeat_ticks: 2, seed: 0, limits: Limits::default() }
    }
}

/// Sizes that bound memory and messages; each is at least one entry whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one proposal; a larger one is refused.
    pub entry_bytes_max: usize,
    /// Bytes of entries in one message to a follower.
    pub message_bytes_max: u64,
    /// Messages with entries on their way to one follower.
    pub messages_in_flight_max: usize,
    /// Bytes proposed and not yet committed; beyond it a proposal is refused.
    pub uncommitted_bytes_max: u64,
    /// Bytes of entries in one [`Event::Committed`].
    pub committed_bytes_max: u64,
    /// Bytes of entries that are held for members which are behind. Beyond it they are let go, and
    /// such a member needs a snapshot.
    pub behind_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entry_bytes_max: 32 << 20,
            message_bytes_max: 1 << 20,
            messages_in_flight_max: 64,
            uncommitted_bytes_max: 64 << 20,
            committed_bytes_max: 8 << 20,
            behind_bytes_max: u64::MAX,
        }
    }
}

/// Everything that can happen to a group, apart from a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One unit of time has passed. A group of one voter needs none.
    Tick,
    /// Bytes of an [`Outgoing`] of another replica; they are validated before they count.
    Message {
        /// Who sent it, as the connection knows.
        from: ReplicaId,
        /// The bytes, as they came.
        bytes: Bytes,
    },
    /// The records of this [`Output`] and of all before it are durable. Late and cumulative is fine.
    Persisted {
        /// [`Output::number`].
        number: u64,
    },
    /// Try to become leader now.
    Campaign,
    /// The caller needs no entry up to and including this index any more. Entries go when every
    /// member has them durably, or when too many are held, so it may have to be said again later.
    Compact {
        /// The last index that may go.
        upto: u64,
    },
    /// Ask for a position up to which a linearizable read must see the log.
    /// Answered by [`Event::ReadReady`]; never answered if this replica loses office first.
    ReadIndex {
        /// The caller's own mark, not used twice.
        id: u64,
    },
    /// Hand leadership to this voter.
    TransferTo {
        /// The voter that shall lead.
        replica: ReplicaId,
    },
    /// Change who takes part, all of it in one step. Refused where it cannot be begun; done when
    /// [`Event::Members`] says so and the membership is not joint.
    ChangeMembers(Vec<MemberChange>),
    /// The caller has the state as of this position of another replica, durably and apart from its
    /// own: it takes the place of this replica's log. [`Event::Installed`] says when it does; until
    /// then the caller's own state is the one that counts, after a crash too unless the log is
    /// compacted beyond it. A refused state is of no use any more, but for want of a leader; the
    /// leader hears how far this log is.
    Install {
        /// The last entry in that state.
        id: LogId,
        /// Who took part as of that position.
        membership: Membership,
    },
}

/// What the caller has to do now. Parts that may be done at once are in it; parts that must wait
/// for the disk come in a later `Output`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// To be given back in [`Input::Persisted`] when `records`, and those of every output before, are
    /// durable. An output without records has the number of the one before it.
    pub number: u64,
    /// To the node log, in this order, after the records of all outputs before.
    pub records: Vec<Record>,
    /// Somebody waits for `records` to be durable: entries, a vote or a new term are among them.
    /// Otherwise they may wait for the next sync that happens anyway.
    pub urgent: bool,
    /// What [`Input::Persisted`] has to mean for `records`.
    pub proof: Proof,
    /// May leave at once: nothing in them depends on `records`. May be lost, doubled, reordered.
    pub messages: Vec<Outgoing>,
    /// In order. Do not depend on `records` either.
    pub events: Vec<Event>,
}

/// What makes records count as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Proof {
    /// They are synced.
    #[default]
    Synced,
    /// Damage to them can never pass for an unfinished write either: the node log vouches for them.
    /// For votes and terms that others hear of.
    Vouched,
}

/// A message to another replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The receiver.
    pub to: ReplicaId,
    /// For [`Input::Message`] over there.
    pub bytes: Bytes,
}

/// What a group tells its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These entries are committed for ever and durable on this replica; contiguous with the last.
    Committed(Vec<CommittedEntry>),
    /// This replica leads and may propose: the empty entry of its own term is committed, and
    /// everything before it has been given out in `Committed`.
    Established {
        /// The term of this leadership.
        term: u64,
    },
    /// The leadership that was established has ended. What it proposed may or may not come out in
    /// a later `Committed`; such an entry is then to be taken as anybody's.
    Deposed,
    /// Who leads, as far as this replica knows.
    LeaderIs(Option<ReplicaId>),
    /// Answer to [`Input::ReadIndex`]: a state that has applied `index` is fresh enough.
    ReadReady {
        /// The caller's mark.
        id: u64,
        /// Apply up to here, then read.
        index: u64,
    },
    /// A change of members counts from this entry on, which came out in `Committed`.
    Members {
        /// Its index.
        index: u64,
        /// Who takes part now.
        membership: Membership,
    },
    /// The state of [`Input::Install`] has taken the log's place, durably: the next entry in
    /// `Committed` follows it.
    Installed {
        /// The last entry in it.
        id: LogId,
    },
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedEntry {
    /// Where it stands.
    pub id: LogId,
    /// What it is.
    pub kind: EntryKind,
    /// The proposed bytes; empty for the other kinds.
    pub data: Bytes,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Somebody proposed it.
    Command,
    /// A new leader's first entry, which commits everything before it.
    Empty,
    /// A change of voters.
    Configuration,
}

/// What a replica is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether an election could be won, without disturbing anybody.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads, but its own empty entry is not committed yet: takes no proposals.
    Elected,
    /// Leads and takes proposals.
    Established,
}
