//! The catalog: transcripts of nodes and placements, and random histories in which all invariants hold.
//!
//! Not here: hubs that come and go (`catalog::tests` in the crate). A machine loads exactly what is asked
//! for and forgets all of it after each entry, so a row that is touched without being asked for is found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use engine::catalog::{placement as catalog_placement, *};
use engine::id::{HubId, LogId};
use engine::rows::{Key, Needs, WorkingSet};
use engine::time::Timestamp;

use crate::placement;
use crate::support::Dice;

#[derive(Default)]
pub(crate) struct Machine {
    store: BTreeMap<Bytes, Bytes>,
    index: u64,
}

impl Machine {
    fn ask<T>(&self, rows: &mut WorkingSet, question: impl Fn(&WorkingSet) -> Result<T, Needs>) -> T {
        for _ in 0..1_000 {
            let needs = match question(rows) {
                Ok(answer) => return answer,
                Err(needs) => needs,
            };
            assert!(!needs.is_empty(), "a question without an answer that needs nothing");
            for key in needs.keys {
                let value = self.store.get(key.as_bytes()).cloned();
                rows.load(key, value).unwrap();
            }
            for range in needs.ranges {
                let within = Bytes::copy_from_slice(range.from.as_bytes())
                    ..Bytes::copy_from_slice(range.to.as_bytes());
                let run = self.store.range(within).take(range.limit);
                let found = run.map(|(key, value)| (Key::from_bytes(key.clone()), value.clone())).collect();
                rows.load_range(&range, found).unwrap();
            }
        }
        panic!("needs without end");
    }

    pub(crate) fn see<T>(&self, question: impl Fn(&WorkingSet) -> Result<T, Needs>) -> T {
        self.ask(&mut WorkingSet::new(), question)
    }

    fn whole(&self) -> WorkingSet {
        let mut rows = WorkingSet::new();
        for (key, value) in &self.store {
            rows.load(Key::from_bytes(key.clone()), Some(value.clone())).unwrap();
        }
        rows
    }

    /// Applies a command and says what its author is told; afterwards all invariants hold.
    pub(crate) fn apply(&mut self, command: Command) -> Reply {
        self.index += 1;
        let at = Timestamp::new(i64::try_from(self.index).unwrap(), 0);
        let mut rows = WorkingSet::new();
        self.ask(&mut rows, |rows| {
            let needs = needs(&command, at, rows);
            if needs.is_empty() { Ok(()) } else { Err(needs) }
        });
        let entry = Entry { at: at.into(), command: Some(command) };
        let effects = apply(&mut rows, LogId { term: 1, index: self.index }, &entry);
        let before = self.whole();
        for (key, value) in rows.take_writes() {
            match value {
                Some(value) => self.store.insert(key.into_bytes(), value),
                None => self.store.remove(key.as_bytes()),
            };
        }
        let after = self.whole();
        assert_eq!(invariants::check(&after), None, "after {entry:?}");
        assert_eq!(invariants::check_between(&before, &after), None, "after {entry:?}");
        let reply = |effect| if let Effect::Reply(reply) = effect { Some(reply) } else { None };
        effects.into_iter().find_map(reply).unwrap()
    }
}

pub(crate) fn numbers(list: &str) -> Vec<u64> {
    list.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().unwrap()).collect()
}

/// A line of a transcript: a verb, what it is about, and `key=value`s.
pub(crate) struct Line<'a>(Vec<&'a str>);

