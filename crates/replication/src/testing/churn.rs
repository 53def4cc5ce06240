//! Members of a toy cluster that come and go, and states that are carried from one to another.
//!
//! Not here: the other faults (`cluster`), and what must hold (`checks`).

use super::{Cluster, Violation};
use crate::{Input, LogId, MemberChange, Membership, ReplicaId};

/// A state on its way.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) to: u64,
    pub(super) id: LogId,
    pub(super) membership: Membership,
}

impl Cluster {
    pub(super) fn change(&mut self, id: u64) -> Result<(), Violation> {
        // Mostly where it may succeed.
        let id = self.leader().filter(|_| self.random.percent(80)).unwrap_or(id);
        match self.random.below(4) {
            0 => {
                let wishes = self.wishes(id);
                self.step(id, Input::ChangeMembers(wishes))
            }
            1 => self.carry(id),
            _ if self.carried.is_empty() => Ok(()),
            _ => {
                let at = self.random.below(self.carried.len());
                let doubled = self.random.per_mille(self.faults.doubled);
                let carried = if doubled { self.carried[at].clone() } else { self.carried.remove(at) };
                if self.random.per_mille(self.faults.lost) {
                    return Ok(());
                }
                let to = carried.to;
                self.bring(carried)?;
                // The moment at which two things on one disk must agree.
                if self.random.percent(10) { self.crash(to) } else { Ok(()) }
            }
        }
    }

    /// One or two wishes that leave three voters, so that no replica is ever the only one to know.
    fn wishes(&mut self, id: u64) -> Vec<MemberChange> {
        let members = self.group(id).map(|group| group.members().clone()).unwrap_or_default();
        let mut wishes = Vec::new();
        let mut voters = members.voters.len();
        for _ in 0..=self.random.below(2) {
            let replica = ReplicaId(self.pick());
            let goes = members.voters.contains(&replica) && replica.0 != id && voters > 3;
            voters -= usize::from(goes);
            wishes.push(match (goes, members.learners.contains(&replica)) {
                (true, _) if self.random.percent(50) => MemberChange::Learner(replica),
                (true, _) => MemberChange::Remove(replica),
                (false, true) if self.random.percent(20) => MemberChange::Remove(replica),
                (false, true) => MemberChange::Voter(replica),
                (false, false) if members.voters.contains(&replica) => MemberChange::Voter(replica),
                (false, false) => MemberChange::Learner(replica),
            });
        }
        wishes
    }

    /// A leader's state leaves for every member that needs it.
    pub(super) fn carry(&mut self, id: u64) -> Result<(), Violation> {
        let wants = self.group(id).map(|group| group.wants_snapshot()).unwrap_or_default();
        for (to, at_least) in wants {
            let Some(replica) = self.replicas.get_mut(&id) else { return Ok(()) };
            if replica.checkpoint.index < at_least {
                replica.checkpoint = replica.emitted;
            }
            let (state, group) = (replica.checkpoint, replica.group.as_ref());
            let membership = group.and_then(|group| group.members_at(state.index)).cloned();
            if let Some(membership) = membership.filter(|_| state.index >= at_least) {
                self.carried.push(Carried { to: to.0, id: state, membership });
            }
        }
        Ok(())
    }

    /// A state arrives.
    pub(super) fn bring(&mut self, carried: Carried) -> Result<(), Violation> {
        let Carried { to, id, membership } = carried;
        let Some(group) = self.group(to) else { return Ok(()) };
        if group.step(Input::Install { id, membership }).is_ok()
            && let Some(replica) = self.replicas.get_mut(&to)
        {
            replica.staged = Some(id);
        }
        self.take_outputs(to)
    }
}
