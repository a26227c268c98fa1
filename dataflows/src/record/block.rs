//! Blocks of events, in which events are sent to the workers that own their users.

use super::event::{Event, EventType};
use serde::{Deserialize, Serialize};

/// Events column by column. All texts lie end to end in one `String`, so that UTF-8 is checked
/// once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    heads: Vec<Head>,
    /// The lengths of user, product, category, session, id and the tags of each event.
    lengths: Vec<u16>,
    texts: String,
    /// When records were written that count for freshness, in milliseconds, and how many consecutive
    /// events share that time.
    written: Vec<(i64, u32)>,
    /// The newest time for the event clock, in milliseconds since the Unix epoch.
    newest: i64,
    /// Whether any event has an id.
    has_ids: bool,
}

/// The fields of an event beside its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    time: i64,
    recorded: u32,
    event_type: EventType,
    tags: u8,
}

impl Block {
    /// An empty block with capacity for as much as another holds.
    pub fn with_capacity_of(other: &Block) -> Block {
        Block {
            heads: Vec::with_capacity(other.heads.len()),
            lengths: Vec::with_capacity(other.lengths.len()),
            texts: String::with_capacity(other.texts.len()),
            written: Vec::with_capacity(other.written.len()),
            newest: 0,
            has_ids: false,
        }
    }

    /// The number of events.
    pub fn events(&self) -> usize {
        self.heads.len()
    }

    /// The size in bytes, about.
    pub fn len(&self) -> usize {
        size_of_val(&self.heads[..]) + size_of_val(&self.lengths[..]) + self.texts.len()
    }

    /// The bytes that were allocated for it.
    pub fn allocated(&self) -> usize {
        let heads = size_of::<Head>() * self.heads.capacity();
        let lengths = size_of::<u16>() * self.lengths.capacity();
        let written = size_of::<(i64, u32)>() * self.written.capacity();
        heads + lengths + written + self.texts.capacity()
    }

    /// True without any event.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The newest time that was noted for the event clock, in milliseconds since the Unix epoch.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// When the first and the last of the records were written, as far as that was noted, or else when the events
    /// happened; in milliseconds since the Unix epoch.
    pub fn span(&self) -> Option<(i64, i64)> {
        let written = self.written.iter().map(|(time, _)| *time);
        let happened = self.heads.iter().map(|head| head.time);
        let happened = happened.take(if self.written.is_empty() { usize::MAX } else { 0 });
        written.chain(happened).fold(None, |span, time| {
            let (first, last) = span.unwrap_or((time, time));
            Some((time.min(first), time.max(last)))
        })
    }

    /// Whether any event has an id of its own.
    pub fn has_ids(&self) -> bool {
        self.has_ids
    }

    /// The block with those events only for which `keep` holds, which is called for each in order. All that
    /// was noted stays.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Event<'_>) -> bool) -> Block {
        let mut kept = Block::with_capacity_of(self);
        self.for_each(|event| {
            if keep(event) {
                kept.push(event);
            }
        });
        Block { written: self.written.clone(), newest: self.newest, ..kept }
    }

    /// Moves the event clock on to the time of an event, which is never ahead of when its record was
    /// written.
    pub fn note_clock(&mut self, time: i64) {
        self.newest = self.newest.max(time);
    }

    /// Appends an event.
    ///
    /// # Panics
    /// If a text or the tags exceed [`Event`]'s limits, to which the parser holds them.
    pub fn push(&mut self, event: &Event<'_>) {
        self.push_as(event.user, event.session, event);
    }

    /// Appends an event in the name of another user, and of another session, as [`Block::push`] does.
    pub fn push_as(&mut self, user: &str, session: &str, event: &Event<'_>) {
        let tags = u8::try_from(event.tags.len()).expect("the parser holds events to MAX_TAGS");
        let Event { time, recorded, event_type, .. } = *event;
        self.heads.push(Head { time, recorded, event_type, tags });
        self.has_ids |= !event.id.is_empty();
        for text in [user, event.product, event.category, session, event.id] {
            self.push_text(text);
        }
        for tag in &event.tags {
            self.push_text(tag);
        }
    }

    /// Notes when the last event's record was written, in milliseconds since the Unix epoch.
    pub fn note_written(&mut self, time: i64) {
        match self.written.last_mut() {
            Some((last, events)) if *last == time => *events += 1,
            _ => self.written.push((time, 1)),
        }
    }

    /// The times noted, in milliseconds since the Unix epoch, each with the number of consecutive
    /// events that share it.
    pub fn written(&self) -> &[(i64, u32)] {
        &self.written
    }

    fn push_text(&mut self, text: &str) {
        self.lengths.push(u16::try_from(text.len()).expect("the parser holds texts to MAX_TEXT"));
        self.texts.push_str(text);
    }

    /// Calls `each` with every event, in order.
    pub fn for_each<'a>(&'a self, mut each: impl FnMut(&Event<'a>)) {
        let (mut rest, mut lengths) = (self.texts.as_str(), self.lengths.iter());
        let mut text = || {
            let length = *lengths.next().expect("push wrote a length for each text");
            let (text, after) = rest.split_at(length.into());
            rest = after;
            text
        };
        let mut buffer = Vec::new();
        for &Head { time, recorded, event_type, tags } in &self.heads {
            let [user, product, category, session, id] = std::array::from_fn(|_| text());
            buffer.extend((0..tags).map(|_| text()));
            let tags = buffer;
            let mut event =
                Event { event_type, time, user, product, category, session, id, tags, recorded };
            each(&event);
            event.tags.clear();
            buffer = event.tags;
        }
    }
}
