//! A group of one voter: what is acknowledged when, and what a restart finds.
//!
//! Not here: anything that needs another replica (`three_voters`). The caller's part, a log that
//! answers when asked, is played by `Node`.

use bytes::Bytes;
use replication::testing::MemoryLog;
use replication::{
    Config, EntryKind, Error, Event, Group, Input, LogId, Output, ProposeError, Refusal, ReplicaId, Role,
};
use storage::{GroupKey, GroupLog};

fn config() -> Config {
    Config::new(GroupKey { partition: 1, lineage: 1, replica: 1 }, vec![ReplicaId(1)])
}

struct Node {
    group: Group,
    log: MemoryLog,
    /// Commands given out, in order.
    committed: Vec<Bytes>,
    established: usize,
}

impl Node {
    fn open(log: MemoryLog, applied: u64) -> Self {
        // All of these run in term 1.
        let applied = LogId { term: u64::from(applied > 0), index: applied };
        let group = Group::open(config(), log.durable().cloned(), applied).expect("a good log opens");
        Self { group, log, committed: Vec::new(), established: 0 }
    }

    /// Takes everything out without answering for the disk; returns the newest number.
    fn write(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.group.take_output() {
            self.log.append(&output.records);
            assert!(output.messages.is_empty());
            for event in &output.events {
                match event {
                    Event::Committed(entries) => self.committed.extend(
                        entries.iter().filter(|e| e.kind == EntryKind::Command).map(|e| e.data.clone()),
                    ),
                    Event::Established { .. } => self.established += 1,
                    Event::Deposed
                    | Event::LeaderIs(_)
                    | Event::ReadReady { .. }
                    | Event::Members { .. }
                    | Event::Installed { .. } => {}
                }
            }
            outputs.push(output);
        }
        outputs
    }

    fn settle(&mut self) {
        loop {
            let outputs = self.write();
            let Some(number) = outputs.iter().map(|output| output.number).max() else { return };
            if number > 0 {
                self.log.sync();
                self.group.step(Input::Persisted { number }).expect("a number that was given out");
            }
        }
    }

    fn propose(&mut self, data: &'static str) {
        self.group.propose(Bytes::from_static(data.as_bytes())).expect("an established leader");
    }
}

fn settled() -> Node {
    let mut node = Node::open(MemoryLog::default(), 0);
    node.settle();
    node
}

#[test]
fn lone_voter_establishes_itself_without_a_tick() {
    let node = settled();
    assert_eq!((node.group.role(), node.established), (Role::Established, 1));
    assert_eq!(node.group.leader(), Some(ReplicaId(1)));
}

#[test]
fn proposal_before_the_leader_is_established_is_refused() {
    let mut node = Node::open(MemoryLog::default(), 0);
    assert_eq!(node.group.propose(Bytes::from_static(b"x")), Err(ProposeError::NotEstablished));
    node.write();
    assert_eq!(node.group.role(), Role::Elected);
    assert_eq!(node.group.propose(Bytes::from_static(b"x")), Err(ProposeError::NotEstablished));
}

#[test]
fn proposal_is_committed_when_it_is_durable_and_not_before() {
    let mut node = settled();
    node.propose("a");
    let outputs = node.write();
    assert!(outputs.iter().any(|output| output.urgent));
    assert!(node.committed.is_empty());
    node.log.sync();
    node.group.step(Input::Persisted { number: outputs[0].number }).unwrap();
    let after = node.write();
    assert_eq!(node.committed, ["a"]);
    assert!(after.iter().all(|output| !output.urgent), "a commit index alone starts no sync");
}

#[test]
fn one_late_answer_of_the_disk_covers_all_outputs_before() {
    let mut node = settled();
    let mut numbers = Vec::new();
    for data in ["a", "b", "c"] {
        node.propose(data);
        numbers.extend(node.write().iter().map(|output| output.number));
    }
    assert_eq!(numbers.len(), 3);
    node.group.step(Input::Persisted { number: numbers[1] }).unwrap();
    node.write();
    assert_eq!(node.committed, ["a", "b"]);
    node.group.step(Input::Persisted { number: numbers[2] }).unwrap();
    node.write();
    assert_eq!(node.committed, ["a", "b", "c"]);
    node.group.step(Input::Persisted { number: numbers[0] }).unwrap();
    node.write();
    assert_eq!(node.committed.len(), 3);
}

#[test]
fn answer_for_an_output_never_given_out_is_refused() {
    let mut node = settled();
    let refused = node.group.step(Input::Persisted { number: 1000 });
    assert_eq!(refused, Err(Error::Refused(Refusal::UnknownOutput(1000))));
}

#[test]
fn restart_gives_out_what_was_committed_and_then_establishes() {
    let mut node = settled();
    node.propose("a");
    node.settle();
    node.propose("b");
    node.settle();
    let mut again = Node::open(node.log, 0);
    let first = again.group.take_output().unwrap();
    assert!(matches!(&first.events[0], Event::Committed(entries) if entries[0].id.index == 1));
    assert_eq!(again.established, 0);
    again.log.append(&first.records);
    again.settle();
    assert_eq!((again.group.role(), again.established), (Role::Established, 1));
    assert_eq!(again.group.term(), 2);
}

#[test]
fn restart_begins_after_what_was_applied() {
    let mut node = settled();
    node.propose("a");
    node.propose("b");
    node.settle();
    let mut again = Node::open(node.log, 2);
    again.settle();
    assert_eq!(again.committed, ["b"]);
}

