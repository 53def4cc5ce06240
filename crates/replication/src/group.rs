//! The door of one replica of one group: open it, feed it, take out what has to be done.
//!
//! Not here: threads, disks, networks and clocks. The caller writes [`Output::records`] to the node
//! log, says when they are durable, carries messages, and counts ticks.
//! The one thing to know: after every `propose` and `step`, call `take_output` until it is `None`.

use bytes::Bytes;
use storage::GroupLog;

use crate::error::{Error, ProposeError};
use crate::types::{Config, Input, LogId, Output, ReplicaId, Role};

/// One replica of one replicated log.
#[derive(Debug)]
pub struct Group {
    config: Config,
}

impl Group {
    /// Opens a replica with what the node log holds of it (`None`: it is created), given that the
    /// caller's state has durably applied everything up to `applied`. Entries from there to the
    /// known commit come out as `Committed` before anything else.
    pub fn open(config: Config, _log: Option<GroupLog>, _applied: u64) -> Result<Self, Error> {
        Ok(Self { config })
    }

    /// Appends to the log as its leader. The position is known at once; whether it is ever
    /// committed is not.
    pub fn propose(&mut self, _data: Bytes) -> Result<LogId, ProposeError> {
        Err(ProposeError::NotEstablished)
    }

    /// Lets something happen to the group.
    pub fn step(&mut self, _input: Input) -> Result<(), Error> {
        Err(self.stopped())
    }

    /// The next thing to do, if there is any.
    pub fn take_output(&mut self) -> Option<Output> {
        None
    }

    /// What this replica is at the moment.
    pub fn role(&self) -> Role {
        Role::Follower
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        0
    }

    /// Who leads, as far as this replica knows.
    pub fn leader(&self) -> Option<ReplicaId> {
        None
    }

    /// The last entry of the log, durable or not.
    pub fn last(&self) -> LogId {
        LogId::default()
    }

    /// The last index known to be committed.
    pub fn commit(&self) -> u64 {
        0
    }

    /// The last index given out in `Committed`.
    pub fn emitted(&self) -> u64 {
        0
    }

    /// The first index still held; entries before it are compacted.
    pub fn first_index(&self) -> u64 {
        1
    }

    /// The voters, by this replica's own log.
    pub fn voters(&self) -> Vec<ReplicaId> {
        self.config.voters.clone()
    }

    fn stopped(&self) -> Error {
        Error::Stopped { group: self.config.group, why: "not started".to_owned() }
    }
}
