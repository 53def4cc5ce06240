//! Messages between replicas: our own form of them, version 1, and the way to and from the
//! consensus library's.
//!
//! Not here: whether a message may count (`validate`). Bytes from the network never reach the
//! library's own decoder. Field numbers are never reused.
//! The one thing to know: an entry's index is given by its place, so a message cannot have gaps.

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Message, MessageType};
use storage::GroupKey;

use crate::error::Refusal;
use crate::format::EntryBytes;
use crate::types::ReplicaId;

/// The only version so far.
const VERSION: u32 = 1;

/// No index or term of a correct replica comes near this; sums of two stay in range.
pub(crate) const POSITION_MAX: u64 = 1 << 62;

/// A message as it travels.
#[expect(clippy::struct_excessive_bools, reason = "the form on the wire")]
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) partition: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) lineage: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) from: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) to: u64,
    /// A number of [`Kind`].
    #[prost(int32, tag = "6")]
    pub(crate) kind: i32,
    #[prost(uint64, tag = "7")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) log_term: u64,
    #[prost(uint64, tag = "9")]
    pub(crate) index: u64,
    /// The first is at `index + 1`.
    #[prost(message, repeated, tag = "10")]
    pub(crate) entries: Vec<EntryBytes>,
    #[prost(uint64, tag = "11")]
    pub(crate) commit: u64,
    #[prost(uint64, tag = "12")]
    pub(crate) commit_term: u64,
    #[prost(bool, tag = "13")]
    pub(crate) reject: bool,
    #[prost(uint64, tag = "14")]
    pub(crate) reject_hint: u64,
    #[prost(bytes = "bytes", tag = "15")]
    pub(crate) context: Bytes,
    /// From a leader: every voter has the log up to here, vouched for.
    #[prost(uint64, tag = "16")]
    pub(crate) all_matched: u64,
    /// Of a vote: who gives it may have lost what it acknowledged.
    #[prost(bool, tag = "17")]
    pub(crate) doubtful: bool,
    /// From a follower: its node log has vouched for its log up to here.
    #[prost(uint64, tag = "18")]
    pub(crate) vouched: u64,
}

/// The kinds of messages that replicas exchange. Snapshots, forwarded proposals and forwarded reads
/// are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    Unknown = 0,
    Append = 1,
    AppendResponse = 2,
    Vote = 3,
    VoteResponse = 4,
    Heartbeat = 5,
    HeartbeatResponse = 6,
    PreVote = 7,
    PreVoteResponse = 8,
    TimeoutNow = 9,
}

impl Kind {
    fn of(kind: MessageType) -> Option<Self> {
        Some(match kind {
            MessageType::MsgAppend => Self::Append,
            MessageType::MsgAppendResponse => Self::AppendResponse,
            MessageType::MsgRequestVote => Self::Vote,
            MessageType::MsgRequestVoteResponse => Self::VoteResponse,
            MessageType::MsgHeartbeat => Self::Heartbeat,
            MessageType::MsgHeartbeatResponse => Self::HeartbeatResponse,
            MessageType::MsgRequestPreVote => Self::PreVote,
            MessageType::MsgRequestPreVoteResponse => Self::PreVoteResponse,
            MessageType::MsgTimeoutNow => Self::TimeoutNow,
            _ => return None,
        })
    }

    fn message_type(self) -> Option<MessageType> {
        Some(match self {
            Self::Unknown => return None,
            Self::Append => MessageType::MsgAppend,
            Self::AppendResponse => MessageType::MsgAppendResponse,
            Self::Vote => MessageType::MsgRequestVote,
            Self::VoteResponse => MessageType::MsgRequestVoteResponse,
            Self::Heartbeat => MessageType::MsgHeartbeat,
            Self::HeartbeatResponse => MessageType::MsgHeartbeatResponse,
            Self::PreVote => MessageType::MsgRequestPreVote,
            Self::PreVoteResponse => MessageType::MsgRequestPreVoteResponse,
            Self::TimeoutNow => MessageType::MsgTimeoutNow,
        })
    }
}

/// What a message says besides what the library knows of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// See [`Envelope::all_matched`].
    pub(crate) all_matched: u64,
    /// See [`Envelope::doubtful`].
    pub(crate) doubtful: bool,
    /// See [`Envelope::vouched`].
    pub(crate) vouched: u64,
}

/// The bytes of a message of `group`, or `None` for a kind that is not sent between replicas.
pub(crate) fn encode(group: GroupKey, message: &Message, extra: Extra) -> Option<Bytes> {
    let kind = Kind::of(message.get_msg_type())?;
    let envelope = Envelope {
        version: VERSION,
        partition: group.partition,
        lineage: group.lineage,
        from: message.from,
        to: message.to,
        kind: kind.into(),
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        entries: message.entries.iter().map(EntryBytes::of).collect(),
        commit: message.commit,
        commit_term: message.commit_term,
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: message.context.clone(),
        all_matched: extra.all_matched,
        doubtful: extra.doubtful,
        vouched: extra.vouched,
    };
    Some(Bytes::from(envelope.encode_to_vec()))
}

