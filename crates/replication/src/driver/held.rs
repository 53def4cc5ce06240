//! Things that wait until the disk has answered for an output.
//!
//! Not here: which output a thing depends on (`collect`). What is held leaves in the order in which
//! it was put in.

use std::collections::VecDeque;

/// A queue of things, each with the number of the output that must be durable first.
#[derive(Debug)]
pub(super) struct Held<T>(VecDeque<(u64, T)>);

impl<T> Held<T> {
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Holds `thing` until output `after` is durable; 0 waits for nothing.
    pub(super) fn hold(&mut self, after: u64, thing: T) {
        self.0.push_back((after, thing));
    }

    /// The next thing that waits for nothing beyond output `durable`.
    pub(super) fn next(&mut self, durable: u64) -> Option<T> {
        if self.0.front().is_some_and(|(after, _)| *after > durable) {
            return None;
        }
        self.0.pop_front().map(|(_, thing)| thing)
    }

    /// Drops what is not to leave any more.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.0.retain(|(_, thing)| keep(thing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_what_was_held_before_it() {
        let mut held = Held::new();
        held.hold(2, 'a');
        held.hold(1, 'b');
        assert_eq!(held.next(1), None);
        assert_eq!((held.next(2), held.next(2), held.next(2)), (Some('a'), Some('b'), None));
    }
}
