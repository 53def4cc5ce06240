//! The search: nodes one by one, each where it costs least, then exchanges while one is cheaper.
//!
//! Not here: what the answer is for (`place`, `seeds`, `moves`). Over the tree of fault domains alone a
//! choice that no single exchange makes cheaper is the cheapest there is; where sites cut across the tree,
//! exchanges of two are tried as well.

use std::collections::BTreeMap;

use crate::catalog::placement::domains::{self, LEVELS_MAX, Level, prefix};
use crate::catalog::placement::{Loads, Wish};
use crate::catalog::{NodeState, NodeView, Survive};
use crate::id::NodeId;
use crate::mutants;

/// Which of the soft rules comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Few moves.
    KeepFirst,
    /// Different upgrade domains.
    UpgradesFirst,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    pub(super) survive: Survive,
    pub(super) target: usize,
    pub(super) order: Order,
}

impl Sought {
    pub(super) fn of(wish: Wish) -> Self {
        Self { survive: wish.survive, target: wish.target, order: Order::KeepFirst }
    }
}

/// What a choice costs; the first difference decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    pub(super) hard: Hard,
    soft: [usize; 2],
    load: usize,
}

/// What a choice lacks by the hard rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hard {
    /// Replicas too many in domains of the level to survive, for the others to be a majority.
    pub(super) majority: usize,
    /// Replicas too many in sites, for none to have a majority.
    pub(super) site: usize,
    /// Pairs of replicas in one domain, for each level from the outside in: least where the spread is even.
    spread: [usize; LEVELS_MAX],
}

#[derive(Debug)]
struct Candidate<'a> {
    node: &'a NodeView,
    place: Place,
    is_kept: bool,
    load: u32,
}

/// All that the rules see of a node. Two nodes of one place differ only in what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    levels: [usize; LEVELS_MAX],
    /// `None`: single nodes are to be survived, and each has one replica at most.
    survive: Option<usize>,
    site: Option<usize>,
    upgrade: Option<usize>,
}

/// The nodes to choose from, and how many to choose.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// Invariant: nodes of one place stand together, the best first.
    candidates: Vec<Candidate<'a>>,
    level: Level,
    /// How many names the longest path has.
    depth: usize,
    target: usize,
    /// As many as the target, or as there are.
    count: usize,
    kept: usize,
    order: Order,
}

