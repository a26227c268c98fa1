//! Strings to dense ids and back. A worker has its own; ids mean nothing elsewhere.

use crate::ids::hash::stable_hash;
use std::cell::RefCell;
use std::rc::Rc;

/// One space of names: each string has an id, counted from 0 in order of appearance.
///
/// The texts lie end to end, and an open-addressing table leads to them: eight bytes a slot, of
/// which half are hash, so that a text is compared only where it almost surely is the same. A
/// lookup touches three lines of memory, and a name costs some 30 bytes beside its text.
///
/// The hash is the same everywhere, so whoever may choose names can make them collide; ids are
/// the shop's, not its visitors'.
pub struct Dictionary {
    /// All texts, end to end.
    texts: String,
    /// By id, where a text ends, which is where the next one begins.
    ends: Vec<usize>,
    /// A power of two, of which at most three in four are taken. A slot's home is told by the high
    /// bits of its hash; one whose home was taken lies in the next free slot.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
}

impl Slot {
    /// No name has this id: its end could not be kept.
    const FREE: Slot = Slot { hash: 0, id: u32::MAX };

    fn is_free(self) -> bool {
        self.id == Slot::FREE.id
    }
}

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary { texts: String::new(), ends: Vec::new(), slots: vec![Slot::FREE; 16] }
    }
}

impl Dictionary {
    /// The id of a text, new if it has none.
    #[inline]
    pub fn intern(&mut self, text: &str) -> u32 {
        self.intern_hashed(hash(text), text)
    }

    /// The ids of texts, in their order, as [`Dictionary::intern`] would give them.
    ///
    /// A lookup waits for memory three times, for the slot, for where its text lies, and for the
    /// text. Step by step over some texts at once, these waits overlap.
    pub fn intern_all(&mut self, texts: &[&str], ids: &mut Vec<u32>) {
        const AT_ONCE: usize = 32;
        ids.clear();
        for texts in texts.chunks(AT_ONCE) {
            let mut found = [(0, Slot::FREE); AT_ONCE];
            for (found, text) in found.iter_mut().zip(texts) {
                found.0 = hash(text);
            }
            for (hash, slot) in &mut found[..texts.len()] {
                *slot = self.slots[self.home(*hash)];
            }
            let mut spans = [(0, 0); AT_ONCE];
            for (span, (hash, slot)) in spans.iter_mut().zip(&found) {
                if slot.hash == *hash && !slot.is_free() {
                    *span = self.span(slot.id);
                }
            }
            for ((text, (hash, slot)), (start, end)) in texts.iter().zip(found).zip(spans) {
                // An empty span is no guess, or that of the empty text: both are looked up anew.
                let right =
                    start < end && same(&self.texts.as_bytes()[start..end], text.as_bytes());
                ids.push(if right { slot.id } else { self.intern_hashed(hash, text) });
            }
        }
    }

    fn intern_hashed(&mut self, hash: u32, text: &str) -> u32 {
        self.find(hash, text).unwrap_or_else(|free| self.add(hash, text, free))
    }

    /// The id of a text that has one.
    pub fn id(&self, text: &str) -> Option<u32> {
        self.find(hash(text), text).ok()
    }

    /// The text of an id that [`Dictionary::intern`] gave.
    #[inline]
    pub fn text(&self, id: u32) -> &str {
        let (start, end) = self.span(id);
        &self.texts[start..end]
    }

