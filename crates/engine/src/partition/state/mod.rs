//! The rooms of a partition: rows of one kind each, changed only by their own verbs.
//!
//! Not here: what a command does with them (`apply`). [`State`] is what one entry works on: the
//! rows it may read, its position and time, and the effects it has so far.

pub(crate) mod activities;
pub(crate) mod children;
pub(crate) mod dedup;
pub(crate) mod entities;
pub(crate) mod finished;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod instances;
pub(crate) mod keys;
pub(crate) mod listed;
pub(crate) mod meta;
pub(crate) mod outbox;
pub(crate) mod payloads;
pub(crate) mod queue;
pub(crate) mod requests;
pub(crate) mod status;
pub(crate) mod sweeps;
pub(crate) mod terminations;
pub(crate) mod timers;
pub(crate) mod values;

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use crate::id::{LogId, PartitionId};
use crate::partition::effect::{Effect, Effects};
use crate::partition::state::keys::TaskKey;
use crate::partition::state::meta::MetaRow;
use crate::rows::{Changes, Loaded, Transaction, WorkingSet};
use crate::time::Timestamp;

/// One entry at work.
#[derive(Debug)]
pub(crate) struct State<'a> {
    pub(crate) tx: Transaction<'a>,
    pub(crate) meta: MetaRow,
    pub(crate) id: LogId,
    pub(crate) at: Timestamp,
    effects: Effects,
    sends: BTreeMap<PartitionId, u64>,
    ordinal: u32,
    /// The feed has a new event of this entry.
    pub(crate) has_told: bool,
}

impl<'a> State<'a> {
    pub(crate) fn begin(rows: &'a WorkingSet, id: LogId, at: Timestamp) -> Loaded<Self> {
        let tx = Transaction::new(rows);
        let meta: MetaRow = tx.get(&keys::meta())?.unwrap_or_default();
        let at = at.max(meta.last_at());
        Ok(Self {
            tx,
            meta,
            id,
            at,
            effects: Effects::none(),
            sends: BTreeMap::new(),
            ordinal: 0,
            has_told: false,
        })
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// The status of an instance is another one than before this entry.
    pub(crate) fn changed(&mut self, instance: &instances::Instance) {
        let status = Some(instance.status().shown());
        self.effect(Effect::InstanceChanged { instance: instance.id.clone(), status });
    }

    pub(super) fn send_effect(&mut self, to: PartitionId, upto: u64) {
        self.sends.insert(to, upto);
    }

    /// The name of the next task this entry makes.
    pub(crate) fn next_task(&mut self) -> TaskKey {
        let task = TaskKey { by: self.id, ordinal: self.ordinal };
        self.ordinal += 1;
        task
    }

    /// Closes the entry: position and time go into the partition's own row.
    pub(crate) fn finish(mut self) -> (Outcome, Effects) {
        for (to, upto) in std::mem::take(&mut self.sends) {
            self.effects.push(Effect::Send { to, upto });
        }
        let mut meta = self.meta;
        meta.term = self.id.term;
        meta.index = self.id.index;
        meta.at = Some(self.at.into());
        (Outcome { changes: self.tx.seal(), meta }, self.effects)
    }
}

/// What an entry changes.
#[derive(Debug)]
pub(crate) struct Outcome {
    changes: Changes,
    meta: MetaRow,
}

impl Outcome {
    /// Makes it the state; the digest goes into the partition's own row.
    pub(crate) fn commit(self, rows: &mut WorkingSet) {
        let Self { changes, mut meta } = self;
        changes.commit(rows, |moved| {
            meta.digest = meta.digest.wrapping_add(moved);
            (keys::meta(), Bytes::from(meta.encode_to_vec()))
        });
    }
}