impl<'a> Field<'a> {
    pub(super) fn new(nodes: &'a [NodeView], loads: &Loads, sought: Sought, now: &[NodeId]) -> Self {
        let Sought { survive, target, order } = sought;
        let mut names: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let level = Level::of(survive);
        let mut candidates: Vec<Candidate<'a>> = Vec::new();
        for node in nodes.iter().filter(|node| node.state == NodeState::Active) {
            // Kinds of names are numbered so that none is taken for another's.
            let mut number = |kind: usize, name: &'a str| {
                let next = names.len();
                *names.entry((kind, name)).or_insert(next)
            };
            let path = if mutants::active(mutants::DOMAINS_IGNORED) { "" } else { &node.fault_domain };
            let mut named = |kind: usize, name: &'a str| (!name.is_empty()).then(|| number(kind, name));
            let place = Place {
                site: named(LEVELS_MAX, &node.site),
                upgrade: named(LEVELS_MAX + 1, &node.upgrade_domain),
                survive: (level != Level::Host).then(|| number(LEVELS_MAX + 2, level.domain(node))),
                levels: std::array::from_fn(|depth| number(depth, prefix(path, depth + 1))),
            };
            let load = loads.get(&node.id).copied().unwrap_or(0);
            candidates.push(Candidate { node, place, is_kept: now.contains(&node.id), load });
        }
        candidates.sort_by_key(|it| (it.place, !it.is_kept, it.load, it.node.id));
        let kept = candidates.iter().filter(|candidate| candidate.is_kept).count();
        let count = target.min(candidates.len());
        let depth = domains::depth(nodes);
        Self { candidates, level, depth, target, count, kept, order }
    }

    /// How many nodes there are to choose from.
    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// How many are to be chosen.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many there should be, if there were enough nodes.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Where all nodes are in one domain of the level to survive: its name, and one of them.
    pub(super) fn only_domain(&self) -> Option<(&str, &str)> {
        let first = self.candidates.first()?;
        let is_alone = match first.place.survive {
            None => self.len() == 1,
            domain => self.candidates.iter().all(|other| other.place.survive == domain),
        };
        is_alone.then(|| (self.level.domain(first.node), first.node.name.as_str()))
    }

    /// The candidates that are these nodes.
    pub(super) fn places(&self, nodes: &[NodeId]) -> Vec<usize> {
        let is_meant = |candidate: &Candidate<'_>| nodes.contains(&candidate.node.id);
        (0..self.len()).filter(|at| self.candidates.get(*at).is_some_and(is_meant)).collect()
    }

    /// The nodes that these candidates are, in order of their numbers.
    pub(super) fn nodes(&self, chosen: &[usize]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.of(chosen).map(|candidate| candidate.node.id).collect();
        nodes.sort_unstable();
        nodes
    }

    /// The cheapest choice.
    pub(super) fn choose(&self) -> Vec<usize> {
        let mut chosen = Vec::new();
        while chosen.len() < self.count
            && let Some(next) = self.added(&chosen)
        {
            chosen = next;
        }
        while let Some(next) = self.exchanged(&chosen).or_else(|| self.exchanged_twice(&chosen)) {
            chosen = next;
        }
        chosen
    }

    /// With one more, where it costs least.
    pub(super) fn added(&self, chosen: &[usize]) -> Option<Vec<usize>> {
        let with = |at| chosen.iter().copied().chain([at]).collect::<Vec<usize>>();
        self.open(chosen).map(with).min_by_key(|next| self.cost(next))
    }

    /// With one fewer, where it is missed least.
    pub(super) fn dropped(&self, chosen: &[usize]) -> Option<Vec<usize>> {
        chosen.iter().map(|out| without(chosen, *out)).min_by_key(|next| self.cost(next))
    }

    /// With one exchanged for another, where that is cheapest and cheaper than before.
    pub(super) fn exchanged(&self, chosen: &[usize]) -> Option<Vec<usize>> {
        let best = chosen.iter().filter_map(|out| {
            let rest = without(chosen, *out);
            // Without what goes out the one that comes in may be it again, at the same cost.
            self.added(&rest)
        });
        let best = best.min_by_key(|next| self.cost(next))?;
        (self.cost(&best) < self.cost(chosen)).then_some(best)
    }

    /// With two exchanged, where a site has too many and that mends it.
    fn exchanged_twice(&self, chosen: &[usize]) -> Option<Vec<usize>> {
        let cost = self.cost(chosen);
        if cost.hard.site == 0 {
            return None;
        }
        let pairs = chosen.iter().flat_map(|a| chosen.iter().filter(move |b| a < *b).map(move |b| (a, b)));
        let rests = pairs.map(|(a, b)| without(&without(chosen, *a), *b));
        let firsts = rests.flat_map(|rest| {
            let with = |at| rest.iter().copied().chain([at]).collect::<Vec<usize>>();
            self.open(&rest).map(with).collect::<Vec<Vec<usize>>>()
        });
        let best = firsts.filter_map(|first| self.added(&first)).min_by_key(|next| self.cost(next))?;
        (self.cost(&best) < cost).then_some(best)
    }

    pub(super) fn cost(&self, chosen: &[usize]) -> Cost {
        let spread = |depth: usize| {
            let level = |place: &Place| place.levels.get(depth).copied();
            if depth < self.depth { pairs(&self.runs(chosen, level)) } else { 0 }
        };
        let moves = self.kept - self.of(chosen).filter(|candidate| candidate.is_kept).count();
        let upgrades = self.upgrades(chosen);
        Cost {
            hard: Hard {
                majority: above(&self.runs(chosen, |place| place.survive), self.count.saturating_sub(1) / 2),
                site: above(&self.runs(chosen, |place| place.site), self.count / 2),
                spread: std::array::from_fn(spread),
            },
            soft: match self.order {
                Order::KeepFirst => [moves, upgrades],
                Order::UpgradesFirst => [upgrades, moves],
            },
            load: self.of(chosen).filter_map(|candidate| usize::try_from(candidate.load).ok()).sum(),
        }
    }

    /// Pairs of replicas in one upgrade domain.
    pub(super) fn upgrades(&self, chosen: &[usize]) -> usize {
        pairs(&self.runs(chosen, |place| place.upgrade))
    }

    /// How many of the chosen are in each domain, of those that are in one.
    fn runs(&self, chosen: &[usize], domain: impl Fn(&Place) -> Option<usize>) -> Vec<usize> {
        let mut names: Vec<usize> =
            self.of(chosen).filter_map(|candidate| domain(&candidate.place)).collect();
        names.sort_unstable();
        names.chunk_by(|a, b| a == b).map(<[usize]>::len).collect()
    }

    /// Candidates that are not chosen, of each place only the best.
    pub(super) fn open(&self, chosen: &[usize]) -> impl Iterator<Item = usize> {
        let place = |at: usize| self.candidates.get(at).map(|candidate| candidate.place);
        (0..self.len()).filter(move |at| {
            let before = at.checked_sub(1).filter(|before| !chosen.contains(before));
            !chosen.contains(at) && before.is_none_or(|before| place(before) != place(*at))
        })
    }

    fn of(&self, chosen: &[usize]) -> impl Iterator<Item = &Candidate<'a>> {
        chosen.iter().filter_map(|at| self.candidates.get(*at))
    }

    /// How much less a node holds than another, as far as one replica may be moved for it.
    pub(super) fn relief(&self, out: usize, into: usize) -> u32 {
        let load = |at: usize| self.candidates.get(at).map_or(0, |candidate| candidate.load);
        load(out).saturating_sub(load(into) + 1)
    }
}

/// All but one.
pub(super) fn without(chosen: &[usize], out: usize) -> Vec<usize> {
    chosen.iter().copied().filter(|at| *at != out).collect()
}

fn above(runs: &[usize], max: usize) -> usize {
    runs.iter().map(|run| run.saturating_sub(max)).sum()
}

fn pairs(runs: &[usize]) -> usize {
    runs.iter().map(|run| run * run.saturating_sub(1) / 2).sum()
}
