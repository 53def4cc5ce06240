//! A replica survives whatever bytes a peer sends it, and what it has given out stays as it is.
//!
//! Not here: lies that look true, such as an acknowledgement of what was never stored. Peers are
//! authenticated; these tests are about a replica that must not be stopped by a message.

use bytes::Bytes;
use replication::testing::{MemoryLog, Random, hostile};
use replication::{CommittedEntry, Config, Error, Event, Group, Input, LogId, Outgoing, ReplicaId};
use storage::GroupKey;

struct Node {
    group: Group,
    log: MemoryLog,
    given_out: Vec<CommittedEntry>,
}

impl Node {
    fn open(id: u64, seed: u64) -> Self {
        let voters = (1..=3).map(ReplicaId).collect();
        let mut config = Config::new(GroupKey { partition: 9, lineage: 2, replica: id }, voters);
        config.seed = seed;
        let group = Group::open(config, None, LogId::default()).expect("a new group opens");
        Self { group, log: MemoryLog::default(), given_out: Vec::new() }
    }

    /// Lets something happen; a refusal is fine, a stop is not.
    fn step(&mut self, input: &Input) -> Vec<Outgoing> {
        let outcome = self.group.step(input.clone());
        assert!(!matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?} by {input:?}");
        let mut messages = Vec::new();
        while let Some(output) = self.group.take_output() {
            self.log.append(&output.records);
            messages.extend(output.messages);
            for event in output.events {
                if let Event::Committed(entries) = event {
                    self.given_out.extend(entries);
                }
            }
            if output.number > 0 {
                self.log.sync();
                let answered = self.group.step(Input::Persisted { number: output.number });
                answered.expect("a number that was given out");
            }
        }
        assert_eq!(self.group.stopped(), None);
        let next = self.given_out.iter().zip(1..).find(|(entry, index)| entry.id.index != *index);
        assert_eq!(next, None, "what was given out has no gaps and no second thoughts");
        messages
    }
}

/// Three replicas talk; now and then the first hears something twisted instead, or as well.
/// Returns how much was committed all the same.
fn check(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let mut nodes: Vec<_> = (1..=3).map(|id| Node::open(id, seed)).collect();
    let mut network: Vec<(u64, Outgoing)> = Vec::new();
    for round in 0..400u64 {
        for (id, node) in (1..).zip(nodes.iter_mut()) {
            if round % 5 == 0 && node.group.propose(Bytes::from(format!("{seed} {round}"))).is_err() {
                assert_eq!(node.group.stopped(), None);
            }
            network.extend(node.step(&Input::Tick).into_iter().map(|message| (id, message)));
        }
        for (from, message) in std::mem::take(&mut network) {
            let hostile = message.to.0 == 1 && random.percent(50);
            if hostile {
                let bytes = hostile::twisted(&message.bytes, &mut random);
                let sent = nodes[0].step(&Input::Message { from: ReplicaId(from), bytes });
                network.extend(sent.into_iter().map(|message| (1, message)));
            }
            if !hostile || random.percent(50) {
                let to = usize::try_from(message.to.0 - 1).expect("a small number");
                let sent = nodes[to].step(&Input::Message { from: ReplicaId(from), bytes: message.bytes });
                network.extend(sent.into_iter().map(|sent| (message.to.0, sent)));
            }
        }
    }
    nodes[0].given_out.len()
}

#[test]
fn twisted_messages_stop_no_replica() {
    let committed: usize = (0..60).map(check).sum();
    assert!(committed > 0);
}

#[test]
fn noise_is_refused() {
    let mut random = Random::new(1);
    let mut node = Node::open(1, 1);
    for _ in 0..20_000 {
        let bytes = hostile::twisted(&Bytes::from_static(&[0xff]), &mut random);
        assert!(node.group.step(Input::Message { from: ReplicaId(2), bytes }).is_err());
    }
    assert_eq!((node.group.term(), node.group.commit()), (0, 0));
}
