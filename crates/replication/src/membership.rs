//! Who takes part in a group, as of one position of its log, and how that changes.
//!
//! A change of voters goes through a *joint* membership, in which the old and the new voters both
//! have to agree (Raft thesis, section 4.3), even if it is of one voter only: two memberships that
//! follow each other then share a whole half, and `doubt` counts on that. A single learner comes or
//! goes in one step, because nothing depends on it.
//!
//! Not here: when a change counts (`driver::members`). The bytes of a change are the consensus
//! library's, since it reads them itself; field numbers are never reused.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState};

use crate::error::Refusal;
use crate::types::ReplicaId;

/// Who takes part in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// They elect, and their majority commits.
    pub voters: BTreeSet<ReplicaId>,
    /// While a change is under way: the voters before it, whose majority is needed as well.
    pub outgoing: BTreeSet<ReplicaId>,
    /// They get the log, and nothing waits for them.
    pub learners: BTreeSet<ReplicaId>,
    /// Voters before the change that are learners once it is done.
    pub learners_next: BTreeSet<ReplicaId>,
}

/// One wish for another membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It gets the log from now on.
    Learner(ReplicaId),
    /// It votes from now on.
    Voter(ReplicaId),
    /// It is no member any more.
    Remove(ReplicaId),
}

/// A membership's bytes, version 1: what a snapshot says of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct MembershipBytes {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    outgoing: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    learners: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    learners_next: Vec<u64>,
}

impl Membership {
    /// Of these voters and nobody else.
    pub fn of_voters(voters: impl IntoIterator<Item = ReplicaId>) -> Self {
        Self { voters: voters.into_iter().collect(), ..Self::default() }
    }

    /// Whether a change of voters is under way.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Everybody who gets the log.
    pub fn members(&self) -> BTreeSet<ReplicaId> {
        self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect()
    }

    /// Whether this replica gets the log.
    pub fn contains(&self, replica: ReplicaId) -> bool {
        [&self.voters, &self.outgoing, &self.learners].iter().any(|part| part.contains(&replica))
    }

    /// Whether so much depends on this replica alone that nobody else is ever asked.
    pub fn is_only_voter(&self, replica: ReplicaId) -> bool {
        !self.is_joint() && self.voters.len() == 1 && self.voters.contains(&replica)
    }

    /// Each set of voters of which a majority is needed.
    pub fn halves(&self) -> impl Iterator<Item = &BTreeSet<ReplicaId>> {
        std::iter::once(&self.voters).chain((!self.outgoing.is_empty()).then_some(&self.outgoing))
    }

    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        let bytes = MembershipBytes {
            voters: numbers(&self.voters),
            outgoing: numbers(&self.outgoing),
            learners: numbers(&self.learners),
            learners_next: numbers(&self.learners_next),
        };
        Bytes::from(bytes.encode_to_vec())
    }

    /// From its bytes; `None`: they are none, or say what no membership is.
    pub fn decode(bytes: Bytes) -> Option<Self> {
        let bytes = MembershipBytes::decode(bytes).ok()?;
        let decoded = Self {
            voters: replicas(&bytes.voters),
            outgoing: replicas(&bytes.outgoing),
            learners: replicas(&bytes.learners),
            learners_next: replicas(&bytes.learners_next),
        };
        let plausible = !decoded.voters.is_empty()
            && !decoded.members().contains(&ReplicaId(0))
            && decoded.learners.is_disjoint(&decoded.voters)
            && decoded.learners_next.is_subset(&decoded.outgoing);
        plausible.then_some(decoded)
    }

    pub(crate) fn conf_state(&self) -> ConfState {
        let mut conf = ConfState::default();
        conf.set_voters(numbers(&self.voters));
        conf.set_voters_outgoing(numbers(&self.outgoing));
        conf.set_learners(numbers(&self.learners));
        conf.set_learners_next(numbers(&self.learners_next));
        conf
    }

    pub(crate) fn of_conf_state(conf: &ConfState) -> Self {
        Self {
            voters: replicas(&conf.voters),
            outgoing: replicas(&conf.voters_outgoing),
            learners: replicas(&conf.learners),
            learners_next: replicas(&conf.learners_next),
        }
    }

    /// What this change makes of it, or why it may not be.
    pub(crate) fn after(&self, change: &Change) -> Result<Self, Refusal> {
        let mut next = self.clone();
        if change.0.is_empty() {
            if !self.is_joint() {
                return Err(Refusal::Members("there is no change to end"));
            }
            next.learners.append(&mut next.learners_next);
            next.outgoing.clear();
            return Ok(next);
        }
        if self.is_joint() {
            return Err(Refusal::Changing);
        }
        change.0.iter().for_each(|change| next.take(*change, &self.voters));
        if next.voters.is_empty() {
            return Err(Refusal::Members("nobody would be left to vote"));
        }
        if next == *self {
            return Err(Refusal::NothingNew);
        }
        // The library makes everything joint that is more than one change.
        if next.voters != self.voters || change.0.len() > 1 {
            next.outgoing.clone_from(&self.voters);
        }
        Ok(next)
    }

    fn take(&mut self, change: MemberChange, outgoing: &BTreeSet<ReplicaId>) {
        match change {
            MemberChange::Learner(replica) => {
                self.voters.remove(&replica);
                let part =
                    if outgoing.contains(&replica) { &mut self.learners_next } else { &mut self.learners };
                part.insert(replica);
            }
            MemberChange::Voter(replica) => {
                self.learners.remove(&replica);
                self.learners_next.remove(&replica);
                self.voters.insert(replica);
            }
            MemberChange::Remove(replica) => {
                self.voters.remove(&replica);
                self.learners.remove(&replica);
                self.learners_next.remove(&replica);
            }
        }
    }
}

