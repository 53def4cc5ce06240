//! ReadsNeverGoBack: who has seen an orchestration at one point never sees it earlier. How they end: OneTerminalState, for ever the same; NothingAcknowledgedLost: what a
//! client was told has happened is there and comes to what its program says; EverythingEnds once
//! the faults are over.
//!
//! Not here: asking (`workloads`). What was not confirmed may have happened or not.

use std::collections::{BTreeMap, BTreeSet};

use engine::partition::StatusName;
use engine::partition::view::InstanceView;
use engine::time::Timestamp;

use crate::violation::{Violation, require};

/// What somebody has asked to be done to an instance, answered or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Termination,
    Purge,
    Restart,
    /// It may fail, until it is mended.
    Frail,
}

/// What is known of one instance.
#[derive(Debug, Default)]
struct Known {
    started: bool,
    asked: BTreeSet<Asked>,
    updated: Timestamp,
    ended: Option<(StatusName, Option<String>)>,
}

/// See the file's header.
#[derive(Debug, Default)]
pub struct Outcomes {
    instances: BTreeMap<String, Known>,
}

impl Outcomes {
    /// A start was confirmed.
    pub fn on_started(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().started = true;
    }

    /// Whether a start was confirmed, or its effect was seen.
    pub fn has_started(&self, instance: &str) -> bool {
        self.instances.get(instance).is_some_and(|known| known.started)
    }

    /// How it ended, as somebody has seen.
    pub fn ended(&self, instance: &str) -> Option<StatusName> {
        self.instances.get(instance)?.ended.as_ref().map(|(status, _)| *status)
    }

    /// A termination was asked for: from here on it may end so.
    pub fn on_termination(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().asked.insert(Asked::Termination);
    }

    /// A purge was asked for: from here on it may be gone.
    pub fn on_purge(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().asked.insert(Asked::Purge);
    }

    /// A restart was asked for: from here on it may be open again.
    pub fn on_restart(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().asked.insert(Asked::Restart);
    }

    /// Its program fails until it is mended.
    pub fn on_frail(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().asked.insert(Asked::Frail);
    }

    /// It is mended and was rewound: from here on it must not fail.
    pub fn on_mended(&mut self, instance: &str) {
        self.instances.entry(instance.to_owned()).or_default().asked.remove(&Asked::Frail);
    }

    /// A committed answer shows the instance, or that there is none. `expected`: what its program
    /// comes to. Returns whether it has ended.
    pub fn on_view(
        &mut self,
        instance: &str,
        view: Option<&InstanceView>,
        expected: &str,
    ) -> Result<bool, Violation> {
        let known = self.instances.entry(instance.to_owned()).or_default();
        let Some(view) = view else {
            let purged = known.asked.contains(&Asked::Purge);
            let may_be_missing = !known.started || purged;
            require(may_be_missing, "NothingAcknowledgedLost", || format!("{instance} is gone"))?;
            return Ok(purged);
        };
        known.started = true;
        let before = std::mem::replace(&mut known.updated, view.updated);
        require(view.updated >= before, "ReadsNeverGoBack", || {
            format!("{instance} is shown as of {:?}, before as of {before:?}", view.updated)
        })?;
        let ended = (view.status, view.output.clone());
        if let Some(before) = known.ended.as_ref().filter(|_| !known.asked.contains(&Asked::Restart)) {
            require(*before == ended, "OneTerminalState", || {
                format!("{instance} had ended as {before:?} and is now {ended:?}")
            })?;
        }
        match view.status {
            StatusName::Completed => {
                let as_written = ended.1.as_deref() == Some(expected);
                require(as_written, "NothingAcknowledgedLost", || {
                    format!("{instance} came to {:?}, its program to {expected}", ended.1)
                })?;
            }
            StatusName::Terminated => {
                let may = known.asked.contains(&Asked::Termination);
                require(may, "NothingAcknowledgedLost", || format!("{instance} was terminated by nobody"))?;
            }
            // No end: somebody will rewind it.
            StatusName::Failed if known.asked.contains(&Asked::Frail) => return Ok(true),
            StatusName::Failed => {
                let detail = format!("{instance} failed: {:?}", view.failure);
                return Err(Violation { invariant: "NothingAcknowledgedLost", detail });
            }
            StatusName::Pending | StatusName::Running | StatusName::Suspended => return Ok(false),
        }
        known.ended = Some(ended);
        Ok(true)
    }
}
