//! What a message must look like before the consensus library sees it.
//!
//! The library stops the process on fields that no correct replica sends: a heartbeat that commits
//! beyond the log, an append that contradicts what is committed, a gap. All of these are checked
//! here first, against what this replica knows; a message that fails changes nothing.
//! Not here: form and addresses (`wire`). A lie that looks true is not found here either: peers are
//! authenticated, and a replica whose disk has lied stops itself.

use raft::eraftpb::Message;
use raft::{Raft, StateRole};

use crate::error::Refusal;
use crate::log_store::LogStore;
use crate::wire::{Incoming, Kind};

/// The library's mark of a campaign that a leader asked for.
const CONTEXT_TRANSFER: &[u8] = b"CampaignTransfer";

/// How far a peer's term may be ahead of ours: more elections than a group will ever hold.
const TERM_LEAP_MAX: u64 = 1 << 32;

/// What to do with a message that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Let it count.
    Take,
    /// It is late and says nothing new; forget it.
    Stale,
}

/// Checks a message against what this replica knows. `vote_is_durable`: no change of term or vote,
/// and no entry, waits for the disk.
pub(crate) fn check(
    raft: &Raft<LogStore>,
    incoming: &Incoming,
    vote_is_durable: bool,
) -> Result<Verdict, Refusal> {
    let message = &incoming.message;
    known_sender(raft, incoming)?;
    if !message.entries.is_empty() && incoming.kind != Kind::Append {
        return Err(Refusal::Field("entries"));
    }
    match incoming.kind {
        Kind::Unknown => Err(Refusal::Kind(0)),
        Kind::Append => append(raft, message),
        Kind::AppendResponse => append_response(raft, message),
        Kind::Vote | Kind::PreVote => vote(message),
        Kind::VoteResponse => vote_response(raft, message, vote_is_durable),
        Kind::PreVoteResponse => pre_vote_response(raft, message),
        Kind::Heartbeat => heartbeat(raft, message),
        Kind::HeartbeatResponse => heartbeat_response(raft, message),
        Kind::TimeoutNow => timeout_now(raft, message),
    }
}

/// An answer counts only from a member. Whoever asks may be one that this replica has not heard of yet:
/// a change of members counts once it is given out, here later than elsewhere.
fn known_sender(raft: &Raft<LogStore>, incoming: &Incoming) -> Result<(), Refusal> {
    let message = &incoming.message;
    let answers = matches!(
        incoming.kind,
        Kind::AppendResponse | Kind::HeartbeatResponse | Kind::VoteResponse | Kind::PreVoteResponse
    );
    if message.from == raft.id || (answers && raft.prs().get(message.from).is_none()) {
        return Err(Refusal::UnknownSender);
    }
    // No correct replica is this far ahead; taken, it would leave no room for elections.
    require(message.term > 0 && message.term <= raft.term + TERM_LEAP_MAX, "term")
}

fn require(holds: bool, field: &'static str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Field(field)) }
}

/// There is one leader a term, so nobody else may speak as one.
fn from_the_leader(raft: &Raft<LogStore>, message: &Message) -> Result<(), Refusal> {
    let contested = message.term == raft.term
        && (raft.state == StateRole::Leader || (raft.leader_id != 0 && raft.leader_id != message.from));
    require(!contested, "term")
}

fn append(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    require((message.index == 0) == (message.log_term == 0), "log_term")?;
    let mut term = message.log_term;
    for entry in message.entries.iter() {
        require(entry.term >= term, "entries")?;
        term = entry.term;
    }
    require(term <= message.term, "entries")?;
    if message.term < raft.term {
        return Ok(Verdict::Take);
    }
    from_the_leader(raft, message)?;
    let committed = raft.raft_log.committed;
    if message.index >= committed {
        // A leader has everything that is committed, and terms never fall along a log.
        let committed_term = raft.raft_log.term(committed).unwrap_or(0);
        require(message.log_term >= committed_term, "log_term")?;
        require(message.index > committed || message.log_term == committed_term, "log_term")?;
    }
    Ok(Verdict::Take)
}

fn append_response(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    if raft.state != StateRole::Leader || message.term != raft.term {
        return Ok(Verdict::Take);
    }
    let last = raft.raft_log.last_index();
    require(message.index <= last, "index")?;
    require(message.commit <= last, "commit")?;
    if !message.reject {
        return Ok(Verdict::Take);
    }
    require(message.reject_hint <= last, "reject_hint")?;
    // In this term the follower has already confirmed more than it now says it lacks: the message
    // is late. Taken, it would send the leader back below what it may have compacted.
    let matched = raft.prs().get(message.from).map_or(0, |progress| progress.matched);
    Ok(if message.reject_hint < matched { Verdict::Stale } else { Verdict::Take })
}

fn vote(message: &Message) -> Result<Verdict, Refusal> {
    require((message.index == 0) == (message.log_term == 0), "log_term")?;
    require(message.log_term < message.term, "log_term")?;
    commit_within(message, message.index, message.log_term)?;
    require(message.context.is_empty() || message.context == CONTEXT_TRANSFER, "context")?;
    Ok(Verdict::Take)
}

fn commit_within(message: &Message, index: u64, term: u64) -> Result<(), Refusal> {
    require((message.commit == 0) == (message.commit_term == 0), "commit_term")?;
    require(message.commit <= index, "commit")?;
    require(message.commit_term <= term, "commit_term")
}

fn vote_response(
    raft: &Raft<LogStore>,
    message: &Message,
    vote_is_durable: bool,
) -> Result<Verdict, Refusal> {
    require(message.commit_term <= message.term, "commit_term")?;
    require(message.reject || message.term <= raft.term, "term")?;
    // Our request leaves after our own vote is durable, so an answer before that answers nothing.
    let ours = raft.state == StateRole::Candidate && message.term == raft.term;
    require(!ours || vote_is_durable, "term")?;
    Ok(Verdict::Take)
}

fn pre_vote_response(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    require(message.commit_term <= message.term, "commit_term")?;
    require(message.reject || message.term <= raft.term + 1, "term")?;
    Ok(Verdict::Take)
}

fn heartbeat(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    if message.term < raft.term {
        return Ok(Verdict::Take);
    }
    from_the_leader(raft, message)?;
    require(message.commit <= raft.raft_log.last_index(), "commit")?;
    Ok(Verdict::Take)
}

fn heartbeat_response(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    if raft.state == StateRole::Leader && message.term == raft.term {
        require(message.commit <= raft.raft_log.last_index(), "commit")?;
    }
    Ok(Verdict::Take)
}

fn timeout_now(raft: &Raft<LogStore>, message: &Message) -> Result<Verdict, Refusal> {
    let from_our_leader = message.term == raft.term && raft.leader_id == message.from;
    Ok(if from_our_leader { Verdict::Take } else { Verdict::Stale })
}