fn numbers(replicas: &BTreeSet<ReplicaId>) -> Vec<u64> {
    replicas.iter().map(|replica| replica.0).collect()
}

fn replicas(numbers: &[u64]) -> BTreeSet<ReplicaId> {
    numbers.iter().copied().map(ReplicaId).collect()
}

/// What an entry of kind *configuration* asks for; nothing: that the change under way is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change(pub(crate) Vec<MemberChange>);

/// A change as it stands in an entry.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChangeBytes {
    #[prost(int32, tag = "1")]
    transition: i32,
    #[prost(message, repeated, tag = "2")]
    changes: Vec<OneChangeBytes>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct OneChangeBytes {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "2")]
    replica: u64,
}

/// Numbers of [`OneChangeBytes::kind`] and [`ChangeBytes::transition`]; never reused.
const KIND_VOTER: i32 = 0;
const KIND_REMOVE: i32 = 1;
const KIND_LEARNER: i32 = 2;
const TRANSITION_SIMPLE: i32 = 0;
const TRANSITION_JOINT: i32 = 2;

impl Change {
    /// Its bytes; `joint`: it goes through a joint membership.
    pub(crate) fn encode(&self, joint: bool) -> Bytes {
        let one = |change: &MemberChange| {
            let (kind, replica) = match *change {
                MemberChange::Voter(replica) => (KIND_VOTER, replica),
                MemberChange::Remove(replica) => (KIND_REMOVE, replica),
                MemberChange::Learner(replica) => (KIND_LEARNER, replica),
            };
            OneChangeBytes { kind, replica: replica.0 }
        };
        let transition = if joint { TRANSITION_JOINT } else { TRANSITION_SIMPLE };
        Bytes::from(ChangeBytes { transition, changes: self.0.iter().map(one).collect() }.encode_to_vec())
    }

    /// From an entry's bytes, with whether it goes through a joint membership.
    pub(crate) fn decode(bytes: &Bytes) -> Option<(Self, bool)> {
        let bytes = ChangeBytes::decode(bytes.clone()).ok()?;
        let one = |change: &OneChangeBytes| {
            let replica = ReplicaId(change.replica);
            let wish = match change.kind {
                KIND_VOTER => MemberChange::Voter(replica),
                KIND_REMOVE => MemberChange::Remove(replica),
                KIND_LEARNER => MemberChange::Learner(replica),
                _ => return None,
            };
            (change.replica > 0).then_some(wish)
        };
        let changes: Option<Vec<MemberChange>> = bytes.changes.iter().map(one).collect();
        let known = [TRANSITION_SIMPLE, TRANSITION_JOINT].contains(&bytes.transition);
        changes.filter(|_| known).map(|changes| (Self(changes), bytes.transition == TRANSITION_JOINT))
    }

