//! What waits for an entity: operations and lock requests, in order of their arrival.
//!
//! Two queues, because the holder of the entity's lock goes ahead of all others: while it is locked
//! only what is ahead is handed out. Not here: the chunks (`queue`), the batch (`view::entities`).
//!
//! ```text
//! handed out next ◀── ahead ──┬── waiting ◀── operations and lock requests of everybody else
//!                             │
//!            operations of the lock's holder
//! ```
//!
//! The beginning of the two together never changes while a batch is out: what is added goes behind
//! it, and a cancelled lock request stays where it is until it is passed over. So an answer to the
//! first n operations means the first n.

use std::cell::Cell;

use bytes::Bytes;
use prost::Message;

use crate::event::{EventKind, HistoryEvent};
use crate::partition::command::LockEntities;
use crate::partition::state::entities::{Entity, length};
use crate::partition::state::queue::{Look, Queue, QueueChunk};
use crate::partition::state::{State, keys};
use crate::rows::{Loaded, Transaction};

/// One thing that waits.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Mail {
    #[prost(oneof = "MailKind", tags = "1, 2")]
    kind: Option<MailKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum MailKind {
    /// An encoded `HistoryEvent`: an operation, signalled or called.
    #[prost(bytes, tag = "1")]
    Operation(Bytes),
    #[prost(message, tag = "2")]
    Lock(LockEntities),
}

impl MailKind {
    /// An item of a chunk that was checked when it was loaded.
    pub(crate) fn read(item: Bytes) -> Self {
        Self::try_read(item).expect("mail is decoded once when loaded and comes from encode otherwise")
    }

    fn try_read(item: Bytes) -> Result<Self, String> {
        let mail = Mail::decode(item).map_err(|error| error.to_string())?;
        mail.kind.ok_or_else(|| "mail of no kind".to_owned())
    }

    fn to_item(&self) -> Bytes {
        Bytes::from(Mail { kind: Some(self.clone()) }.encode_to_vec())
    }

    /// Whether all items of a stored chunk are mail.
    pub(crate) fn check(chunk: &QueueChunk) -> Result<(), String> {
        chunk.items.iter().try_for_each(|item| match Self::try_read(item.clone())? {
            Self::Operation(event) => {
                HistoryEvent::decode(event).map(|_| ()).map_err(|error| error.to_string())
            }
            Self::Lock(_) => Ok(()),
        })
    }
}

/// Who waits for an operation's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) instance: String,
    pub(crate) execution: String,
    pub(crate) request: String,
}

/// An operation of a mailbox, to be looked into.
pub(crate) fn read_operation(event: Bytes) -> HistoryEvent {
    HistoryEvent::decode(event).expect("mail is decoded once when loaded and comes from encode otherwise")
}

/// Whom to tell what comes of an operation; a signal has nobody.
pub(crate) fn caller_of(operation: &HistoryEvent) -> Option<Caller> {
    let Some(EventKind::EntityOperationCalled(called)) = &operation.kind else { return None };
    Some(Caller {
        instance: called.parent_instance_id.clone()?,
        execution: called.parent_execution_id.clone()?,
        request: called.request_id.clone(),
    })
}

impl Entity {
    pub(crate) fn waiting_queue(&self) -> Queue<'_> {
        Queue { room: keys::MAILBOX, number: self.row.number, owner: self.id.as_str() }
    }

    pub(crate) fn ahead_queue(&self) -> Queue<'_> {
        Queue { room: keys::MAILBOX, number: self.row.ahead_number, owner: self.id.as_str() }
    }

    /// Looks at the operations that may be handed out, in order.
    pub(crate) fn look_at_operations(
        &self,
        tx: &Transaction,
        mut visit: impl FnMut(Bytes) -> Look,
    ) -> Loaded<()> {
        let last = Cell::new(Look::Further);
        let mut operation = |item| {
            last.set(match MailKind::read(item) {
                MailKind::Operation(event) => visit(event),
                MailKind::Lock(_) => Look::Enough,
            });
            last.get()
        };
        self.ahead_queue().look(tx, self.row.ahead, &mut operation)?;
        if self.row.lock.is_some() {
            return Ok(());
        }
        if last.get() == Look::Further {
            self.waiting_queue().look(tx, self.row.waiting, operation)?;
        }
        Ok(())
    }
}