    #[inline]
    fn span(&self, id: u32) -> (usize, usize) {
        let id = id as usize;
        (id.checked_sub(1).map_or(0, |before| self.ends[before]), self.ends[id])
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A text's id, or the free slot where it belongs.
    #[inline]
    fn find(&self, hash: u32, text: &str) -> Result<u32, usize> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot.is_free() {
                return Err(at);
            }
            if slot.hash == hash && self.text(slot.id) == text {
                return Ok(slot.id);
            }
            at = self.after(at);
        }
    }

    #[cold]
    fn add(&mut self, hash: u32, text: &str, free: usize) -> u32 {
        let id = u32::try_from(self.ends.len()).expect("fewer than 2^32 names fit into memory");
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        self.slots[free] = Slot { hash, id };
        if self.ends.len() * 4 > self.slots.len() * 3 {
            self.grow();
        }
        id
    }

    /// Twice the slots. Homes go up with the hash, so that old and new are walked in order.
    fn grow(&mut self) {
        let twice = vec![Slot::FREE; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, twice) {
            if !slot.is_free() {
                let mut at = self.home(slot.hash);
                while !self.slots[at].is_free() {
                    at = self.after(at);
                }
                self.slots[at] = slot;
            }
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        // Below the number of slots, as the hash is below 2^32.
        (hash as usize * self.slots.len()) >> 32
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

/// The high half: the low bits of all that a worker owns are alike, for they decided the owner.
#[inline]
fn hash(text: &str) -> u32 {
    // 32 bits are left.
    u32::try_from(stable_hash(text.as_bytes()) >> 32).unwrap_or(u32::MAX)
}

/// Whether two texts are the same. Dictionary are short: a call would cost more than comparing does.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    let (words, rest) = one.as_chunks();
    let (others, others_rest) = other.as_chunks();
    let differ =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*one) != u64::from_le_bytes(*other);
    one.len() == other.len()
        && !words.iter().zip(others).any(differ)
        && rest.iter().zip(others_rest).all(|(one, other)| one == other)
}

/// A worker's spaces of names.
#[derive(Default)]
pub struct Dictionaries {
    /// Users that this worker owns.
    pub users: Dictionary,
    /// Products that it has met.
    pub products: Dictionary,
    /// Tags that it has met.
    pub tags: Dictionary,
    /// Partitions whose positions it holds.
    pub partitions: Dictionary,
}

/// The one dictionaries of a worker, shared by its operators.
pub type SharedDictionaries = Rc<RefCell<Dictionaries>>;

#[cfg(test)]
mod tests {
    use crate::ids::dictionary::Dictionary;
    use proptest::prelude::{any, prop_oneof, proptest};
    use proptest::strategy::Strategy;
    use std::collections::HashMap;

    /// Few short names, which come again, and any others.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{0,3}", "user[0-9]{1,3}", any::<String>()]
    }

    proptest! {
        #[test]
        fn names_are_what_a_map_says(names in proptest::collection::vec(name(), 0..400)) {
            let (mut interned, mut ids) = (Dictionary::default(), HashMap::new());
            for name in &names {
                assert_eq!(interned.id(name), ids.get(name).copied());
                let new = u32::try_from(ids.len()).unwrap();
                let id = *ids.entry(name.clone()).or_insert(new);
                assert_eq!((interned.intern(name), interned.len()), (id, ids.len()));
            }
            assert_eq!(interned.is_empty(), names.is_empty());
            for (name, &id) in &ids {
                assert_eq!((interned.text(id), interned.id(name)), (name.as_str(), Some(id)));
            }
        }
    }

    #[test]
    fn many_at_once_get_the_ids_that_one_by_one_would() {
        let texts: Vec<String> =
            (0..1000).map(|number| format!("{}", number * number % 300)).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts.insert(500, "");
        let (mut names, mut one_by_one, mut ids) =
            (Dictionary::default(), Dictionary::default(), Vec::new());
        for texts in [&texts[..], &texts[..40], &[]] {
            names.intern_all(texts, &mut ids);
            let expected: Vec<_> = texts.iter().map(|text| one_by_one.intern(text)).collect();
            assert_eq!(ids, expected);
        }
    }

    #[test]
    fn names_stay_findable_while_the_table_grows() {
        let mut names = Dictionary::default();
        let text = |number: u32| format!("user-{number}");
        for number in 0..100_000 {
            assert_eq!(names.intern(&text(number)), number);
        }
        for number in 0..100_000 {
            assert_eq!(names.id(&text(number)), Some(number));
            assert_eq!(names.text(number), text(number));
        }
        assert_eq!(names.id("user-100000"), None);
        // Three in four are taken at most, so that a lookup ends soon.
        assert!(names.len() * 4 <= names.slots.len() * 3);
    }
}
