//! The latest events, as the blocks that brought them.

use crate::Time;
use crate::block::Block;
use crate::event::{Event, Kind};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An event with its texts owned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedEvent {
    /// What was done.
    pub kind: Kind,
    /// When, in milliseconds since the Unix epoch.
    pub time: i64,
    /// By whom.
    pub user: String,
    /// With what.
    pub product: String,
    /// The product's category, or "".
    pub category: String,
    /// The visit, or "".
    pub session: String,
    /// The event's own id, or "".
    pub id: String,
    /// The tags that the event itself brought.
    pub tags: Vec<String>,
}

impl From<&Event<'_>> for OwnedEvent {
    fn from(event: &Event<'_>) -> OwnedEvent {
        OwnedEvent {
            kind: event.kind,
            time: event.time,
            user: event.user.into(),
            product: event.product.into(),
            category: event.category.into(),
            session: event.session.into(),
            id: event.id.into(),
            tags: event.tags.iter().map(|&tag| tag.into()).collect(),
        }
    }
}

/// The last blocks that a worker has taken in: at least [`Recent::EVENTS`] events, if there were.
#[derive(Default)]
pub struct Recent {
    blocks: VecDeque<(Time, Block)>,
    events: usize,
}

impl Recent {
    /// How many events are surely kept.
    pub const EVENTS: usize = 1000;

    /// Keeps a block, and drops those that are no longer needed.
    pub fn keep(&mut self, time: Time, block: Block) {
        self.events += block.events();
        self.blocks.push_back((time, block));
        while let Some((_, oldest)) = self.blocks.front() {
            if self.events - oldest.events() < Recent::EVENTS {
                break;
            }
            self.events -= oldest.events();
            self.blocks.pop_front();
        }
    }

    /// The newest events by their own time, as of a logical time.
    pub fn newest(&self, limit: usize, as_of: Time) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        for (_, block) in self.blocks.iter().filter(|(time, _)| *time <= as_of) {
            block.for_each(|event| events.push(OwnedEvent::from(event)));
        }
        newest_first(&mut events, limit);
        events
    }
}

/// Orders events newest first and keeps so many.
pub fn newest_first(events: &mut Vec<OwnedEvent>, limit: usize) {
    // The later in the input, the newer, where times are equal.
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    events.truncate(limit);
}
