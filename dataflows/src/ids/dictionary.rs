//! Strings to dense ids and back. A worker has its own dictionaries; their ids mean nothing
//! elsewhere.

use super::tag_sets::{TagSet, TagSets};
use crate::held::Size;
use crate::time::Time;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

/// Names with dense ids, counted from 0 in order of appearance.
///
/// The texts lie end to end, and a hash table maps them to ids. Its slots hold half of the hash
/// beside the id, so a text is compared only where it almost surely is equal. A name costs about 20
/// bytes beside its text.
///
/// The hash is keyed at random, since visitors choose names (sessions are users): nobody can make
/// them collide. So nothing that must be equal on all workers may depend on it.
#[derive(Default)]
pub struct Dictionary {
    /// All texts, end to end, and those of erased names until there are too many.
    texts: String,
    /// By id, where its text is.
    spans: Vec<Span>,
    /// The ids of erased names, which are given out again.
    free: Vec<u32>,
    /// By id, how often its name has been erased; beyond the end, never.
    generations: Vec<u8>,
    /// The bytes of texts that are no name's.
    waste: usize,
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
}

/// The place of a text: where it begins, and in the lowest bits its length.
#[derive(Clone, Copy)]
struct Span(u64);

impl Span {
    const LENGTH_BITS: u32 = 16;

    fn new(start: usize, length: usize) -> Span {
        let length = u16::try_from(length).expect("no name is as long");
        Span((start as u64) << Span::LENGTH_BITS | u64::from(length))
    }

    #[inline]
    fn range(self) -> (usize, usize) {
        let start = usize::try_from(self.0 >> Span::LENGTH_BITS).unwrap_or(usize::MAX);
        (start, start + (self.0 & ((1 << Span::LENGTH_BITS) - 1)) as usize)
    }
}

/// An id, with the high half of its text's hash.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
}

impl Slot {
    /// The hash that the table uses. It needs the slot alone: no text is read when the table grows.
    #[inline]
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Dictionary {
    /// The most names that an id is given to.
    pub const MOST_NAMES: u8 = 200;

    /// The id of a text; a text without one gets the next.
    #[inline]
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = self.hash(text);
        self.find(hash, text).unwrap_or_else(|| self.add(hash, text))
    }

    /// Replaces `ids` by the ids of texts, in their order.
    ///
    /// A lookup waits for memory three times: for the slot, for the span of its text, and for the
    /// text. Taking each step for many texts at once overlaps these waits. It computes:
    ///
    /// ```text
    /// ids = texts.map(|text| self.intern(text))
    /// ```
    pub fn intern_all(&mut self, texts: &[&str], ids: &mut Vec<u32>) {
        const AT_ONCE: usize = 32;
        ids.clear();
        for texts in texts.chunks(AT_ONCE) {
            let mut hashes = [0; AT_ONCE];
            for (hash, text) in hashes.iter_mut().zip(texts) {
                *hash = self.hash(text);
            }
            let mut guesses = [None; AT_ONCE];
            for (guess, &hash) in guesses.iter_mut().zip(&hashes[..texts.len()]) {
                let slot = self.slots.find(Slot::spread(hash), |slot| slot.hash == hash);
                *guess = slot.map(|slot| slot.id);
            }
            let mut spans = [(0, 0); AT_ONCE];
            for (span, guess) in spans.iter_mut().zip(guesses) {
                *span = guess.map_or((0, 0), |id| self.span(id));
            }
            for (((text, hash), guess), (start, end)) in
                texts.iter().zip(hashes).zip(guesses).zip(spans)
            {
                let is_right =
                    |_: &u32| is_same(&self.texts.as_bytes()[start..end], text.as_bytes());
                // Another text may have the same hash, and a new text may occur twice in the chunk.
                let id = guess.filter(is_right).or_else(|| self.find(hash, text));
                ids.push(id.unwrap_or_else(|| self.add(hash, text)));
            }
        }
    }

    /// The id of a text; `None` if it was never interned.
    pub fn id(&self, text: &str) -> Option<u32> {
        self.find(self.hash(text), text)
    }

