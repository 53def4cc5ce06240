//! Turns' answers that arrive in parts, until the last part is there.
//!
//! Some workers split an answer of more than 4 MiB. Parts are kept in memory only and within
//! bounds: what is lost is answered again, because the work item is handed out again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine::event::{Action, OrchestrationTraceContext};
use engine::id::{Epoch, HubId};
use engine::limits::TURN_BYTES_MAX;

use super::wire::TurnAnswer;
use crate::dispatch::{HandOutId, Work};

/// Bytes of all parts that wait for their last one.
const BYTES_MAX: usize = 4 * TURN_BYTES_MAX;
/// Answers that wait for their last part.
const ANSWERS_MAX: usize = 1_024;

/// A delivery: boards of different leaders count alike, but in epochs of their own.
type Delivery = (Epoch, HandOutId);

/// Whose part it is: the hub, the turn's instance, and the delivery it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingress::grpc) struct PartOf {
    pub(in crate::ingress::grpc) hub: HubId,
    pub(in crate::ingress::grpc) work: Work,
    pub(in crate::ingress::grpc) hand_out: Delivery,
}

#[derive(Debug)]
struct Pending {
    hand_out: Delivery,
    /// The index of the part that comes next.
    next: u32,
    bytes: usize,
    actions: Vec<Action>,
    custom_status: Option<String>,
    events_processed: Option<i32>,
    trace: Option<OrchestrationTraceContext>,
}

#[derive(Debug, Default)]
struct Inside {
    pending: BTreeMap<(HubId, Work), Pending>,
    bytes: usize,
}

/// All answers that wait for their last part.
///
/// Invariant: `bytes` is the sum over `pending`.
#[derive(Debug, Default)]
pub(in crate::ingress::grpc) struct Parts(Mutex<Inside>);

/// What a part made of its answer.
#[derive(Debug, PartialEq)]
pub(in crate::ingress::grpc) enum Joined {
    /// More is to come.
    Waiting,
    /// This was the last one: all together.
    Whole(TurnAnswer, usize),
    /// A part is missing: the answer cannot be used.
    Broken(String),
    /// The parts so far are more than a turn may have.
    TooLarge(usize),
}

impl Parts {
    /// Takes a part of `bytes` bytes, the last one included.
    pub(in crate::ingress::grpc) fn join(&self, of: PartOf, part: TurnAnswer, bytes: usize) -> Joined {
        let index = u32::try_from(part.chunk_index.unwrap_or(0)).unwrap_or(u32::MAX);
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (hand_out, key) = (of.hand_out, (of.hub, of.work));
        let mut pending = match inside.take(&key) {
            // Parts of an earlier delivery are void.
            Some(pending) if pending.hand_out == hand_out => pending,
            Some(_) | None => Pending::new(hand_out),
        };
        if index < pending.next && part.is_partial {
            // The reply to this part was lost.
            inside.put(key, pending);
            return Joined::Waiting;
        }
        if index != pending.next {
            return Joined::Broken(format!("part {index} came where part {} was expected", pending.next));
        }
        let is_partial = part.is_partial;
        pending.add(part, bytes);
        if !is_partial {
            let bytes = pending.bytes;
            return Joined::Whole(pending.whole(), bytes);
        }
        if pending.bytes > TURN_BYTES_MAX {
            return Joined::TooLarge(pending.bytes);
        }
        inside.make_room(pending.bytes);
        inside.put(key, pending);
        Joined::Waiting
    }

    /// Whether parts of this delivery are waiting.
    pub(in crate::ingress::grpc) fn has(&self, of: &PartOf) -> bool {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !inside.pending.is_empty()
            && inside
                .pending
                .get(&(of.hub, of.work.clone()))
                .is_some_and(|pending| pending.hand_out == of.hand_out)
    }
}

impl Inside {
    fn take(&mut self, key: &(HubId, Work)) -> Option<Pending> {
        let pending = self.pending.remove(key)?;
        self.bytes -= pending.bytes;
        Some(pending)
    }

    /// The oldest deliveries give way: most likely their workers have gone.
    fn make_room(&mut self, bytes: usize) {
        while self.pending.len() >= ANSWERS_MAX || self.bytes + bytes > BYTES_MAX {
            let oldest = self.pending.iter().min_by_key(|(_, pending)| pending.hand_out);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.take(&oldest);
        }
    }

    fn put(&mut self, key: (HubId, Work), pending: Pending) {
        self.bytes += pending.bytes;
        self.pending.insert(key, pending);
    }
}

