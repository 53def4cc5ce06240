//! Instances that lists look for and that are few among many: those that have not ended, and those
//! that ended badly. A row each, by kind and id.
//!
//! Not here: those that completed. They are most of all instances, so a list that wants them finds
//! them by going through all; and an instance that runs well costs one row that comes and goes.

use crate::id::InstanceId;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::StatusName;
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};

/// The stored row; its key is all that it says.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ListedRow {}

impl Row for ListedRow {}

/// Which list an instance is on. Numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listed {
    Open,
    Failed,
    Terminated,
}

impl Listed {
    /// The list of a status; `None`: those that completed are on none.
    pub(crate) fn of(status: StatusName) -> Option<Self> {
        match status {
            StatusName::Pending | StatusName::Running | StatusName::Suspended => Some(Self::Open),
            StatusName::Failed => Some(Self::Failed),
            StatusName::Terminated => Some(Self::Terminated),
            StatusName::Completed => None,
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Failed => 2,
            Self::Terminated => 3,
        }
    }
}

impl State<'_> {
    /// Moves an instance from the list of one status to that of another.
    pub(crate) fn list(
        &mut self,
        instance: &Instance,
        before: Option<StatusName>,
        after: Option<StatusName>,
    ) -> Loaded<()> {
        let (before, after) = (before.and_then(Listed::of), after.and_then(Listed::of));
        if before == after {
            return Ok(());
        }
        let key = |listed: Listed, id: &InstanceId| keys::listed(listed.number(), id);
        if let Some(before) = before {
            self.tx.remove(key(before, &instance.id))?;
        }
        match after {
            Some(after) => self.tx.put(key(after, &instance.id), &ListedRow {}),
            None => Ok(()),
        }
    }
}
