//! The latest events of a worker, in their blocks.

use crate::held::Size;
use crate::record::block::Block;
use crate::record::event::{Event, OwnedEvent};
use crate::time::Time;
use std::collections::VecDeque;
use std::rc::Rc;

/// The last blocks of a worker, by logical time: at least [`Recent::EVENTS`] events, or all.
#[derive(Default)]
pub struct Recent {
    blocks: VecDeque<(Time, Rc<Block>)>,
    events: usize,
    /// The bytes that were allocated for the blocks.
    bytes: usize,
}

impl Recent {
    /// The least number of events that are kept.
    pub const EVENTS: usize = 1000;

    /// Adds a block, and drops old ones that are not needed for [`Recent::EVENTS`] events.
    pub fn push(&mut self, time: Time, block: Rc<Block>) {
        self.events += block.events();
        self.bytes += block.allocated();
        // Times may come out of order; blocks of one time do not.
        let later = self.blocks.iter().rev().take_while(|(other, _)| *other > time).count();
        self.blocks.insert(self.blocks.len() - later, (time, block));
        while let Some((_, oldest)) = self.blocks.front() {
            if self.events - oldest.events() < Recent::EVENTS {
                break;
            }
            self.events -= oldest.events();
            self.bytes -= oldest.allocated();
            self.blocks.pop_front();
        }
    }

    /// Drops all events that are not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&Event<'_>) -> bool) {
        for (_, block) in &mut self.blocks {
            let mut has_all = true;
            block.for_each(|event| has_all &= is_kept(event));
            if !has_all {
                let rest = block.filtered(&is_kept);
                self.events -= block.events() - rest.events();
                self.bytes = self.bytes - block.allocated() + rest.allocated();
                *block = Rc::new(rest);
            }
        }
    }

    /// The size of what is kept.
    pub fn size(&self) -> Size {
        Size { records: self.events, bytes: self.bytes }
    }

    /// The newest `limit` events by their own time, of those that may be shown, as of a logical time; if another one is
    /// given, only what came in after it.
    pub fn newest(
        &self,
        limit: usize,
        after: Option<Time>,
        as_of: Time,
        mut is_shown: impl FnMut(&Event<'_>) -> bool,
    ) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        let came = |time: &Time| *time <= as_of && after.is_none_or(|after| after < *time);
        for (_, block) in self.blocks.iter().filter(|(time, _)| came(time)) {
            block.for_each(|event| {
                if is_shown(event) {
                    events.push(OwnedEvent::from(event));
                }
            });
        }
        newest_first(&mut events, limit);
        events
    }
}

/// Orders events newest first and keeps `limit` of them.
pub fn newest_first(events: &mut Vec<OwnedEvent>, limit: usize) {
    // Of equal times, the later in the input is the newer.
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    events.truncate(limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Kind;

    /// A block of events at the times `first`, `first + 1` and so on, which are also their ids.
    fn block(first: usize, events: usize) -> Block {
        let mut block = Block::default();
        for time in first..first + events {
            let id = time.to_string();
            block.push(&Event {
                event_type: Kind::View.into(),
                time: i64::try_from(time).expect("it is small"),
                user: "u",
                product: "p",
                category: "",
                session: "",
                id: &id,
                tags: Vec::new(),
                recorded: 0,
            });
        }
        block
    }

    /// Pushes blocks of these sizes, one at each time from 1 on, and reads as of a time: `newest`
    /// must be the first, and there must be `events` in all.
    fn check(sizes: &[usize], as_of: Time, newest: Option<usize>, events: usize) {
        let mut recent = Recent::default();
        let mut first = 0;
        for (time, &size) in (1..).zip(sizes) {
            recent.push(time, Rc::new(block(first, size)));
            first += size;
        }
        let found = recent.newest(usize::MAX, None, as_of, |_| true);
        let expected = newest.into_iter().flat_map(|newest| (0..=newest).rev()).take(events);
        assert!(found.iter().map(|event| event.id.clone()).eq(expected.map(|id| id.to_string())));
        assert_eq!(found.len(), events, "{sizes:?} as of {as_of}");
    }

    #[test]
    fn events_that_are_not_to_be_kept_are_dropped() {
        let mut recent = Recent::default();
        for (time, user) in [(1, "ann"), (2, "bob"), (3, "ann")] {
            let mut events = Block::default();
            block(time, 2).for_each(|event| events.push_as(user, "", event));
            recent.push(1, Rc::new(events));
        }
        recent.retain(|event| event.user != "ann");
        let found = recent.newest(9, None, 9, |_| true);
        assert!(found.iter().all(|event| event.user == "bob"));
        let blocks = recent.blocks.iter().map(|(_, block)| block.allocated());
        assert_eq!((found.len(), recent.size()), (2, Size { records: 2, bytes: blocks.sum() }));
    }

    #[test]
    fn what_came_in_before_is_left_out_and_what_a_checkpoint_held_is_not() {
        let mut recent = Recent::default();
        for time in 0..4 {
            recent.push(time, Rc::new(block(0, 1)));
        }
        let came = |after, as_of| recent.newest(9, after, as_of, |_| true).len();
        assert_eq!(
            [came(None, 2), came(Some(0), 2), came(Some(2), 2), came(Some(2), 9)],
            [3, 2, 0, 1]
        );
    }

    #[test]
    fn the_latest_thousand_are_kept_and_whole_blocks_are_dropped() {
        check(&[], 9, None, 0);
        check(&[10, 20], 9, Some(29), 30);
        check(&[1000], 9, Some(999), 1000);
        check(&[1, 1000], 9, Some(1000), 1000);
        check(&[1, 999], 9, Some(999), 1000);
        check(&[2, 999], 9, Some(1000), 1001);
        check(&[600, 600, 600], 9, Some(1799), 1200);
        check(&[5000, 1], 9, Some(5000), 5001);
        // Later blocks are not in an earlier answer, though they have displaced others.
        check(&[10, 20], 1, Some(9), 10);
        check(&[600, 600, 600], 2, Some(1199), 600);
        check(&[10, 20], 0, None, 0);
    }
}
