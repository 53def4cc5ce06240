//! From the members that a group has to those it should have, a step at a time.
//!
//! The catalog says who should take part; whoever leads proposes what is missing. Nothing is
//! remembered between steps, so a new leader goes on where the last one stopped. Not here: what makes
//! a change safe (`replication`, "members"), and who should take part (`engine::catalog`).
//!
//! ```text
//! add what is missing as learners, one by one --> make them voters, all in one step
//!   --> hand over, if the leader itself should go --> remove who should go
//! ```

use std::collections::BTreeSet;

use replication::{Error, Input, MemberChange, Membership, ReplicaId};

use crate::partition::core::{Halt, Partition};
use crate::partition::mutants;

/// What brings the members closer to those that are wanted.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Try these in order, until one is taken.
    Change(Vec<Vec<MemberChange>>),
    /// Somebody who stays has to lead.
    HandOver(ReplicaId),
}

impl Partition {
    /// Who should take part from now on, voters all of them.
    pub(in crate::partition) fn on_wanted(&mut self, replicas: BTreeSet<u64>) {
        let wanted: BTreeSet<_> = replicas.into_iter().map(ReplicaId).collect();
        self.wanted_members = (!wanted.is_empty()).then_some(wanted);
    }

    /// Hands leadership to a voter that is up; whoever does not lead has nothing to hand over.
    pub(in crate::partition) fn on_hand_over(&mut self, to: u64) -> Result<(), Halt> {
        if self.leader.is_some() {
            self.feed(Input::TransferTo { replica: ReplicaId(to) })?;
        }
        Ok(())
    }

    /// Whether time has to pass for this replica: others take part, or should.
    pub fn needs_ticks(&self) -> bool {
        let members = self.group.members();
        let is_wanted = self.wanted_members.as_ref().is_none_or(|wanted| *wanted == members.voters);
        !(self.group.is_lone_voter() && members.learners.is_empty() && is_wanted)
    }

    /// The next step towards the members that are wanted. What is refused is tried again later.
    pub(in crate::partition) fn seek_members(&mut self) -> Result<(), Halt> {
        let Some(wanted) = self.wanted_members.as_ref().filter(|_| self.leader.is_some()) else {
            return Ok(());
        };
        if mutants::active("wanted-members-forgotten") {
            return Ok(());
        }
        let own = self.group.replica();
        match next_step(self.group.members(), wanted, own) {
            None => Ok(()),
            Some(Step::HandOver(to)) => self.feed(Input::TransferTo { replica: to }),
            Some(Step::Change(ways)) => {
                for changes in ways {
                    match self.group.step(Input::ChangeMembers(changes)) {
                        Ok(()) => break,
                        Err(Error::Refused(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
        }
    }
}

fn next_step(members: &Membership, wanted: &BTreeSet<ReplicaId>, own: ReplicaId) -> Option<Step> {
    // Whoever leads ends a change that is under way.
    if members.is_joint() {
        return None;
    }
    let all = members.members();
    if let Some(missing) = wanted.difference(&all).next() {
        return Some(Step::Change(vec![vec![MemberChange::Learner(*missing)]]));
    }
    let learners: Vec<ReplicaId> = wanted.difference(&members.voters).copied().collect();
    if !learners.is_empty() {
        return Some(Step::Change(promotions(&learners, members.voters.len())));
    }
    if !wanted.contains(&own) {
        return wanted.first().map(|heir| Step::HandOver(*heir));
    }
    let gone: Vec<_> = all.difference(wanted).copied().map(MemberChange::Remove).collect();
    (!gone.is_empty()).then(|| Step::Change(vec![gone]))
}

/// All of them at once; or, where some are not ready, each of those that leaves an odd number of
/// voters: an even one survives no more losses than one less.
fn promotions(learners: &[ReplicaId], voters: usize) -> Vec<Vec<MemberChange>> {
    let all = learners.iter().copied().map(MemberChange::Voter).collect();
    let single = voters.is_multiple_of(2) && learners.len() > 1;
    let singles = learners.iter().filter(|_| single).map(|learner| vec![MemberChange::Voter(*learner)]);
    std::iter::once(all).chain(singles).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(replicas: &[u64]) -> BTreeSet<ReplicaId> {
        replicas.iter().copied().map(ReplicaId).collect()
    }

    fn members(voters: &[u64], learners: &[u64]) -> Membership {
        Membership { voters: set(voters), learners: set(learners), ..Membership::default() }
    }

    fn step(voters: &[u64], learners: &[u64], wanted: &[u64]) -> Option<Step> {
        next_step(&members(voters, learners), &set(wanted), ReplicaId(voters[0]))
    }

    fn change(changes: &[MemberChange]) -> Option<Step> {
        Some(Step::Change(vec![changes.to_vec()]))
    }

    #[test]
    fn one_voter_grows_to_three_by_learners_and_one_change() {
        use MemberChange::{Learner, Voter};
        assert_eq!(step(&[1], &[], &[1, 2, 3]), change(&[Learner(ReplicaId(2))]));
        assert_eq!(step(&[1], &[2], &[1, 2, 3]), change(&[Learner(ReplicaId(3))]));
        assert_eq!(step(&[1], &[2, 3], &[1, 2, 3]), change(&[Voter(ReplicaId(2)), Voter(ReplicaId(3))]));
        assert_eq!(step(&[1, 2, 3], &[], &[1, 2, 3]), None);
    }

    #[test]
    fn nobody_goes_before_those_who_come_vote() {
        use MemberChange::{Learner, Remove, Voter};
        assert_eq!(step(&[1, 2, 3], &[], &[1, 2, 4]), change(&[Learner(ReplicaId(4))]));
        assert_eq!(step(&[1, 2, 3], &[4], &[1, 2, 4]), change(&[Voter(ReplicaId(4))]));
        assert_eq!(step(&[1, 2, 3, 4], &[], &[1, 2, 4]), change(&[Remove(ReplicaId(3))]));
    }

    #[test]
    fn a_leader_that_should_go_hands_over_first() {
        assert_eq!(step(&[1, 2, 3], &[], &[2, 3]), Some(Step::HandOver(ReplicaId(2))));
    }

    #[test]
    fn a_change_that_is_under_way_is_left_alone() {
        let joint = Membership { outgoing: set(&[1]), ..members(&[1, 2], &[]) };
        assert_eq!(next_step(&joint, &set(&[1]), ReplicaId(1)), None);
    }

    #[test]
    fn learners_that_are_ready_do_not_wait_for_others_where_the_number_gets_odd() {
        use MemberChange::Voter;
        let both = vec![Voter(ReplicaId(3)), Voter(ReplicaId(4))];
        let ways = vec![both.clone(), vec![Voter(ReplicaId(3))], vec![Voter(ReplicaId(4))]];
        assert_eq!(step(&[1, 2], &[3, 4], &[1, 2, 3, 4]), Some(Step::Change(ways)));
        assert_eq!(step(&[1], &[3, 4], &[1, 3, 4]), Some(Step::Change(vec![both])));
    }
}
