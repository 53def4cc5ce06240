//! The door of one replica of one group: open it, feed it, take out what has to be done.
//!
//! Not here: threads, disks, networks and clocks. The caller writes [`Output::records`] to the node
//! log, says when they are durable, carries messages, and counts ticks.
//! The one thing to know: after every `propose` and `step`, call `take_output` until it is `None`.
//! A panic out of the consensus library stops this replica of this group, and nothing else.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use storage::{GroupKey, GroupLog};

use crate::driver::Driver;
use crate::error::{Error, ProposeError};
use crate::format::StateBytes;
use crate::membership::Membership;
use crate::types::{Config, Input, LogId, Output, ReplicaId, Role};

/// One replica of one replicated log.
pub struct Group {
    key: GroupKey,
    driver: Driver,
    /// Why it has stopped for good; nothing reaches the driver any more.
    stopped: Option<String>,
}

impl Group {
    /// Opens a replica with what the node log holds of it (`None`: it is created), given that the
    /// caller's state has durably applied everything up to `applied`. Entries from there to the
    /// known commit come out as `Committed` before anything else.
    pub fn open(config: Config, log: Option<GroupLog>, applied: LogId) -> Result<Self, Error> {
        let key = config.group;
        let opened = catch_unwind(AssertUnwindSafe(|| Driver::open(config, log, applied)));
        let driver = opened.unwrap_or_else(|panic| Err(Error::Corrupt { group: key, why: text(&*panic) }))?;
        Ok(Self { key, driver, stopped: None })
    }

    /// The last entry that is gone from a log as it was found. A state that was brought for
    /// [`Input::Install`] and has exactly this position counts instead of an older one: the log was
    /// replaced, and the process stopped before [`crate::Event::Installed`] was dealt with.
    pub fn compacted(log: &GroupLog) -> LogId {
        let state = log.state.as_ref().and_then(|state| StateBytes::decoded(state).ok());
        state.map_or(LogId::default(), |state| state.compacted())
    }

    /// Appends to the log as its leader. The position is known at once; whether it is ever
    /// committed is not.
    pub fn propose(&mut self, data: Bytes) -> Result<LogId, ProposeError> {
        self.contained(|driver| driver.propose(data)).unwrap_or(Err(ProposeError::Stopped))
    }

    /// Lets something happen to the group.
    pub fn step(&mut self, input: Input) -> Result<(), Error> {
        self.contained(|driver| driver.step(input))?
    }

    /// The next thing to do, if there is any.
    pub fn take_output(&mut self) -> Option<Output> {
        self.contained(Driver::take_output).ok().flatten()
    }

    /// Why this replica has stopped for good, if it has.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Which replica this is.
    pub fn replica(&self) -> ReplicaId {
        ReplicaId(self.key.replica)
    }

    /// What this replica is at the moment.
    pub fn role(&self) -> Role {
        self.driver.role()
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.driver.term()
    }

    /// Who leads, as far as this replica knows.
    pub fn leader(&self) -> Option<ReplicaId> {
        self.driver.leader()
    }

    /// The last entry of the log, durable or not.
    pub fn last(&self) -> LogId {
        self.driver.last()
    }

    /// The last index known to be committed.
    pub fn commit(&self) -> u64 {
        self.driver.commit()
    }

    /// The first index still held; entries before it are compacted.
    pub fn first_index(&self) -> u64 {
        self.driver.first_index()
    }

    /// How many entries are in memory: for a lone voter those that are not applied, for others all
    /// that a voter may still ask for.
    pub fn held(&self) -> usize {
        self.driver.held()
    }

    /// Who takes part, as far as this replica has given its log out.
    pub fn members(&self) -> &Membership {
        self.driver.members()
    }

    /// Who took part as of `index`; `None` before the compaction point.
    pub fn members_at(&self, index: u64) -> Option<&Membership> {
        self.driver.members_at(index)
    }

    /// Members that a leader cannot bring up to date with entries, each with the least index that a
    /// state for it must have.
    pub fn wants_snapshot(&self) -> Vec<(ReplicaId, u64)> {
        self.driver.wants_snapshot()
    }

    /// Whether this replica is the only voter.
    pub fn is_lone_voter(&self) -> bool {
        self.driver.is_lone_voter()
    }

    /// Whether this replica may have lost entries that it had acknowledged. Until it has an entry of
    /// a leader that was elected without its word, its vote counts for less than a whole one.
    pub fn is_doubtful(&self) -> bool {
        self.driver.is_doubtful()
    }

    /// The newest [`Output::number`] that was reported durable.
    pub fn durable_output(&self) -> u64 {
        self.driver.durable_output()
    }

    fn contained<T>(&mut self, work: impl FnOnce(&mut Driver) -> T) -> Result<T, Error> {
        if let Some(why) = &self.stopped {
            return Err(Error::Stopped { group: self.key, why: why.clone() });
        }
        let driver = &mut self.driver;
        catch_unwind(AssertUnwindSafe(|| work(driver))).map_err(|panic| {
            let why = text(&*panic);
            self.stopped = Some(why.clone());
            Error::Stopped { group: self.key, why }
        })
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("key", &self.key)
            .field("role", &self.role())
            .field("term", &self.term())
            .field("last", &self.last())
            .field("commit", &self.commit())
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
