//! Rare situations, counted, so that a run shows that they were reached at all.
//!
//! Not here: checks. A mark that many seeds never reach says that the generator is wrong, not that
//! the code is right.

use std::collections::BTreeMap;

/// How often each situation came up.
#[derive(Debug, Default, Clone)]
pub struct Marks(BTreeMap<&'static str, u64>);

/// Every situation that a full run has to reach.
pub const ALL: &[&str] = &[
    "process killed between two I/Os",
    "power cut of all nodes",
    "process died while opening",
    "sync failed and the node stopped",
    "disk full refused a record",
    "disk full and room again",
    "checkpoint stored",
    "checkpoint survived a restart",
    "clock jumped",
    "leader isolated from its followers",
    "other members wanted",
    "leader stood still",
    "leader deposed with a dirty working set",
    "leader change with an uncommitted inherited tail",
    "answer unknown to the client",
    "client call repeated",
    "client call while two believe to lead",
    "turn handed out again",
    "work item handed out twice",
    "completion refused as stale",
    "activity ran ahead of its turn",
    "activity ran whose turn was lost",
    "turn that takes only some of its events",
    "client call delivered twice",
    "call that cannot be told from its repetition",
    "scheduled start",
    "instance suspended and resumed",
    "instance terminated",
    "instance purged",
    "instance rewound",
    "instance restarted",
    "continue-as-new with events waiting",
    "event for another orchestration",
    "child in another partition",
    "activity failed",
    "timer fired",
    "lifecycle event posted again",
    "entity batch of several operations",
    "entity batch answered in part",
    "entity answered",
    "critical section entered",
    "tick proposed twice",
    "part of a payload lost",
    "payload missing where it is named",
    "payload for another partition",
    "payload that nothing names removed",
    "segment recycled",
    "flipped bit noticed",
    "last append rotted before anything vouched for it",
    "replica in doubt of what it acknowledged",
    "doubt is over",
    "rotted replica refused to open",
    "rows of another replica took the place of a log",
];

impl Marks {
    /// A situation came up.
    pub fn reach(&mut self, mark: &'static str) {
        debug_assert!(ALL.contains(&mark), "mark {mark:?} is in ALL");
        *self.0.entry(mark).or_default() += 1;
    }

    /// A situation came up this often.
    pub fn reach_times(&mut self, mark: &'static str, times: u64) {
        if times > 0 {
            debug_assert!(ALL.contains(&mark), "mark {mark:?} is in ALL");
            *self.0.entry(mark).or_default() += times;
        }
    }

    /// Adds what another run has reached.
    pub fn add(&mut self, other: &Self) {
        for (mark, times) in &other.0 {
            *self.0.entry(mark).or_default() += times;
        }
    }

    /// How often this one came up.
    pub fn reached(&self, mark: &str) -> u64 {
        self.0.get(mark).copied().unwrap_or(0)
    }

    /// A line for each, in the order of [`ALL`].
    pub fn table(&self) -> String {
        let line = |mark: &&str| format!("{:>10}  {mark}\n", self.reached(mark));
        ALL.iter().map(line).collect()
    }
}