impl Pending {
    fn new(hand_out: Delivery) -> Self {
        Self {
            hand_out,
            next: 0,
            bytes: 0,
            actions: Vec::new(),
            custom_status: None,
            events_processed: None,
            trace: None,
        }
    }

    /// What stands once in an answer stands in its first part; the custom status, in any.
    fn add(&mut self, part: TurnAnswer, bytes: usize) {
        if self.next == 0 {
            self.events_processed = part.events_processed;
            self.trace = part.trace;
        }
        self.custom_status = part.custom_status.or(self.custom_status.take());
        self.actions.extend(part.actions);
        self.bytes += bytes;
        self.next += 1;
    }

    fn whole(self) -> TurnAnswer {
        TurnAnswer {
            actions: self.actions,
            custom_status: self.custom_status,
            events_processed: self.events_processed,
            trace: self.trace,
            ..TurnAnswer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::id::InstanceId;

    fn of(hand_out: u64) -> PartOf {
        let instance = InstanceId::parse("a").expect("an id");
        let hand_out = (Epoch::default(), HandOutId(hand_out));
        PartOf { hub: HubId(1), work: Work::Turn { instance }, hand_out }
    }

    fn part(index: i32, is_partial: bool) -> TurnAnswer {
        let actions = vec![Action { id: index, kind: None }];
        let events_processed = if index == 0 { None } else { Some(0) };
        TurnAnswer {
            actions,
            is_partial,
            chunk_index: Some(index),
            events_processed,
            ..TurnAnswer::default()
        }
    }

    fn ids(joined: Joined) -> Vec<i32> {
        match joined {
            Joined::Whole(answer, _) => answer.actions.iter().map(|action| action.id).collect(),
            other => panic!("not whole: {other:?}"),
        }
    }

    #[test]
    fn parts_become_one_answer_with_the_last_one() {
        let parts = Parts::default();
        assert_eq!(parts.join(of(1), part(0, true), 10), Joined::Waiting);
        assert_eq!(parts.join(of(1), part(1, true), 10), Joined::Waiting);
        let Joined::Whole(answer, bytes) = parts.join(of(1), part(2, false), 10) else { panic!("not whole") };
        assert_eq!((answer.actions.len(), answer.events_processed, bytes), (3, None, 30));
        assert!(!parts.has(&of(1)));
    }

    #[test]
    fn a_repeated_part_counts_once_and_a_missing_one_breaks_the_answer() {
        let parts = Parts::default();
        assert_eq!(parts.join(of(1), part(0, true), 10), Joined::Waiting);
        assert_eq!(parts.join(of(1), part(0, true), 10), Joined::Waiting);
        assert_eq!(ids(parts.join(of(1), part(1, false), 10)), [0, 1]);
        assert!(matches!(parts.join(of(1), part(1, false), 10), Joined::Broken(_)));
    }

    #[test]
    fn a_new_delivery_discards_the_parts_of_the_one_before() {
        let parts = Parts::default();
        assert_eq!(parts.join(of(1), part(0, true), 10), Joined::Waiting);
        assert_eq!(parts.join(of(2), part(0, true), 10), Joined::Waiting);
        assert!(!parts.has(&of(1)) && parts.has(&of(2)));
        assert_eq!(ids(parts.join(of(2), part(1, false), 10)), [0, 1]);
    }

    #[test]
    fn answers_beyond_a_turns_bound_are_given_up() {
        let parts = Parts::default();
        assert_eq!(parts.join(of(1), part(0, true), TURN_BYTES_MAX), Joined::Waiting);
        assert_eq!(parts.join(of(1), part(1, true), 1), Joined::TooLarge(TURN_BYTES_MAX + 1));
        assert_eq!(parts.0.lock().expect("no panic").bytes, 0);
    }

    #[test]
    fn the_oldest_unfinished_answers_give_way() {
        let parts = Parts::default();
        for number in 0..5 {
            let instance = InstanceId::parse(&format!("a{number}")).expect("an id");
            let hand_out = (Epoch::default(), HandOutId(9 - number));
            let of = PartOf { hub: HubId(1), work: Work::Turn { instance }, hand_out };
            assert_eq!(parts.join(of, part(0, true), TURN_BYTES_MAX), Joined::Waiting);
        }
        let inside = parts.0.lock().expect("no panic");
        assert_eq!((inside.bytes, inside.pending.len()), (BYTES_MAX, 4));
        assert!(inside.pending.values().any(|pending| pending.hand_out.1 == HandOutId(9)));
    }
}
