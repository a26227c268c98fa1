//! Drops copies of events: an `eventId` counts once by user and id, within a window of the times at which
//! records were written.
//!
//! Of several copies the first counts, by logical time, so a block that has ids waits until its time is
//! complete. All others pass at once.

use crate::held::Size;
use crate::inputs::Blocks;
use crate::record::block::Block;
use crate::record::event::Event;
use crate::time::{EventClock, Time};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// The input of one time, held until the time is complete.
struct Epoch {
    capability: Capability<Time>,
    blocks: Vec<(usize, Block)>,
}

/// Exchanges blocks to the owners of their users, and drops copies of events there: those for which one of
/// the same user and id, written at most `window` hours before or after, has been counted. `copies`
/// counts them. What no record that is left to read can be a copy of is forgotten.
///
/// ```text
/// events.filter(|event| event.id == "" or counted.none(|other|
///     (other.user, other.id) == (event.user, event.id) and |other.recorded - event.recorded| <= window))
/// ```
pub fn unique<'scope>(
    blocks: Blocks<'scope>,
    oldest: Stream<'scope, Time, Vec<u32>>,
    window: u32,
    copies: Rc<Cell<u64>>,
    held: Rc<Cell<Size>>,
) -> Blocks<'scope> {
    let scope = blocks.scope();
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let mut builder = OperatorBuilder::new("drop copies".into(), scope);
    let mut blocks = builder.new_input(blocks, by_owner);
    let mut oldest = builder.new_input(oldest, Pipeline);
    let (passed, unique) = builder.new_output();
    let mut passed = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(passed);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Epoch> = BTreeMap::new();
        let mut clock = EventClock::default();
        let mut counted = Counted::new(window);
        move |frontiers| {
            let mut passed = passed.activate();
            blocks.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let has_ids = || blocks.iter().any(|(_, block)| block.has_ids());
                // Blocks of one time stay in their order.
                if waiting.contains_key(&time) || window > 0 && has_ids() {
                    let capability = capability.retain_least(0).expect("data has a time");
                    let new = || Epoch { capability, blocks: Vec::new() };
                    waiting.entry(time).or_insert_with(new).blocks.append(blocks);
                } else {
                    passed.session(&capability).give_container(blocks);
                }
            });
            oldest.for_each(|capability, hours| {
                let time = *capability.least().expect("data has a time");
                hours.drain(..).for_each(|hour| clock.set(time, hour));
            });
            let is_open = |time: &Time| frontiers.iter().any(|frontier| frontier.less_equal(time));
            while let Some(first) = waiting.first_entry().filter(|first| !is_open(first.key())) {
                let Epoch { capability, blocks } = first.remove();
                let unique = blocks.into_iter().map(|(owner, block)| {
                    let (block, dropped) = counted.without_copies(block);
                    copies.set(copies.get() + dropped);
                    (owner, block)
                });
                passed.session(&capability).give_iterator(unique);
            }
            // Everything that was read before has been looked at.
            let open = frontiers.iter().flat_map(|frontier| frontier.frontier().first().copied());
            let open = open.min().unwrap_or(Time::MAX);
            counted.forget(clock.at(open.saturating_sub(1)));
            clock.forget_before(open);
            held.set(counted.size());
        }
    });
    unique
}

/// The users and ids of the events that were counted.
struct Counted {
    window: u32,
    /// By the hour in which their records were written, hashes of users and ids. They have 128 bits, so that
    /// no two are equal by chance.
    by_hour: BTreeMap<u32, HashTable<[u64; 2]>>,
    /// Keyed at random: nobody can make another's id look like a copy.
    hashers: [DefaultHashBuilder; 2],
}

impl Counted {
    fn new(window: u32) -> Counted {
        Counted { window, by_hour: BTreeMap::new(), hashers: Default::default() }
    }

