//! Messages to other partitions and to this one, kept until the receiver has acknowledged them.
//!
//! Not here: sending (`server::partition`) and recognising duplicates on arrival (`dedup`).

use bytes::Bytes;
use prost::Message as _;

use crate::id::{InstanceId, PartitionId};
use crate::mutants;
use crate::partition::command::{Message, MessageBody};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Row};

impl Row for Message {}

/// Where the numbers of one receiver stand.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct OutboxCursor {
    /// The last number given. Invariant: rows are contiguous from `acknowledged + 1` to `last`.
    #[prost(uint64, tag = "1")]
    pub(crate) last: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) acknowledged: u64,
    /// The receiver's lineage, as its first acknowledgement said; 0: none yet.
    #[prost(uint64, tag = "3")]
    pub(crate) lineage: u64,
}

impl Row for OutboxCursor {}

impl OutboxCursor {
    pub(crate) fn is_outstanding(&self) -> bool {
        self.acknowledged < self.last
    }
}

impl State<'_> {
    /// Addresses a message to the partition of `target`.
    pub(crate) fn send(&mut self, target: &InstanceId, body: MessageBody) -> Loaded<()> {
        let to = target.partition(self.meta.partitions);
        let key = keys::outbox_cursor(to);
        let mut cursor: OutboxCursor = self.tx.get(&key)?.unwrap_or_default();
        cursor.last += 1;
        if mutants::active(mutants::OUTBOX_DELETED_BEFORE_ACKNOWLEDGEMENT) && cursor.last > 1 {
            self.tx.remove(keys::outbox(to, cursor.last - 1))?;
        }
        let message = Message { body: Some(body) };
        self.tx.insert_bytes(keys::outbox(to, cursor.last), Bytes::from(message.encode_to_vec()));
        self.send_effect(to, cursor.last);
        self.tx.put(key, &cursor)
    }

    /// What this entry has put into the outbox of partition 0.
    #[cfg(test)]
    pub(crate) fn sent_messages(&self) -> Vec<MessageBody> {
        let rows = (1..).map(|sequence| self.tx.get::<Message>(&keys::outbox(PartitionId(0), sequence)));
        rows.map_while(|row| row.ok().flatten()).filter_map(|message| message.body).collect()
    }

    pub(crate) fn outbox_cursor(&self, to: PartitionId) -> Loaded<OutboxCursor> {
        Ok(self.tx.get(&keys::outbox_cursor(to))?.unwrap_or_default())
    }

    /// The receiver lives on in another lineage, and has what it had.
    pub(super) fn set_receiver_lineage(&mut self, to: PartitionId, lineage: u64) -> Loaded<()> {
        let key = keys::outbox_cursor(to);
        match self.tx.get::<OutboxCursor>(&key)? {
            Some(cursor) => self.tx.put(key, &OutboxCursor { lineage, ..cursor }),
            None => Ok(()),
        }
    }

    /// Forgets messages up to `upto`; the cursor must have given these numbers.
    pub(crate) fn acknowledge(&mut self, to: PartitionId, mut cursor: OutboxCursor, upto: u64) -> Loaded<()> {
        let sequences = cursor.acknowledged + 1..=upto;
        self.tx.want(sequences.clone().map(|sequence| keys::outbox(to, sequence)))?;
        for sequence in sequences {
            self.tx.remove(keys::outbox(to, sequence))?;
        }
        cursor.acknowledged = upto;
        self.tx.put(keys::outbox_cursor(to), &cursor)
    }
}
