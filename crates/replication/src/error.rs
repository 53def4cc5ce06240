//! What can go wrong, by what the caller does about it.
//!
//! Not here: a refused proposal's reasons for clients; the partition core words those.

use storage::GroupKey;

/// What the caller must do: drop the input, or stop this replica of this group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input was not taken and changed nothing; drop it and count it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// This replica of this group has stopped for good; others go on. A person must look.
    #[error("group {group:?} has stopped: {why}")]
    Stopped {
        /// Which one.
        group: GroupKey,
        /// What was found.
        why: String,
    },
    /// What the node log holds of this group cannot be right; it must not be opened.
    #[error("log of group {group:?} is corrupt: {why}")]
    Corrupt {
        /// Which one.
        group: GroupKey,
        /// What was found.
        why: String,
    },
    /// The configuration makes no sense.
    #[error("configuration of group {group:?} is invalid: {why}")]
    Config {
        /// Which one.
        group: GroupKey,
        /// What was found.
        why: String,
    },
}

/// Why an input was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no message of this crate.
    #[error("message cannot be decoded")]
    Undecodable,
    /// A message of another group or lineage, or for another replica.
    #[error("message is meant for another group, lineage or replica")]
    Misdirected,
    /// The sender is no member of this group, or not the one that the connection belongs to.
    #[error("sender is not a member of this group")]
    UnknownSender,
    /// A kind of message that no replica sends, or does not send yet.
    #[error("message of kind {0} is not accepted")]
    Kind(i32),
    /// A field has a value that no correct replica sends in this situation.
    #[error("field {0} is out of range")]
    Field(&'static str),
    /// Only a leader that is established can do this.
    #[error("this replica does not lead")]
    NotEstablished,
    /// Another change of members, or of the whole state, is under way.
    #[error("another change is under way")]
    Changing,
    /// Such a membership may not be, or not yet.
    #[error("these members may not be: {0}")]
    Members(&'static str),
    /// The log has this position already, or it is from a time that is over.
    #[error("the log is at this position already")]
    NothingNew,
    /// A state is installed only while a leader is known: try again then.
    #[error("no leader is known")]
    NoLeader,
    /// A number that was never given out.
    #[error("output {0} was never given out")]
    UnknownOutput(u64),
}

/// Why a proposal was not taken. Nothing of it is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead, or not yet, or is handing leadership over: ask the leader.
    #[error("this replica does not lead")]
    NotEstablished,
    /// The proposal is larger than an entry may be.
    #[error("proposal of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// What was proposed.
        size: usize,
        /// [`crate::Limits::entry_bytes_max`].
        limit: usize,
    },
    /// An empty proposal says nothing; empty entries are the leaders' own.
    #[error("proposal is empty")]
    Empty,
    /// Too much is waiting to be committed: try again after the next `Committed`.
    #[error("too many uncommitted bytes")]
    Busy,
    /// This replica has stopped for good.
    #[error("this replica has stopped")]
    Stopped,
}