    /// As the consensus library takes it.
    pub(crate) fn of_library(&self, joint: bool) -> ConfChangeV2 {
        let one = |change: &MemberChange| {
            let (kind, replica) = match *change {
                MemberChange::Voter(replica) => (ConfChangeType::AddNode, replica),
                MemberChange::Remove(replica) => (ConfChangeType::RemoveNode, replica),
                MemberChange::Learner(replica) => (ConfChangeType::AddLearnerNode, replica),
            };
            let mut single = ConfChangeSingle::default();
            single.set_change_type(kind);
            single.node_id = replica.0;
            single
        };
        let mut change = ConfChangeV2::default();
        if joint {
            change.set_transition(ConfChangeTransition::Explicit);
        }
        change.set_changes(self.0.iter().map(one).collect::<Vec<_>>().into());
        change
    }
}

#[cfg(test)]
mod tests {
    use super::MemberChange::{Learner, Remove, Voter};
    use super::*;

    fn set(numbers: &[u64]) -> BTreeSet<ReplicaId> {
        replicas(numbers)
    }

    #[test]
    fn a_change_of_voters_is_joint_until_it_is_ended() {
        let three = Membership::of_voters([1, 2, 3].map(ReplicaId));
        let joint = three.after(&Change(vec![Voter(ReplicaId(4)), Remove(ReplicaId(1))])).expect("it may be");
        assert_eq!((&joint.voters, &joint.outgoing), (&set(&[2, 3, 4]), &set(&[1, 2, 3])));
        assert_eq!(joint.halves().count(), 2);
        assert_eq!(joint.after(&Change(vec![Voter(ReplicaId(5))])), Err(Refusal::Changing));
        let done = joint.after(&Change::default()).expect("it is under way");
        assert_eq!(done, Membership::of_voters([2, 3, 4].map(ReplicaId)));
        assert!(done.after(&Change::default()).is_err());
    }

    #[test]
    fn a_voter_that_becomes_a_learner_is_one_when_the_change_is_done() {
        let three = Membership::of_voters([1, 2, 3].map(ReplicaId));
        let joint = three.after(&Change(vec![Learner(ReplicaId(3))])).expect("it may be");
        assert_eq!((&joint.learners, &joint.learners_next), (&set(&[]), &set(&[3])));
        assert_eq!(Membership::decode(joint.encode()), Some(joint.clone()));
        let done = joint.after(&Change::default()).expect("it is under way");
        assert_eq!((&done.voters, &done.learners), (&set(&[1, 2]), &set(&[3])));
        assert_eq!(Membership::of_conf_state(&done.conf_state()), done);
    }

    #[test]
    fn learners_come_and_go_in_one_step_and_the_last_voter_stays() {
        let one = Membership::of_voters([ReplicaId(1)]);
        assert!(one.is_only_voter(ReplicaId(1)));
        let two = one.after(&Change(vec![Learner(ReplicaId(2))])).expect("it may be");
        assert!(!two.is_joint() && two.contains(ReplicaId(2)));
        assert_eq!(two.after(&Change(vec![Remove(ReplicaId(2))])), Ok(one.clone()));
        assert!(one.after(&Change(vec![Remove(ReplicaId(1))])).is_err());
    }

    #[test]
    fn a_change_reads_as_it_was_written_and_as_the_library_writes_it() {
        use protobuf::Message as _;
        let change = Change(vec![Voter(ReplicaId(4)), Learner(ReplicaId(3)), Remove(ReplicaId(1))]);
        for joint in [true, false] {
            let bytes = change.encode(joint);
            let library = change.of_library(joint).write_to_bytes().expect("it can be written");
            // The library writes a field that is zero, or leaves it out: it reads both.
            assert_eq!(Change::decode(&library.into()), Some((change.clone(), joint)));
            assert_eq!(Change::decode(&bytes), Some((change.clone(), joint)));
        }
        assert_eq!(Change::decode(&Bytes::new()), Some((Change::default(), false)));
        assert_eq!(Change::decode(&Bytes::from_static(&[8, 1])), None);
    }

    #[test]
    fn what_no_membership_is_does_not_decode() {
        let nobody = Membership::default();
        assert_eq!(Membership::decode(nobody.encode()), None);
        let twice = Membership { learners: set(&[1]), ..Membership::of_voters([ReplicaId(1)]) };
        assert_eq!(Membership::decode(twice.encode()), None);
    }
}