    /// The text of an id of this dictionary.
    #[inline]
    pub fn text(&self, id: u32) -> &str {
        let (start, end) = self.span(id);
        &self.texts[start..end]
    }

    /// Calls `each` with the text of each id, in order. It is faster than one after the other: waits for memory
    /// overlap.
    pub fn each_text<'a>(&'a self, ids: &[u32], mut each: impl FnMut(&'a str)) {
        const AT_ONCE: usize = 32;
        for ids in ids.chunks(AT_ONCE) {
            let mut spans = [(0, 0); AT_ONCE];
            for (span, &id) in spans.iter_mut().zip(ids) {
                *span = self.span(id);
            }
            for &(start, end) in &spans[..ids.len()] {
                each(&self.texts[start..end]);
            }
        }
    }

    /// Erases the text of an id: nobody finds it any more, and the id is given to the next name that is new. So nothing
    /// may name it any more. An id without a text waits for its next name already.
    pub fn erase(&mut self, id: u32) {
        let (start, end) = self.span(id);
        if start == end {
            return;
        }
        let hash = self.hash(&self.texts[start..end]);
        if let Ok(slot) = self.slots.find_entry(Slot::spread(hash), |slot| slot.id == id) {
            slot.remove();
        }
        self.texts.replace_range(start..end, &"\0".repeat(end - start));
        self.spans[id as usize] = Span::new(0, 0);
        if self.generations.len() <= id as usize {
            self.generations.resize(self.spans.len(), 0);
        }
        let generation = &mut self.generations[id as usize];
        *generation += 1;
        if *generation < Dictionary::MOST_NAMES {
            self.free.push(id);
        }
        self.waste += end - start;
        if self.texts.len() < 2 * self.waste && 4096 < self.waste {
            self.compact();
        }
    }

    /// The names that it has, and the bytes that they take.
    pub fn size(&self) -> Size {
        let spans = size_of::<Span>() * self.spans.capacity();
        let free = size_of::<u32>() * self.free.capacity() + self.generations.capacity();
        let bytes = self.texts.capacity() + spans + free + self.slots.allocation_size();
        Size { records: self.slots.len(), bytes }
    }

    /// The number of ids: all are below it.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True without any id.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many names an id had before the one that it has.
    pub fn generation(&self, id: u32) -> u8 {
        self.generations.get(id as usize).copied().unwrap_or_default()
    }

    /// The begin and the end of a text.
    #[inline]
    fn span(&self, id: u32) -> (usize, usize) {
        self.spans[id as usize].range()
    }

    #[inline]
    fn hash(&self, text: &str) -> u32 {
        // The high half.
        u32::try_from(self.hasher.hash_one(text) >> 32).unwrap_or(u32::MAX)
    }

    #[inline]
    fn find(&self, hash: u32, text: &str) -> Option<u32> {
        let is_right = |slot: &Slot| slot.hash == hash && self.text(slot.id) == text;
        self.slots.find(Slot::spread(hash), is_right).map(|slot| slot.id)
    }

    #[cold]
    fn add(&mut self, hash: u32, text: &str) -> u32 {
        let span = Span::new(self.texts.len(), text.len());
        self.texts.push_str(text);
        let id = self.free.pop().unwrap_or_else(|| {
            self.spans.push(span);
            u32::try_from(self.spans.len() - 1)
                .expect("a worker knows at most 2^32 names: run more workers")
        });
        self.spans[id as usize] = span;
        let spread = |slot: &Slot| Slot::spread(slot.hash);
        self.slots.insert_unique(Slot::spread(hash), Slot { hash, id }, spread);
        id
    }
}

impl Dictionary {
    /// Moves all texts together.
    fn compact(&mut self) {
        let mut texts = String::with_capacity(self.texts.len() - self.waste);
        for span in &mut self.spans {
            let (start, end) = span.range();
            *span = Span::new(texts.len(), end - start);
            texts.push_str(&self.texts[start..end]);
        }
        (self.texts, self.waste) = (texts, 0);
    }
}

/// Compares two texts without a call to `memcmp`, which costs more than comparing short names.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (words, rest) = one.as_chunks();
    let (others, others_rest) = other.as_chunks();
    let differ =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*one) != u64::from_le_bytes(*other);
    one.len() == other.len()
        && !words.iter().zip(others).any(differ)
        && rest.iter().zip(others_rest).all(|(one, other)| one == other)
}