impl Line<'_> {
    pub(crate) fn word(&self, at: usize) -> String {
        self.0.get(at).copied().unwrap_or_default().to_owned()
    }

    pub(crate) fn value(&self, key: &str) -> String {
        let found = self.0.iter().filter_map(|word| word.split_once('=')).find(|(name, _)| *name == key);
        found.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.value(key).parse().unwrap_or(0)
    }

    fn small(&self, key: &str) -> u32 {
        u32::try_from(self.number(key)).unwrap()
    }

    fn command(&self) -> Command {
        let (verb, name) = (self.word(0), self.word(1));
        let node = name.parse().unwrap_or(0);
        match verb.as_str() {
            "register" => Command::RegisterNode(RegisterNode {
                join: Bytes::from(format!("{:0>16}", self.value("join"))),
                address: format!("{name}.example:4003"),
                name,
                fault_domain: self.value("domain"),
                upgrade_domain: self.value("upgrade"),
                site: self.value("site"),
                id: self.number("id"),
                ..RegisterNode::default()
            }),
            "drain" => Command::SetNodeState(SetNodeState { node, state: NodeState::Draining.into() }),
            "resume" => Command::SetNodeState(SetNodeState { node, state: NodeState::Active.into() }),
            "remove-node" => Command::RemoveNode(RemoveNode { node }),
            "place" => Command::PlaceReplicas(PlaceReplicas {
                hub: u32::try_from(node).unwrap(),
                partition: self.small("partition"),
                version: self.number("version"),
                nodes: numbers(&self.value("nodes")),
            }),
            "create-hub" => {
                let placements = self.value("nodes");
                let placements = placements.split(';').filter(|nodes| !nodes.is_empty());
                Command::CreateHub(CreateHub {
                    name,
                    partitions: self.small("partitions"),
                    key: Bytes::from_static(&[7; HUB_KEY_BYTES]),
                    survive: i32::try_from(self.number("survive")).unwrap(),
                    replicas_target: self.small("target"),
                    replicas_min: self.small("min"),
                    placements: placements.map(|nodes| Placed { nodes: numbers(nodes) }).collect(),
                    ..CreateHub::default()
                })
            }
            "delete-hub" => Command::DeleteHub(DeleteHub { name }),
            "remove-hub" => Command::RemoveHub(RemoveHub { name }),
            other => panic!("no verb {other:?}"),
        }
    }
}

fn told_node(node: &NodeView) -> String {
    let NodeView { id, name, address, incarnation, fault_domain, upgrade_domain, site, state, .. } = node;
    format!(
        "node {id} {name} {address} incarnation {incarnation} {state:?} [{fault_domain}|{upgrade_domain}|{site}]"
    )
}

fn told_placement(placement: &PlacementView) -> String {
    let PlacementView { hub, partition, first, replicas, version } = placement;
    let replicas: Vec<String> =
        replicas.iter().map(|replica| format!("{} on {}", replica.replica, replica.node)).collect();
    format!("{hub}/{partition} version {version} first {first:?}: {}", replicas.join(", "))
}

fn told(reply: &Reply) -> String {
    match reply {
        Reply::Done(hub) | Reply::Unchanged(hub) => {
            format!(
                "hub {} survives {:?}, {} of {}",
                hub.id, hub.survive, hub.replicas_min, hub.replicas_target
            )
        }
        Reply::Removed(hub) => format!("hub {hub} is removed"),
        Reply::Node(node) => told_node(node),
        Reply::Placement(placement) => told_placement(placement),
        Reply::Refused(refusal) => format!("refused: {refusal:?}"),
    }
}

fn run(machine: &mut Machine, line: &str) -> String {
    let words = Line(line.split_whitespace().collect());
    match words.word(0).as_str() {
        "nodes" => {
            let page = machine.see(|rows| nodes(rows, None, 100));
            page.iter().map(|node| told_node(node) + "\n").collect()
        }
        "placements" => {
            let hub = HubId(words.word(1).parse().unwrap());
            let all = machine.see(|rows| placements(rows, hub));
            for known in &all {
                assert_eq!(&machine.see(|rows| catalog_placement(rows, hub, known.partition)), known);
            }
            all.iter().map(|placement| told_placement(placement) + "\n").collect()
        }
        "choose" | "seeds" | "moves" | "settle" | "outlook" | "weakened" => placement::run(machine, &words),
        _ => told(&machine.apply(words.command())) + "\n",
    }
}

