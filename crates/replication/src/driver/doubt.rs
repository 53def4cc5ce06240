//! Replicas that may have lost what they acknowledged, and what their votes are worth.
//!
//! A tail that is cut off after a crash may have been durable and rotted; the replica cannot tell.
//! The argument has four steps, and holds while no two replicas lose something at once:
//! terms and votes are vouched for before anybody hears of them ([`Driver::proof`]);
//! the doubtful replica goes on in the next term (`open`); whoever leads from then on was elected
//! by enough others ([`elects`]); and with an entry of such a leader doubt ends
//! ([`Driver::is_doubtful`]). A group of which all replicas are up is never stopped by it.
//!
//! Not here: finding out that a tail was cut off (`storage`).

use std::collections::{BTreeMap, BTreeSet};

use raft::StateRole;
use raft::eraftpb::{Message, MessageType};

use super::Driver;
use crate::mutants;
use crate::types::{Proof, ReplicaId};

/// Votes for a candidate, until they are enough; by voter, with its word on whether it is doubtful.
#[derive(Debug, Default)]
pub(super) struct Ballot(BTreeMap<u64, (bool, Message)>);

impl Ballot {
    /// Whether they elect `own` by this half of the membership.
    fn elects(&self, half: &BTreeSet<ReplicaId>, own: (ReplicaId, bool)) -> bool {
        let others = self.0.iter().map(|(voter, (doubtful, _))| (ReplicaId(*voter), *doubtful));
        let votes: Vec<bool> = others
            .chain([own])
            .filter(|(voter, _)| half.contains(voter))
            .map(|(_, doubtful)| doubtful)
            .collect();
        let firm = votes.iter().filter(|doubtful| !**doubtful).count();
        elects(half.len(), votes.len(), firm)
    }
}

/// Whether so many votes elect in a group of `voters`; `firm` of them are without doubt.
///
/// A majority without doubt shares a voter with every majority that once acknowledged something, and
/// that voter has kept it. Otherwise every majority has to share two voters with these: one of them
/// may have lost it, and the other has it.
fn elects(voters: usize, votes: usize, firm: usize) -> bool {
    let majority = voters / 2 + 1;
    let shares_two_with_any_majority = voters + 2 - majority;
    firm >= majority || votes >= shares_two_with_any_majority.max(majority)
}

impl Driver {
    /// How durable terms and votes have to be. Where others hear of them they are vouched for, so they
    /// are never in a tail that is cut off: what may be lost are only entries of the leader of the
    /// last term.
    pub(super) fn proof(&self) -> Proof {
        let is_heard = !self.members().is_only_voter(self.replica());
        if is_heard && !mutants::active("vote-leaves-unvouched") { Proof::Vouched } else { Proof::Synced }
    }

    /// See [`crate::Group::is_doubtful`]. An entry of a term above the doubted one came from a leader
    /// that was elected without counting on what may be lost, behind all that it may have been.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubted > 0 && self.node.store().last().term <= self.doubted
    }

    /// Takes a vote for this replica; returns the votes that count now, because they are enough.
    pub(super) fn ballot(&mut self, vote: Message, doubtful: bool) -> Vec<Message> {
        let (state, term) = (self.node.raft.state, self.node.raft.term);
        let awaited = match vote.get_msg_type() {
            MessageType::MsgRequestVoteResponse => state == StateRole::Candidate && vote.term == term,
            _ => state == StateRole::PreCandidate && vote.term == term + 1,
        };
        if !awaited {
            return Vec::new();
        }
        let doubtful = doubtful && !mutants::active("doubtful-vote-counts-in-full");
        self.ballot.0.insert(vote.from, (doubtful, vote));
        let own = (self.replica(), self.is_doubtful());
        // Memberships that follow each other share a half, so each half is asked for itself.
        if !self.members().halves().all(|half| self.ballot.elects(half, own)) {
            return Vec::new();
        }
        std::mem::take(&mut self.ballot.0).into_values().map(|(_, vote)| vote).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::elects;

    #[test]
    fn a_majority_without_doubt_elects_and_so_does_one_that_shares_two_with_any_other() {
        // Voters, the votes needed without doubt, and with.
        for (voters, firm, any) in [(2, 2, 2), (3, 2, 3), (4, 3, 3), (5, 3, 4), (7, 4, 5), (9, 5, 6)] {
            for votes in 1..=voters {
                assert_eq!(elects(voters, votes, votes), votes >= firm, "{votes} of {voters}");
                assert_eq!(elects(voters, votes, 0), votes >= any, "{votes} doubtful of {voters}");
                assert_eq!(elects(voters, votes, votes - 1), votes > firm || votes >= any);
            }
        }
    }
}
