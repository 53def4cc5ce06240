//! The verbs of the feed: tell what became of an instance, and forget what is over the bound.
//!
//! Not here: cursors and letters (`apply`).

use crate::event::FailureDetails;
use crate::limits;
use crate::partition::effect::Effect;
use crate::partition::feed::Lifecycle;
use crate::partition::feed::rows::{self, EventRow};
use crate::partition::state::State;
use crate::partition::state::instances::Instance;
use crate::partition::state::status::Ending;
use crate::payload;
use crate::rows::{Loaded, Range};

/// Events forgotten at once: many at a time, seldom.
const FORGOTTEN_AT_ONCE: u64 = 64;

impl State<'_> {
    /// Tells the feed what became of an instance; nothing where no feed is kept.
    pub(crate) fn tell(&mut self, what: Lifecycle, instance: &Instance, reason: &str) -> Loaded<()> {
        let Some(head) = self.meta.feed.as_mut().filter(|head| head.is_on()) else { return Ok(()) };
        head.last += 1;
        let (number, row) = (head.last, &instance.row);
        let told = EventRow {
            what: what.into(),
            at: self.at.into(),
            instance: instance.id.as_str().to_owned(),
            execution: row.execution.clone(),
            name: row.name.clone(),
            version: row.version.clone(),
            reason: shortened(reason),
        };
        self.tx.insert(rows::event(number), &told);
        if !self.has_told {
            self.has_told = true;
            self.effect(Effect::FeedGrew);
        }
        self.forget_oldest()
    }

    /// Tells the feed how an instance ended, and why.
    pub(crate) fn tell_end(
        &mut self,
        instance: &Instance,
        ending: Ending,
        (output, failure): (Option<&str>, Option<&FailureDetails>),
    ) -> Loaded<()> {
        match ending {
            Ending::Completed => self.tell(Lifecycle::Completed, instance, ""),
            Ending::Failed => {
                let reason = failure.map_or("", |failure| failure.error_message.as_str());
                self.tell(Lifecycle::Failed, instance, reason)
            }
            Ending::Terminated => {
                let reason = output.map(payload::shown).unwrap_or_default();
                self.tell(Lifecycle::Terminated, instance, &reason)
            }
        }
    }

    fn forget_oldest(&mut self) -> Loaded<()> {
        let Some(head) = self.meta.feed else { return Ok(()) };
        let kept = head.last.saturating_add(1).saturating_sub(head.first);
        if kept < head.keep.saturating_add(FORGOTTEN_AT_ONCE) {
            return Ok(());
        }
        let from = head.first;
        let limit = usize::try_from(FORGOTTEN_AT_ONCE).unwrap_or(usize::MAX);
        let to = rows::event(from + FORGOTTEN_AT_ONCE);
        for (key, _) in self.tx.range(&Range { from: rows::event(from), to, limit })? {
            self.tx.remove(key)?;
        }
        if let Some(head) = &mut self.meta.feed {
            head.first = from + FORGOTTEN_AT_ONCE;
        }
        Ok(())
    }
}

fn shortened(reason: &str) -> String {
    let mut end = reason.len().min(limits::NAME_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default().to_owned()
}