impl State<'_> {
    /// Puts mail last: behind its own if it comes from the lock's holder, else behind everybody's.
    pub(crate) fn push_mail(&mut self, entity: &mut Entity, mail: &MailKind) -> Loaded<()> {
        let ahead = match mail {
            MailKind::Operation(event) => {
                let caller = caller_of(&read_operation(event.clone()));
                caller.is_some_and(|caller| entity.is_locked_by(&caller.instance, &caller.execution))
            }
            MailKind::Lock(_) => false,
        };
        if ahead {
            return self.push_ahead(entity, mail);
        }
        let mut head = entity.row.waiting.unwrap_or_default();
        self.push_back(&entity.waiting_queue(), &mut head, mail.to_item())?;
        entity.row.waiting = Some(head);
        Ok(())
    }

    /// Puts mail last of what goes before all that waits.
    pub(crate) fn push_ahead(&mut self, entity: &mut Entity, mail: &MailKind) -> Loaded<()> {
        let mut head = entity.row.ahead.unwrap_or_default();
        self.push_back(&entity.ahead_queue(), &mut head, mail.to_item())?;
        entity.row.ahead = Some(head);
        Ok(())
    }

    /// Takes at most `count` of the operations that wait before the first lock request.
    pub(crate) fn take_waiting_operations(
        &mut self,
        entity: &mut Entity,
        count: usize,
    ) -> Loaded<Vec<Bytes>> {
        let mut operations = Vec::new();
        entity.waiting_queue().look(&self.tx, entity.row.waiting, |item| match MailKind::read(item) {
            MailKind::Operation(event) if operations.len() < count => {
                operations.push(event);
                Look::Further
            }
            MailKind::Operation(_) | MailKind::Lock(_) => Look::Enough,
        })?;
        let mut head = entity.row.waiting.unwrap_or_default();
        let taken = u32::try_from(operations.len()).unwrap_or(u32::MAX);
        self.take_front(&entity.waiting_queue(), &mut head, taken)?;
        entity.row.waiting = Some(head);
        Ok(operations)
    }

    /// Takes the first `count` operations out.
    pub(crate) fn take_operations(&mut self, entity: &mut Entity, count: u32) -> Loaded<Vec<Bytes>> {
        let from_ahead = count.min(length(entity.row.ahead));
        let mut taken = Vec::new();
        if from_ahead > 0 {
            let mut head = entity.row.ahead.unwrap_or_default();
            taken = self.take_front(&entity.ahead_queue(), &mut head, from_ahead)?;
            entity.row.ahead = Some(head);
        }
        if from_ahead < count {
            let mut head = entity.row.waiting.unwrap_or_default();
            taken.extend(self.take_front(&entity.waiting_queue(), &mut head, count - from_ahead)?);
            entity.row.waiting = Some(head);
        }
        let operation = |item| match MailKind::read(item) {
            MailKind::Operation(event) => Some(event),
            MailKind::Lock(_) => None,
        };
        Ok(taken.into_iter().filter_map(operation).collect())
    }

    /// Puts operations first, in order, before all that waits.
    pub(crate) fn put_operations_back(&mut self, entity: &mut Entity, events: Vec<Bytes>) -> Loaded<()> {
        let items = events.into_iter().map(|event| MailKind::Operation(event).to_item()).collect();
        if entity.row.lock.is_some() || length(entity.row.ahead) > 0 {
            let mut head = entity.row.ahead.unwrap_or_default();
            self.push_front(&entity.ahead_queue(), &mut head, items)?;
            entity.row.ahead = Some(head);
        } else {
            let mut head = entity.row.waiting.unwrap_or_default();
            self.push_front(&entity.waiting_queue(), &mut head, items)?;
            entity.row.waiting = Some(head);
        }
        Ok(())
    }

    /// Takes the first of what waits, if it is a lock request.
    pub(crate) fn take_lock_request(&mut self, entity: &mut Entity) -> Loaded<Option<LockEntities>> {
        let mut first = None;
        entity.waiting_queue().look(&self.tx, entity.row.waiting, |item| {
            first = Some(MailKind::read(item));
            Look::Enough
        })?;
        let Some(MailKind::Lock(request)) = first else { return Ok(None) };
        let mut head = entity.row.waiting.unwrap_or_default();
        self.take_front(&entity.waiting_queue(), &mut head, 1)?;
        entity.row.waiting = Some(head);
        Ok(Some(request))
    }
}