    /// The block without its copies, and their number.
    fn without_copies(&mut self, block: Block) -> (Block, u64) {
        let mut copies = 0;
        let mut are_new = Vec::with_capacity(block.events());
        block.for_each(|event| {
            let is_new = event.id.is_empty() || self.is_new(event);
            copies += u64::from(!is_new);
            are_new.push(is_new);
        });
        if copies == 0 {
            return (block, 0);
        }
        let mut are_new = are_new.into_iter();
        (block.filtered(|_| are_new.next() == Some(true)), copies)
    }

    /// Counts an event, unless it is a copy of one that was.
    fn is_new(&mut self, event: &Event<'_>) -> bool {
        let key = self.hashers.each_ref().map(|hasher| hasher.hash_one((event.user, event.id)));
        let (hour, window) = (event.recorded, self.window);
        let near = hour.saturating_sub(window)..=hour.saturating_add(window);
        let is_there =
            |keys: &HashTable<[u64; 2]>| keys.find(key[0], |other| *other == key).is_some();
        if self.by_hour.range(near).any(|(_, keys)| is_there(keys)) {
            return false;
        }
        self.by_hour.entry(hour).or_default().insert_unique(key[0], key, |key| key[0]);
        true
    }

    /// Forgets what no record can be a copy of, if none that was written before an hour is left to read. An
    /// hour more is kept, as producers' clocks differ.
    fn forget(&mut self, oldest: u32) {
        let first = oldest.saturating_sub(self.window + 1);
        while self.by_hour.first_key_value().is_some_and(|(hour, _)| *hour < first) {
            self.by_hour.pop_first();
        }
    }

    fn size(&self) -> Size {
        Size {
            records: self.by_hour.values().map(HashTable::len).sum(),
            bytes: self.by_hour.values().map(HashTable::allocation_size).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Kind;

    fn event<'a>(user: &'a str, id: &'a str, recorded: u32) -> Event<'a> {
        Event {
            kind: Kind::View,
            time: 0,
            user,
            product: "p",
            category: "",
            session: "",
            id,
            tags: Vec::new(),
            recorded,
        }
    }

    #[test]
    fn a_copy_is_of_the_same_user_and_id_and_written_within_the_window() {
        let mut counted = Counted::new(2);
        let mut is_new = |user, id, recorded| counted.is_new(&event(user, id, recorded));
        assert!(is_new("u", "e", 10));
        assert!(!is_new("u", "e", 10) && !is_new("u", "e", 12) && !is_new("u", "e", 8));
        assert!(is_new("v", "e", 10) && is_new("u", "f", 10) && is_new("ue", "", 10));
        // What was dropped starts no window of its own.
        assert!(is_new("u", "e", 13) && !is_new("u", "e", 14) && is_new("u", "e", 7));
    }

    #[test]
    fn what_no_record_can_be_a_copy_of_is_forgotten() {
        let mut counted = Counted::new(1);
        for hour in 0..1000 {
            for id in 0..100 {
                assert!(counted.is_new(&event("u", &format!("{hour}-{id}"), hour)));
            }
            counted.forget(hour);
            assert!(!counted.is_new(&event("u", &format!("{}-7", hour.saturating_sub(1)), hour)));
            assert!(counted.size().records <= 300);
        }
        assert!(counted.size().bytes < 20_000, "{:?}", counted.size());
    }

    #[test]
    fn a_block_without_its_copies_keeps_the_rest_as_it_is() {
        let mut block = Block::default();
        for id in ["a", "", "a", "b", "", "b", "c"] {
            block.push(&event("u", id, 5));
        }
        block.note_clock(77);
        block.note_written(78);
        let mut counted = Counted::new(1);
        let (unique, copies) = counted.without_copies(block.clone());
        let mut ids = String::new();
        unique.for_each(|event| ids += &format!("{},", event.id));
        assert_eq!((&*ids, copies), ("a,,b,,c,", 2));
        assert_eq!((unique.newest(), unique.written()), (77, block.written()));
    }
}