/// All that the transcript of nodes proposes, in order.
pub(crate) fn proposed() -> Vec<Command> {
    let text = transcript("nodes.txt");
    let blocks = text.split("\n\n").filter_map(|block| block.split_once("\n----"));
    let lines = blocks.flat_map(|(commands, _)| commands.lines());
    let is_command = |line: &&str| !["#", "nodes", "placements"].iter().any(|word| line.starts_with(word));
    lines.filter(is_command).map(|line| Line(line.split_whitespace().collect()).command()).collect()
}

/// Runs a transcript's commands and tells what happens.
pub(crate) fn tell(text: &str) -> String {
    let mut machine = Machine::default();
    let mut found = String::new();
    for block in text.trim_end().split("\n\n") {
        let (commands, _) = block.split_once("\n----").unwrap_or((block, ""));
        write!(found, "{commands}\n----\n").unwrap();
        let lines = commands.lines().filter(|line| !line.starts_with('#'));
        lines.for_each(|line| found.push_str(&run(&mut machine, line)));
        found.push('\n');
    }
    format!("{}\n", found.trim_end())
}

pub(crate) const TRANSCRIPTS: [&str; 2] = ["nodes.txt", "placement.txt"];

fn path_of(transcript: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/catalog").join(transcript)
}

#[expect(clippy::disallowed_methods, reason = "transcripts are files of the source tree")]
pub(crate) fn transcript(name: &str) -> String {
    std::fs::read_to_string(path_of(name)).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "transcripts are files of the source tree")]
fn each_transcript_tells_what_happens() {
    for name in TRANSCRIPTS {
        let text = transcript(name);
        let found = tell(&text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path_of(name), &found).unwrap();
        } else {
            assert!(found == text, "{name} tells another story (UPDATE=1 rewrites it):\n{found}");
        }
    }
}

fn random_line(dice: &mut Dice, step: usize) -> String {
    let nodes = |dice: &mut Dice| -> String {
        let count = 1 + dice.below(4);
        (0..count).map(|_| format!("{},", 1 + dice.below(7))).collect()
    };
    let (node, hub) = (1 + dice.below(7), dice.below(4));
    match dice.below(9) {
        0 | 1 => format!("register n{} join={} domain=/r{}/z", dice.below(9), dice.below(12), dice.below(3)),
        2 => format!("register n{} join={step} id={node}", dice.below(9)),
        3 => format!("drain {node}"),
        4 => format!("remove-node {node}"),
        5 if dice.chance(50) => format!("create-hub h{hub} partitions=2"),
        5 => format!("create-hub h{hub} partitions=2 nodes={};{}", nodes(dice), nodes(dice)),
        6 if dice.chance(50) => format!("delete-hub h{hub}"),
        6 => format!("remove-hub h{hub}"),
        _ => {
            let (partition, version) = (dice.below(3), dice.below(4));
            format!("place {hub} partition={partition} version={version} nodes={}", nodes(dice))
        }
    }
}

#[test]
fn whatever_happens_the_invariants_hold() {
    for seed in 0..60 {
        let (mut dice, mut machine) = (Dice::new(seed), Machine::default());
        for step in 0..120 {
            run(&mut machine, &random_line(&mut dice, step));
        }
    }
}

#[test]
fn a_thousand_nodes_and_no_more() {
    let mut machine = Machine::default();
    let register = |name: String| {
        Command::RegisterNode(RegisterNode {
            join: Bytes::from(format!("{name:0>16}")),
            address: "10.0.0.1:4003".to_owned(),
            name,
            ..RegisterNode::default()
        })
    };
    for number in 1..=NODES_MAX {
        assert!(matches!(machine.apply(register(format!("n{number}"))), Reply::Node(_)));
    }
    assert_eq!(machine.apply(register("last".to_owned())), Reply::Refused(Refusal::NodesFull));
}
