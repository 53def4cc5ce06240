//! Groups of several voters in a toy world that loses, doubles, delays, reorders and crashes.
//!
//! Not here: the faults and the checks themselves (`replication::testing`). A failing seed is
//! printed; running it again is running it the same.

use replication::testing::{Cluster, Faults, Violation};
use replication::{Error, Input, Refusal, ReplicaId};

/// One run: trouble first, then peace, in which all must agree.
fn run(seed: u64, voters: u64, faults: Faults) -> Result<Cluster, Violation> {
    let mut cluster = Cluster::new(seed, voters, faults)?;
    cluster.run(3000)?;
    cluster.converge()?;
    Ok(cluster)
}

fn check(seed: u64, voters: u64, faults: Faults) -> u64 {
    let cluster = run(seed, voters, faults).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    assert!(!cluster.checks().committed().is_empty(), "seed {seed}: nothing was committed");
    cluster.digest()
}

#[test]
fn three_voters_agree_whatever_goes_wrong() {
    for seed in 0..150 {
        check(seed, 3, Faults::SOME);
    }
}

#[test]
fn five_voters_agree_whatever_goes_wrong() {
    for seed in 0..30 {
        check(seed, 5, Faults::SOME);
    }
}

#[test]
fn one_voter_agrees_with_itself_whatever_goes_wrong() {
    for seed in 0..100 {
        check(seed, 1, Faults::SOME);
    }
}

#[test]
fn members_come_and_go_whatever_goes_wrong() {
    let (mut installed, mut joint, mut voters_max) = (0, 0, 0);
    for seed in 0..400 {
        let cluster =
            run(seed, 3, Faults::CHURN).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        installed += cluster.installed();
        let members = cluster.checks().members().values();
        joint += members.clone().filter(|members| members.is_joint()).count();
        voters_max = voters_max.max(members.map(|members| members.voters.len()).max().unwrap_or(0));
    }
    // What is to be tested has happened, and often.
    assert!(installed > 100 && joint > 300 && voters_max == 5, "{installed} {joint} {voters_max}");
}

#[test]
fn healthy_cluster_makes_progress() {
    for seed in 0..20 {
        check(seed, 3, Faults::NONE);
    }
}

#[test]
fn same_seed_gives_the_same_run() {
    for seed in 0..5 {
        assert_eq!(check(seed, 3, Faults::SOME), check(seed, 3, Faults::SOME));
    }
}

/// A cluster at peace, and who leads it.
fn settled() -> (Cluster, u64) {
    let mut cluster = Cluster::new(1, 3, Faults::NONE).expect("a new cluster starts");
    cluster.converge().expect("nothing is in the way");
    let leader = cluster.leader().expect("it has converged");
    (cluster, leader)
}

#[test]
fn stale_leader_steps_down_and_its_tail_is_replaced() {
    let (mut cluster, old) = settled();
    cluster.isolate(old);
    assert!(cluster.propose_at(old, "said into the void").unwrap());
    cluster.rest(60).unwrap();
    let new = cluster.leader().unwrap();
    assert_ne!(new, old);
    assert!(cluster.propose_at(new, "heard").unwrap());
    assert!(
        !cluster.propose_at(old, "too late").unwrap(),
        "no quorum has answered it for an election's time"
    );
    cluster.converge().unwrap();
    let said: Vec<_> = cluster.checks().committed().iter().map(|entry| entry.data.clone()).collect();
    assert!(said.iter().any(|data| data == "heard"));
    assert!(!said.iter().any(|data| data == "said into the void"));
}

#[test]
fn follower_refuses_proposals_and_reads() {
    let (mut cluster, leader) = settled();
    let follower = leader % 3 + 1;
    assert!(!cluster.propose_at(follower, "x").unwrap());
    let refused = cluster.group(follower).unwrap().step(Input::ReadIndex { id: 1 });
    assert_eq!(refused, Err(Error::Refused(Refusal::NotEstablished)));
}

#[test]
fn leadership_goes_where_it_is_transferred() {
    let (mut cluster, leader) = settled();
    let next = leader % 3 + 1;
    cluster.input(leader, Input::TransferTo { replica: ReplicaId(next) }).unwrap();
    cluster.rest(10).unwrap();
    cluster.converge().unwrap();
    assert_eq!(cluster.leader(), Some(next));
}

#[test]
fn nothing_is_compacted_before_every_voter_has_it() {
    let (mut cluster, leader) = settled();
    let slow = leader % 3 + 1;
    let everybody_has = cluster.group(slow).unwrap().last().index;
    cluster.isolate(slow);
    for _ in 0..10 {
        assert!(cluster.propose_at(leader, "more").unwrap());
        cluster.rest(4).unwrap();
    }
    let upto = cluster.group(leader).unwrap().commit();
    assert!(upto > 10);
    cluster.input(leader, Input::Compact { upto }).unwrap();
    assert!(cluster.group(leader).unwrap().first_index() <= everybody_has + 1);
    cluster.converge().unwrap();
    // What comes after vouches for what was before.
    assert!(cluster.propose_at(leader, "after").unwrap());
    cluster.rest(10).unwrap();
    for id in 1..=3 {
        cluster.input(id, Input::Compact { upto }).unwrap();
        assert_eq!(cluster.group(id).unwrap().first_index(), upto + 1, "replica {id}");
    }
}

/// Three voters, of which the leader and one follower have acknowledged an entry that the third has
/// never seen; then all lose power, and what the follower had acknowledged last rots.
fn rotted() -> Result<(Cluster, u64, u64, u64), Violation> {
    let (mut cluster, leader) = settled();
    let (rots, lacks) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.isolate(lacks);
    assert!(cluster.propose_at(leader, "acknowledged")?);
    while cluster.checks().committed().last().is_none_or(|entry| entry.data != "acknowledged") {
        cluster.rest(1)?;
    }
    cluster.rot(rots)?;
    cluster.power_cut()?;
    cluster.mend();
    Ok((cluster, leader, rots, lacks))
}

#[test]
fn a_replica_that_lost_what_it_acknowledged_elects_nobody_who_lacks_it() {
    let (mut cluster, leader, rots, lacks) = rotted().unwrap();
    cluster.start_only(&[rots, lacks]).unwrap();
    cluster.rest(200).unwrap();
    assert_eq!(cluster.leader(), None, "neither of the two can know what was acknowledged");
    assert!(cluster.group(rots).unwrap().is_doubtful());
    cluster.start_only(&[leader]).unwrap();
    cluster.converge().unwrap();
    assert!(cluster.checks().committed().iter().any(|entry| entry.data == "acknowledged"));
    assert!(!cluster.group(rots).unwrap().is_doubtful());
}

#[test]
fn a_replica_in_doubt_is_not_needed_to_go_on() {
    let (mut cluster, leader, _, lacks) = rotted().unwrap();
    cluster.start_only(&[leader, lacks]).unwrap();
    cluster.rest(200).unwrap();
    assert_eq!(cluster.leader(), Some(leader));
    cluster.converge().unwrap();
}

#[test]
fn a_group_whose_replicas_all_doubt_themselves_goes_on_once_all_are_up() {
    let (mut cluster, _, _, _) = rotted().unwrap();
    for id in 1..=3 {
        cluster.doubt(id);
    }
    cluster.converge().unwrap();
    assert!(cluster.checks().committed().iter().any(|entry| entry.data == "acknowledged"));
}