#[test]
fn unsynced_proposal_may_be_lost_and_acknowledged_one_is_not() {
    let mut node = settled();
    node.propose("a");
    node.settle();
    node.propose("b");
    node.write();
    node.log.crash(0);
    let mut again = Node::open(node.log, 0);
    again.settle();
    assert_eq!(again.committed, ["a"]);
}

#[test]
fn written_proposal_that_survives_a_crash_is_committed_by_the_next_leadership() {
    let mut node = settled();
    node.propose("a");
    node.write();
    node.log.crash(1);
    let mut again = Node::open(node.log, 0);
    again.settle();
    assert_eq!(again.committed, ["a"]);
}

#[test]
fn replica_whose_log_lost_acknowledged_entries_does_not_open() {
    let mut node = settled();
    node.propose("a");
    node.settle();
    let log = node.log.durable().cloned().unwrap();
    let torn = GroupLog { entries: log.entries[..1].to_vec(), ..log.clone() };
    assert!(matches!(Group::open(config(), Some(torn), LogId::default()), Err(Error::Corrupt { .. })));
    assert!(matches!(
        Group::open(config(), Some(log.clone()), LogId { term: 1, index: 99 }),
        Err(Error::Corrupt { .. })
    ));
    assert!(matches!(Group::open(config(), None, LogId { term: 1, index: 1 }), Err(Error::Corrupt { .. })));
    let other = LogId { term: 7, index: 1 };
    assert!(matches!(Group::open(config(), Some(log.clone()), other), Err(Error::Corrupt { .. })));
    let gap = GroupLog { first: 2, ..log };
    assert!(matches!(Group::open(config(), Some(gap), LogId::default()), Err(Error::Corrupt { .. })));
}

#[test]
fn what_is_given_out_takes_no_memory_and_is_there_again_after_a_restart() {
    let mut node = settled();
    for _ in 0..3 {
        node.propose("a");
    }
    assert_eq!(node.group.held(), 0, "nothing is written yet");
    node.settle();
    assert_eq!((node.group.held(), node.group.first_index()), (0, 1));
    let log = node.log.clone();
    assert_eq!(log.durable().expect("there is a log").entries.len(), 4);
    let mut again = Node::open(log, 2);
    assert_eq!(again.group.held(), 2, "what the caller has applied is not kept");
    again.settle();
    assert_eq!((again.committed.len(), again.group.held()), (2, 0));
}

#[test]
fn compacted_entries_are_gone_after_a_restart_too() {
    let mut node = settled();
    for data in ["a", "b", "c"] {
        node.propose(data);
        node.settle();
    }
    node.group.step(Input::Compact { upto: 3 }).unwrap();
    assert_eq!(node.group.first_index(), 4);
    node.settle();
    let log = node.log.durable().cloned().unwrap();
    assert_eq!((log.compacted, log.first, log.entries.len()), (3, 4, 1));
    assert!(matches!(
        Group::open(config(), Some(log), LogId { term: 1, index: 2 }),
        Err(Error::Corrupt { .. })
    ));
    let mut again = Node::open(node.log, 3);
    again.settle();
    assert_eq!(again.committed, ["c"]);
    again.propose("d");
    again.settle();
    assert_eq!(again.committed, ["c", "d"]);
}

#[test]
fn compaction_does_not_pass_what_was_given_out() {
    let mut node = settled();
    node.propose("a");
    node.write();
    node.group.step(Input::Compact { upto: 100 }).unwrap();
    assert_eq!(node.group.first_index(), 2);
}

#[test]
fn read_index_is_answered_with_the_commit() {
    let mut node = settled();
    node.propose("a");
    node.settle();
    node.group.step(Input::ReadIndex { id: 7 }).unwrap();
    let output = node.group.take_output().unwrap();
    assert_eq!(output.events, [Event::ReadReady { id: 7, index: 2 }]);
}

#[test]
fn proposal_over_the_limit_or_empty_is_refused() {
    let mut settings = config();
    settings.limits.entry_bytes_max = 3;
    let mut node = Node::open(MemoryLog::default(), 0);
    node.group = Group::open(settings, None, LogId::default()).unwrap();
    node.settle();
    let refused = node.group.propose(Bytes::from_static(b"four"));
    assert_eq!(refused, Err(ProposeError::TooLarge { size: 4, limit: 3 }));
    assert_eq!(node.group.propose(Bytes::new()), Err(ProposeError::Empty));
}

#[test]
fn proposals_beyond_the_uncommitted_limit_wait() {
    let mut settings = config();
    settings.limits.uncommitted_bytes_max = 100;
    settings.limits.message_bytes_max = 100;
    let mut node = Node::open(MemoryLog::default(), 0);
    node.group = Group::open(settings, None, LogId::default()).unwrap();
    node.settle();
    let outcomes: Vec<_> = (0..3).map(|_| node.group.propose(Bytes::from(vec![1; 60]))).collect();
    assert_eq!(outcomes[2], Err(ProposeError::Busy));
    node.settle();
    assert!(node.group.propose(Bytes::from(vec![1; 60])).is_ok());
}

#[test]
fn configuration_that_makes_no_sense_is_refused() {
    let bad = |voters: Vec<ReplicaId>| {
        let config = Config::new(GroupKey { partition: 1, lineage: 1, replica: 1 }, voters);
        matches!(Group::open(config, None, LogId::default()), Err(Error::Config { .. }))
    };
    assert!(bad(vec![]));
    assert!(bad(vec![ReplicaId(1), ReplicaId(1)]));
    assert!(bad(vec![ReplicaId(1), ReplicaId(0)]));
}
