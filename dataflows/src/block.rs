//! Events as blocks of bytes: what crosses between workers, one block per owner.
//!
//! An event is `kind u8, tags u8, time i64`, then user, product, category, session, id and the
//! tags, each as `length u16, bytes`; integers are little-endian. A block is events end to end.

use crate::event::{Event, Kind};
use serde::{Deserialize, Serialize};

/// The worker, of `peers`, that owns a key. Stable across processes, versions and machines.
pub fn owner(key: &str, peers: usize) -> usize {
    // The remainder is below `peers`, so it fits.
    usize::try_from(stable_hash(key.as_bytes()) % peers.max(1) as u64).unwrap_or(0)
}

/// A stable hash: differential's own changes its seed between versions, so none of it may be kept.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ (bytes.len() as u64).wrapping_mul(PRIME);
    for chunk in bytes.chunks(8) {
        let mut word = [0_u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(PRIME);
        hash ^= hash >> 29;
    }
    // The last step spreads the high bits: owners are taken from the remainder.
    hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ (hash >> 32)
}

/// Events end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    bytes: Vec<u8>,
    events: u32,
}

impl Block {
    /// An empty block with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Block {
        Block { bytes: Vec::with_capacity(bytes), events: 0 }
    }

    /// How many events it holds.
    pub fn events(&self) -> usize {
        self.events as usize
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Appends an event, whose texts and tags are within [`Event`]'s limits.
    pub fn push(&mut self, event: &Event<'_>) {
        let tags = u8::try_from(event.tags.len()).expect("the parser holds events to MAX_TAGS");
        self.bytes.push(event.kind as u8);
        self.bytes.push(tags);
        self.bytes.extend_from_slice(&event.time.to_le_bytes());
        for text in [event.user, event.product, event.category, event.session, event.id] {
            self.push_text(text);
        }
        for tag in &event.tags {
            self.push_text(tag);
        }
        self.events += 1;
    }

    fn push_text(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("the parser holds texts to MAX_TEXT");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Shows every event, in order.
    pub fn for_each(&self, mut show: impl FnMut(&Event<'_>)) {
        let mut rest = self.bytes.as_slice();
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (kind, count) = (rest[0], rest[1]);
            let time = i64::from_le_bytes(rest[2..10].try_into().expect("eight bytes"));
            rest = &rest[10..];
            let [user, product, category, session, id] = std::array::from_fn(|_| text(&mut rest));
            tags.extend((0..count).map(|_| text(&mut rest)));
            let kind = Kind::from_index(kind.into()).expect("push wrote a kind");
            let mut event = Event { kind, time, user, product, category, session, id, tags };
            show(&event);
            event.tags.clear();
            tags = event.tags;
        }
    }
}

fn text<'a>(rest: &mut &'a [u8]) -> &'a str {
    let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
    let text = std::str::from_utf8(&rest[2..2 + length]).expect("push wrote UTF-8");
    *rest = &rest[2 + length..];
    text
}
