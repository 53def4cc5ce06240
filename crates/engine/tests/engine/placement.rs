//! The words of transcripts about where replicas should be.
//!
//! Not here: the nodes and placements that they are about, which are the catalog's (`catalog`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use engine::catalog::placement::{
    Cluster, Loads, Move, Outlook, Plan, Wish, next_moves, outlook, place, seeds, weakened_by,
};
use engine::catalog::{self, Command, HubView, NodeView, PlaceReplicas, PlacementView, Reply, Survive};
use engine::id::{HubId, NodeId};

use crate::catalog::{Line, Machine, numbers};

struct Layout {
    nodes: Vec<NodeView>,
    hubs: Vec<HubView>,
    placements: Vec<PlacementView>,
}

fn layout(machine: &Machine) -> Layout {
    let nodes = machine.see(|rows| catalog::nodes(rows, None, 100));
    let hubs = machine.see(|rows| catalog::list(rows, None, 100));
    let ids = [HubId(0)].into_iter().chain(hubs.iter().map(|hub| hub.id));
    let placements = ids.flat_map(|id| machine.see(|rows| catalog::placements(rows, id))).collect();
    Layout { nodes, hubs, placements }
}

fn ids(list: &str) -> Vec<NodeId> {
    numbers(list).into_iter().map(NodeId).collect()
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<String>>().join(",")
}

/// `choose survive=1 target=3 min=2 now=1,2 fine=1`, `seeds now=1`, `moves limit=2`, `settle`, `outlook down=1`.
pub(crate) fn run(machine: &mut Machine, words: &Line<'_>) -> String {
    let Layout { nodes, hubs, placements } = layout(machine);
    match words.word(0).as_str() {
        "choose" => choose(&nodes, words),
        "seeds" => format!("seeds {}\n", list(&seeds(&nodes, &Loads::new(), &ids(&words.value("now"))))),
        "moves" => {
            let limit = usize::try_from(words.number("limit")).unwrap();
            let (nodes, hubs, placements) = (&nodes, &hubs, &placements);
            told(&next_moves(Cluster { nodes, hubs, placements, changing: &BTreeSet::new() }, limit))
        }
        "weakened" => {
            let (nodes, hubs, placements) = (&nodes, &hubs, &placements);
            let cluster = Cluster { nodes, hubs, placements, changing: &BTreeSet::new() };
            let weakened = weakened_by(cluster, NodeId(words.number("by")));
            let tell = |(hub, partition, why)| format!("{hub}/{partition}: {why}\n");
            weakened.into_iter().map(tell).collect()
        }
        "settle" => settle(machine),
        "outlook" => {
            let down = ids(&words.value("down")).into_iter().collect();
            seen(&outlook(&nodes, &placements, &down))
        }
        other => panic!("no verb {other:?}"),
    }
}

fn choose(nodes: &[NodeView], words: &Line<'_>) -> String {
    let count = |key: &str| usize::try_from(words.number(key)).unwrap();
    let wish = Wish {
        survive: Survive::try_from(i32::try_from(words.number("survive")).unwrap()).unwrap(),
        target: count("target"),
        min: count("min"),
        one_domain_is_fine: words.number("fine") == 1,
    };
    match place(nodes, &Loads::new(), wish, &ids(&words.value("now"))) {
        Err(why) => format!("not placed: {why}\n"),
        Ok(placed) => {
            placed.warnings.iter().fold(format!("on {}\n", list(&placed.nodes)), |mut text, warning| {
                writeln!(text, "  but {warning}").unwrap();
                text
            })
        }
    }
}

fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for Move { hub, partition, nodes, why, .. } in &plan.moves {
        writeln!(text, "{hub}/{partition} to {} ({why:?})", list(nodes)).unwrap();
    }
    for blocked in &plan.blocked {
        let (hub, partition, node) = (blocked.hub, blocked.partition, blocked.node);
        writeln!(text, "{hub}/{partition} stays on {node}: {}", blocked.why).unwrap();
    }
    text
}

/// Makes all moves there are, one at a time.
fn settle(machine: &mut Machine) -> String {
    let mut text = String::new();
    for _ in 0..100 {
        let Layout { nodes, hubs, placements } = layout(machine);
        let (nodes, hubs, placements) = (&nodes, &hubs, &placements);
        let plan = next_moves(Cluster { nodes, hubs, placements, changing: &BTreeSet::new() }, 1);
        text.push_str(&told(&plan));
        let Some(step) = plan.moves.into_iter().next() else { return text };
        let command = Command::PlaceReplicas(PlaceReplicas {
            hub: step.hub.0,
            partition: step.partition.0,
            version: step.version,
            nodes: step.nodes.iter().map(|node| node.0).collect(),
        });
        assert!(matches!(machine.apply(command), Reply::Placement(_)));
    }
    panic!("moves without end");
}

fn seen(outlook: &Outlook) -> String {
    let mut text = String::new();
    for level in &outlook.levels {
        let fatal = level.domains.iter().filter(|loss| !loss.stops.is_empty());
        let fatal: Vec<&str> = fatal.map(|loss| loss.domain.as_str()).collect();
        let (count, pairs) = (level.domains.len(), level.pairs);
        let (survived, survived_pairs) = (count - fatal.len(), level.pairs_survived);
        write!(text, "{}: {survived} of {count}, of two {survived_pairs} of {pairs}", level.level).unwrap();
        writeln!(text, "{}", if fatal.is_empty() { String::new() } else { format!(", not {fatal:?}") })
            .unwrap();
    }
    for group in &outlook.groups {
        writeln!(text, "{}/{} stops after {}", group.hub, group.partition, group.losses).unwrap();
    }
    text
}
