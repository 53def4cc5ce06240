//! Where an instance is in its life. Transitions happen only in the `become_*` verbs of this file.
//!
//! ```text
//! (none)      --(start)-------------------> Pending
//! Pending     --(first turn)--------------> Running
//! Pending, Running --(suspend)------------> Suspended --(resume)--> as before
//! Pending, Running --(no worker can)------> Stuck     --(resume)--> as before
//! Running, Suspended --(terminate)--------> Terminating
//! Running, Terminating --(turn says so)---> Completed | Failed | Terminated
//! any open    --(forced, or never began)--> Terminated
//! Failed      --(rewind)------------------> Running
//! ```
//!
//! Not here: what else a transition entails (`apply`). Continue-as-new is no transition: the
//! instance stays Running in another execution.

use crate::partition::command::Moment;
use crate::time::Timestamp;

/// See the file's header. Numbers are the row format's and never used again.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Status {
    #[prost(message, tag = "40")]
    Pending(Pending),
    #[prost(message, tag = "41")]
    Running(Running),
    #[prost(message, tag = "42")]
    Suspended(Held),
    #[prost(message, tag = "43")]
    Stuck(Held),
    #[prost(message, tag = "44")]
    Terminating(Terminating),
    #[prost(message, tag = "45")]
    Completed(Ended),
    #[prost(message, tag = "46")]
    Failed(Ended),
    #[prost(message, tag = "47")]
    Terminated(Ended),
}

/// No turn is done yet.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Pending {
    /// Set while the start is still ahead: then no turn is offered.
    #[prost(message, optional, tag = "1")]
    pub(crate) until: Option<Moment>,
}

/// At least one turn is done.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Running {}

/// The inbox is held, by a person or because no worker can take the turn.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Held {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
    /// Set where the instance was pending before; otherwise it was running.
    #[prost(message, optional, tag = "2")]
    pub(crate) pending: Option<Pending>,
}

/// The worker is asked to end the instance.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Terminating {
    #[prost(bool, tag = "1")]
    pub(crate) recursive: bool,
}

/// Nothing happens any more.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Ended {
    #[prost(message, required, tag = "1")]
    pub(crate) at: Moment,
}

/// How an instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Failed,
    Terminated,
}

impl Status {
    pub(super) fn start(until: Option<Timestamp>) -> Self {
        Self::Pending(Pending { until: until.map(Moment::from) })
    }

    /// A turn may be handed out, if the inbox holds anything.
    pub(crate) fn is_runnable(&self) -> bool {
        match self {
            Self::Pending(pending) => pending.until.is_none(),
            Self::Running(_) | Self::Terminating(_) => true,
            Self::Suspended(_)
            | Self::Stuck(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::Terminated(_) => false,
        }
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Completed(ended) | Self::Failed(ended) | Self::Terminated(ended) => Some(ended.at.into()),
            Self::Pending(_)
            | Self::Running(_)
            | Self::Suspended(_)
            | Self::Stuck(_)
            | Self::Terminating(_) => None,
        }
    }

    /// What is there to go back to when a hold is released; `None` where nothing can be held.
    fn holdable(&self) -> Option<Option<Pending>> {
        match self {
            Self::Pending(pending) => Some(Some(*pending)),
            Self::Running(_) => Some(None),
            Self::Suspended(_)
            | Self::Stuck(_)
            | Self::Terminating(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::Terminated(_) => None,
        }
    }

    pub(super) fn become_suspended(&mut self, reason: String) -> bool {
        let Some(pending) = self.holdable() else { return false };
        *self = Self::Suspended(Held { reason, pending });
        true
    }

    pub(super) fn become_stuck(&mut self, reason: String) -> bool {
        let Some(pending) = self.holdable() else { return false };
        *self = Self::Stuck(Held { reason, pending });
        true
    }

    pub(super) fn become_released(&mut self) -> bool {
        let (Self::Suspended(held) | Self::Stuck(held)) = self else { return false };
        *self = match held.pending {
            Some(pending) => Self::Pending(pending),
            None => Self::Running(Running {}),
        };
        true
    }

    /// The scheduled start has come.
    pub(super) fn become_due(&mut self) {
        match self {
            Self::Pending(pending) => pending.until = None,
            Self::Suspended(held) | Self::Stuck(held) => {
                if let Some(pending) = &mut held.pending {
                    pending.until = None;
                }
            }
            Self::Running(_)
            | Self::Terminating(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::Terminated(_) => {}
        }
    }

    /// The first turn is done; also while held meanwhile.
    pub(super) fn become_running(&mut self) {
        match self {
            Self::Pending(_) => *self = Self::Running(Running {}),
            Self::Suspended(held) | Self::Stuck(held) => held.pending = None,
            Self::Running(_)
            | Self::Terminating(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::Terminated(_) => {}
        }
    }

    pub(super) fn become_terminating(&mut self, recursive: bool) {
        *self = Self::Terminating(Terminating { recursive });
    }

    pub(super) fn become_rewound(&mut self) -> bool {
        let failed = matches!(self, Self::Failed(_));
        if failed {
            *self = Self::Running(Running {});
        }
        failed
    }

    pub(super) fn become_ended(&mut self, ending: Ending, at: Timestamp) {
        let ended = Ended { at: at.into() };
        *self = match ending {
            Ending::Completed => Self::Completed(ended),
            Ending::Failed => Self::Failed(ended),
            Ending::Terminated => Self::Terminated(ended),
        };
    }

    /// What people and the wire are shown.
    pub(crate) fn shown(&self) -> StatusName {
        match self {
            Self::Pending(_) => StatusName::Pending,
            Self::Running(_) | Self::Terminating(_) => StatusName::Running,
            Self::Suspended(_) => StatusName::Suspended,
            Self::Stuck(held) if held.pending.is_some() => StatusName::Pending,
            Self::Stuck(_) => StatusName::Running,
            Self::Completed(_) => StatusName::Completed,
            Self::Failed(_) => StatusName::Failed,
            Self::Terminated(_) => StatusName::Terminated,
        }
    }
}

/// A status as the wire knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusName {
    /// Created, no turn done.
    Pending,
    /// At least one turn done, not ended.
    Running,
    /// The inbox is held.
    Suspended,
    /// Ended well.
    Completed,
    /// Ended with failure details.
    Failed,
    /// Ended because somebody asked for it.
    Terminated,
}

impl StatusName {
    /// Every status, in the order people are shown them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Suspended, Self::Completed, Self::Failed, Self::Terminated];

    /// The wire's `OrchestrationStatus` number.
    pub fn wire(self) -> i32 {
        match self {
            Self::Running => 0,
            Self::Completed => 1,
            Self::Failed => 3,
            Self::Terminated => 5,
            Self::Pending => 6,
            Self::Suspended => 7,
        }
    }

    /// Nothing happens to the instance any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Suspended => false,
        }
    }

    /// From the wire's number; numbers nobody should see give `None`.
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.wire() == number)
    }
}