/// A message that is well formed and meant for this replica of this group.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) kind: Kind,
    pub(crate) message: Message,
    pub(crate) extra: Extra,
}

/// Reads a message for `group` that came over a connection with `from`.
pub(crate) fn decode(group: GroupKey, from: ReplicaId, bytes: Bytes) -> Result<Incoming, Refusal> {
    let envelope = Envelope::decode(bytes).map_err(|_| Refusal::Undecodable)?;
    if envelope.version != VERSION {
        return Err(Refusal::Undecodable);
    }
    let ours = (group.partition, group.lineage, group.replica);
    if (envelope.partition, envelope.lineage, envelope.to) != ours {
        return Err(Refusal::Misdirected);
    }
    if envelope.from != from.0 {
        return Err(Refusal::UnknownSender);
    }
    let kind = Kind::try_from(envelope.kind).map_err(|_| Refusal::Kind(envelope.kind))?;
    let message_type = kind.message_type().ok_or(Refusal::Kind(envelope.kind))?;
    bounded(&envelope)?;
    let Envelope { all_matched, doubtful, vouched, .. } = envelope;
    let extra = Extra { all_matched, doubtful, vouched };
    Ok(Incoming { kind, message: message(envelope, message_type)?, extra })
}

fn bounded(envelope: &Envelope) -> Result<(), Refusal> {
    let positions = [
        (envelope.term, "term"),
        (envelope.log_term, "log_term"),
        (envelope.index, "index"),
        (envelope.commit, "commit"),
        (envelope.commit_term, "commit_term"),
        (envelope.reject_hint, "reject_hint"),
        (envelope.all_matched, "all_matched"),
        (envelope.vouched, "vouched"),
    ];
    match positions.iter().find(|(value, _)| *value > POSITION_MAX) {
        Some((_, field)) => Err(Refusal::Field(field)),
        None => Ok(()),
    }
}

fn message(envelope: Envelope, message_type: MessageType) -> Result<Message, Refusal> {
    let mut message = Message {
        to: envelope.to,
        from: envelope.from,
        term: envelope.term,
        log_term: envelope.log_term,
        index: envelope.index,
        commit: envelope.commit,
        commit_term: envelope.commit_term,
        reject: envelope.reject,
        reject_hint: envelope.reject_hint,
        context: envelope.context,
        ..Message::default()
    };
    message.set_msg_type(message_type);
    let mut entries = Vec::with_capacity(envelope.entries.len());
    for (index, bytes) in (envelope.index + 1..).zip(envelope.entries) {
        entries.push(bytes.entry(index).map_err(|_| Refusal::Field("entries"))?);
    }
    message.set_entries(entries.into());
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::eraftpb::Entry;

    fn group(replica: u64) -> GroupKey {
        GroupKey { partition: 7, lineage: 1, replica }
    }

    fn append() -> Message {
        let mut message =
            Message { from: 2, to: 1, term: 5, log_term: 4, index: 9, commit: 8, ..Message::default() };
        message.set_msg_type(MessageType::MsgAppend);
        let entries =
            vec![Entry { index: 10, term: 5, data: Bytes::from_static(b"one"), ..Entry::default() }];
        message.set_entries(entries.into());
        message
    }

    #[test]
    fn message_arrives_as_it_was_sent() {
        let extra = Extra { all_matched: 3, doubtful: true, vouched: 2 };
        let bytes = encode(group(2), &append(), extra).unwrap();
        let incoming = decode(group(1), ReplicaId(2), bytes).unwrap();
        assert_eq!(incoming.message, append());
        assert_eq!(incoming.extra, extra);
    }

    #[test]
    fn message_of_another_lineage_or_sender_is_refused() {
        let bytes = encode(group(2), &append(), Extra::default()).unwrap();
        let other = GroupKey { lineage: 2, ..group(1) };
        assert_eq!(decode(other, ReplicaId(2), bytes.clone()).unwrap_err(), Refusal::Misdirected);
        assert_eq!(decode(group(3), ReplicaId(2), bytes.clone()).unwrap_err(), Refusal::Misdirected);
        assert_eq!(decode(group(1), ReplicaId(3), bytes).unwrap_err(), Refusal::UnknownSender);
    }

    #[test]
    fn snapshot_is_not_sent_between_replicas() {
        let mut message = append();
        message.set_msg_type(MessageType::MsgSnapshot);
        assert_eq!(encode(group(2), &message, Extra::default()), None);
    }

    #[test]
    fn absurd_positions_are_refused() {
        let mut message = append();
        message.term = u64::MAX;
        let bytes = encode(group(2), &message, Extra::default()).unwrap();
        assert_eq!(decode(group(1), ReplicaId(2), bytes).unwrap_err(), Refusal::Field("term"));
    }
}
