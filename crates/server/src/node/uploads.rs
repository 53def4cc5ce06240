//! Brings large texts to their partition ahead of the command that names them, within bounds.
//!
//! A part goes when the one before it is committed, so others of the partition wait behind one part and
//! not behind all of them; the last one and the command go together. What a partition has forgotten
//! meanwhile, because another replica leads or nobody named it for too long, is brought again.
//! Not here: which texts are large (`payloads`).

use std::sync::Arc;

use engine::partition::command::{Command, StorePayload};
use engine::partition::effect::{Refusal, Reply};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Member;
use super::hub::mismatch;
use super::payloads::{Apart, Payload};
use crate::partition::mailbox::Admission;
use crate::partition::messages::{Outcome, Request, Unavailable};
use crate::peers::route::Answered;

/// Commands with large texts on their way to one partition; others wait their turn.
const AT_ONCE: usize = 4;
/// How often a command and its texts are brought before their author is told to come again.
const TRIES: usize = 3;

/// Bytes of large texts that wait in one node; who comes then is told to come again.
const NODE_BYTES_MAX: usize = 256 << 20;
const KIB: usize = 1 << 10;

/// Memory that a node has for large texts on their way.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(NODE_BYTES_MAX / KIB)))
    }
}

impl Room {
    fn enter(&self, payloads: &[Payload]) -> Result<SemaphorePermit<'_>, Unavailable> {
        let kib: usize = payloads.iter().map(|payload| payload.bytes().div_ceil(KIB)).sum();
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        self.0.try_acquire_many(kib).map_err(|_| Unavailable::Overloaded)
    }
}

/// The way to one partition for commands with large texts.
#[derive(Debug)]
pub(super) struct Uploads {
    room: Room,
    places: Semaphore,
    apart: Apart,
}

impl Uploads {
    pub(super) fn new(room: Room) -> Self {
        Self { room, places: Semaphore::new(AT_ONCE), apart: Apart::default() }
    }

    pub(super) fn apart(&self) -> Apart {
        self.apart
    }

    /// Brings the texts and asks; answers once the outcome is committed.
    pub(super) async fn ask(
        &self,
        member: &Member,
        admission: &Admission,
        (payloads, command): (&[Payload], Command),
        answered: Option<Answered<'_>>,
    ) -> Result<Reply, Unavailable> {
        let _room = self.room.enter(payloads)?;
        // Never closed; should it be, a bound is all that is lost.
        let _place = self.places.acquire().await.ok();
        for _ in 0..TRIES {
            let mut last = None;
            let mut whole = true;
            for part in payloads.iter().flat_map(|payload| payload.parts(self.apart)) {
                if let Some(part) = last.replace(part) {
                    whole = store(member, admission, part).await?;
                }
                if !whole {
                    break;
                }
            }
            if !whole {
                continue;
            }
            // Its fate is the command's: a command whose texts are not here is refused.
            last.into_iter().for_each(|part| member.route.tell(request(part.into())));
            match reply(member.route.ask(admission, request(command.clone()), answered).await)? {
                Reply::Refused(Refusal::PayloadMissing) => {}
                reply => return Ok(reply),
            }
        }
        Err(Unavailable::Overloaded)
    }
}

fn request(command: Command) -> Request {
    Request::Partition(command)
}

fn reply(outcome: Result<Outcome, Unavailable>) -> Result<Reply, Unavailable> {
    match outcome? {
        Outcome::Partition(reply) => Ok(reply),
        Outcome::Catalog(_) => Err(mismatch()),
    }
}

/// Brings a part. False: what comes before it is not there any more.
async fn store(member: &Member, admission: &Admission, part: StorePayload) -> Result<bool, Unavailable> {
    match reply(member.route.ask(admission, request(part.into()), None).await) {
        Ok(Reply::Refused(_)) => Ok(false),
        Ok(Reply::Done | Reply::Unchanged | Reply::Started { .. } | Reply::Purged { .. }) => Ok(true),
        // A part alone is nothing that anybody can see.
        Err(Unavailable::Unknown) => Err(Unavailable::NotLeading),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::payloads::take_out;
    use engine::partition::command::RaiseEvent;

    #[test]
    fn a_node_takes_no_more_large_texts_than_it_has_room_for() {
        let room = Room(Arc::new(Semaphore::new(300)));
        let input = Some("x".repeat(200 * KIB));
        let mut command = Command::RaiseEvent(RaiseEvent { input, ..RaiseEvent::default() });
        let payloads = take_out(&mut command, Apart::default());
        let first = room.enter(&payloads).expect("there is room");
        assert!(matches!(room.enter(&payloads), Err(Unavailable::Overloaded)));
        drop(first);
        assert!(room.enter(&payloads).is_ok());
    }
}