/// The dictionaries of a worker.
#[derive(Default)]
pub struct Dictionaries {
    /// Users that this worker owns.
    pub users: Dictionary,
    /// Products in its events, in its catalogue or received from other workers.
    pub products: Dictionary,
    /// Tags, likewise.
    pub tags: Dictionary,
    /// The latest logical time of what users were interned for.
    pub latest: Time,
    /// Users whose names are to be erased, and whether they were interned since that was asked.
    pub watched: HashMap<u32, bool>,
    /// Sets of tags, in ids of these.
    pub tag_sets: TagSets,
    /// Partitions whose positions it holds.
    pub partitions: Dictionary,
}

impl Dictionaries {
    /// Notes that users have been interned for a logical time.
    pub fn note(&mut self, users: impl IntoIterator<Item = u32>, time: Time) {
        self.latest = self.latest.max(time);
        if !self.watched.is_empty() {
            for user in users {
                self.watched.entry(user).and_modify(|was_interned| *was_interned = true);
            }
        }
    }

    /// What they hold, by names of theirs.
    pub fn sizes(&self) -> [(&'static str, Size); 4] {
        [
            ("user_names", self.users.size()),
            ("product_names", self.products.size()),
            ("tag_names", self.tags.size()),
            ("tag_sets", self.tag_sets.size()),
        ]
    }

    /// The names of a set's tags, in order.
    pub fn tags_of(&self, tag_set: u32) -> Vec<&str> {
        let TagSet { tags, .. } = self.tag_sets.get(tag_set);
        let mut names: Vec<&str> = tags.iter().map(|&tag| self.tags.text(tag)).collect();
        names.sort_unstable();
        names
    }
}

/// The dictionaries of a worker, shared by its operators.
pub type SharedDictionaries = Rc<RefCell<Dictionaries>>;

#[cfg(test)]
mod tests {
    use crate::ids::dictionary::Dictionary;
    use proptest::prelude::{any, prop_oneof, proptest};
    use proptest::strategy::Strategy;
    use std::collections::HashMap;

    /// Few short names, which repeat, and any others.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{0,3}", "user[0-9]{1,3}", any::<String>()]
    }

    proptest! {
        #[test]
        fn a_dictionary_agrees_with_a_map(names in proptest::collection::vec(name(), 0..400)) {
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
    fn interning_many_at_once_gives_the_same_ids_as_one_by_one() {
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
    }

    #[test]
    fn what_is_erased_is_not_found_and_its_id_is_given_out_again() {
        let mut names = Dictionary::default();
        let ids = ["ann", "bob", "", "cem"].map(|text| names.intern(text));
        (0..2).for_each(|_| names.erase(ids[1]));
        assert_eq!((names.id("bob"), names.id("\0\0\0"), names.id("")), (None, None, Some(2)));
        assert!(!names.texts.contains("bob"));
        assert_eq!((names.text(ids[0]), names.text(ids[3])), ("ann", "cem"));
        assert_eq!((names.intern("dorothy"), names.intern("bob")), (1, 4));
        assert_eq!((names.text(1), names.generation(1), names.generation(4)), ("dorothy", 1, 0));
        for round in 0..100 {
            let text = |number: u32| format!("guest {}", round * 1000 + number);
            let ids: Vec<_> = (0..1000).map(|number| names.intern(&text(number))).collect();
            for (id, number) in ids.into_iter().zip(0..) {
                assert_eq!(names.text(id), text(number));
                names.erase(id);
            }
        }
        assert!(names.texts.len() < 50_000 && names.len() < 1010, "{:?}", names.size());
        assert_eq!(["ann", "", "cem"].map(|name| names.id(name)), [Some(0), Some(2), Some(3)]);
    }

    #[test]
    fn the_hash_is_keyed_at_random() {
        let dictionaries = [Dictionary::default(), Dictionary::default()];
        let hashes = dictionaries.map(|names| ["ann", "bob", "cem"].map(|text| names.hash(text)));
        assert_ne!(hashes[0], hashes[1]);
    }
}
