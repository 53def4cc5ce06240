//! Members that come and go in peace: how a group grows, replaces a voter, and what it refuses.
//!
//! Not here: the same under faults (`three_voters`).

use std::collections::BTreeSet;

use replication::testing::{Cluster, Faults};
use replication::{Error, Input, MemberChange, Membership, Refusal, ReplicaId};

/// No faults, but spare replicas, and few entries held for members that are behind.
const PEACE: Faults = Faults { members: 1, ..Faults::NONE };

fn settled(voters: u64) -> (Cluster, u64) {
    let mut cluster = Cluster::new(1, voters, PEACE).expect("a new cluster starts");
    cluster.converge().expect("nothing is in the way");
    let leader = cluster.leader().expect("it has converged");
    (cluster, leader)
}

fn change(cluster: &mut Cluster, leader: u64, changes: Vec<MemberChange>) -> Result<(), Error> {
    cluster.group(leader).expect("it is up").step(Input::ChangeMembers(changes))
}

/// Makes these changes, one after the other, each done before the next.
fn changed(cluster: &mut Cluster, leader: u64, changes: &[MemberChange]) {
    for wish in changes {
        change(cluster, leader, vec![*wish]).expect("it may be");
        cluster.converge().expect("nothing is in the way");
    }
}

fn propose(cluster: &mut Cluster, leader: u64, times: usize) {
    for _ in 0..times {
        assert!(cluster.propose_at(leader, "something to replicate").expect("no violation"));
        cluster.rest(2).expect("no violation");
    }
}

fn members(cluster: &mut Cluster, id: u64) -> Membership {
    cluster.group(id).expect("it is up").members().clone()
}

#[test]
fn a_lone_voter_grows_to_three_that_survive_its_loss() {
    let (mut cluster, leader) = settled(1);
    propose(&mut cluster, leader, 20);
    let (two, three) = (ReplicaId(2), ReplicaId(3));
    let steps = [MemberChange::Learner(two), MemberChange::Learner(three)];
    changed(&mut cluster, leader, &steps);
    // A lone voter keeps nothing for others, so they came by its state.
    assert_eq!(cluster.installed(), 2);
    changed(&mut cluster, leader, &[MemberChange::Voter(two), MemberChange::Voter(three)]);
    assert_eq!(members(&mut cluster, leader), Membership::of_voters([1, 2, 3].map(ReplicaId)));
    cluster.isolate(leader);
    cluster.rest(100).expect("no violation");
    let next = cluster.leader().expect("two of three go on");
    assert_ne!(next, leader);
    propose(&mut cluster, next, 1);
    assert!(cluster.group(next).is_some_and(|group| group.commit() == group.last().index));
}

#[test]
fn a_voter_is_replaced_in_one_joint_step() {
    let (mut cluster, leader) = settled(3);
    let goes = ReplicaId(leader % 3 + 1);
    changed(&mut cluster, leader, &[MemberChange::Learner(ReplicaId(4))]);
    let swap = vec![MemberChange::Voter(ReplicaId(4)), MemberChange::Remove(goes)];
    change(&mut cluster, leader, swap).expect("it may be");
    cluster.converge().expect("nothing is in the way");
    let seen = cluster.checks().members().values();
    assert_eq!(seen.filter(|members| members.is_joint()).count(), 1);
    let expected: BTreeSet<_> = (1..=4).map(ReplicaId).filter(|replica| *replica != goes).collect();
    assert_eq!(members(&mut cluster, leader), Membership::of_voters(expected));
}

#[test]
fn a_member_that_is_too_far_behind_gets_the_state_instead_of_entries() {
    let (mut cluster, leader) = settled(3);
    let slow = leader % 3 + 1;
    let others: Vec<u64> = (1..=3).filter(|id| *id != slow).collect();
    cluster.isolate(slow);
    propose(&mut cluster, leader, 40);
    let upto = cluster.group(leader).expect("it is up").commit();
    for id in others {
        cluster.input(id, Input::Compact { upto }).expect("no violation");
        assert!(cluster.group(id).expect("it is up").first_index() >= upto, "replica {id}");
    }
    cluster.converge().expect("it is brought up to date");
    assert_eq!(cluster.installed(), 1);
}

#[test]
fn what_must_not_be_is_refused_and_changes_nothing() {
    let (mut cluster, leader) = settled(3);
    let follower = leader % 3 + 1;
    let before = members(&mut cluster, leader);
    let refusals = [
        (follower, vec![MemberChange::Learner(ReplicaId(4))], "a follower is asked"),
        (leader, vec![MemberChange::Remove(ReplicaId(leader))], "the leader itself goes"),
        (leader, vec![MemberChange::Voter(ReplicaId(4))], "a stranger votes"),
        (leader, vec![MemberChange::Voter(ReplicaId(follower))], "it votes already"),
        (leader, vec![MemberChange::Remove(ReplicaId(5))], "it is none"),
        (leader, Vec::new(), "nothing is asked for"),
    ];
    for (asked, changes, why) in refusals {
        let refused = change(&mut cluster, asked, changes);
        assert!(matches!(refused, Err(Error::Refused(_))), "{why}: {refused:?}");
    }
    change(&mut cluster, leader, vec![MemberChange::Learner(ReplicaId(4))]).expect("it may be");
    let second = change(&mut cluster, leader, vec![MemberChange::Learner(ReplicaId(5))]);
    assert_eq!(second, Err(Error::Refused(Refusal::Changing)));
    assert_eq!(members(&mut cluster, leader), before, "it counts only once it is given out");
    cluster.converge().expect("nothing is in the way");
    assert!(members(&mut cluster, leader).learners.contains(&ReplicaId(4)));
}

#[test]
fn a_state_that_says_nothing_new_or_names_others_is_refused() {
    let (mut cluster, leader) = settled(3);
    let follower = leader % 3 + 1;
    propose(&mut cluster, leader, 3);
    let (id, membership) = {
        let group = cluster.group(leader).expect("it is up");
        (group.last(), group.members().clone())
    };
    let install = |cluster: &mut Cluster, id, membership| {
        cluster.group(follower).expect("it is up").step(Input::Install { id, membership })
    };
    let refused = install(&mut cluster, id, membership);
    assert_eq!(refused, Err(Error::Refused(Refusal::NothingNew)));
    let later = replication::LogId { index: id.index + 9, ..id };
    let refused = install(&mut cluster, later, Membership::of_voters([ReplicaId(leader)]));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Members(_)))));
    cluster.converge().expect("nothing has changed");
    assert_eq!(cluster.installed(), 0);
}
