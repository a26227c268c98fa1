//! Strings to dense ids and back. A worker has its own; ids mean nothing elsewhere.

use crate::block::stable_hash;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// Hashes by [`stable_hash`]: ids come from untrusted shops, not from untrusted visitors' choice
/// of collisions, and speed matters at the door.
#[derive(Default)]
pub struct StableHasher(u64);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ stable_hash(bytes);
    }
    fn write_u8(&mut self, _terminator: u8) {}
    fn finish(&self) -> u64 {
        self.0
    }
}

/// One space of names: each string has an id, counted from 0 in order of appearance.
#[derive(Default)]
pub struct Names {
    ids: HashMap<Rc<str>, u32, BuildHasherDefault<StableHasher>>,
    texts: Vec<Rc<str>>,
}

impl Names {
    /// The id of a text, new if it has none.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = u32::try_from(self.texts.len()).expect("fewer than 2^32 names fit into memory");
        let text: Rc<str> = text.into();
        self.texts.push(text.clone());
        self.ids.insert(text, id);
        id
    }

    /// The id of a text that has one.
    pub fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The text of an id that [`Names::intern`] gave.
    pub fn text(&self, id: u32) -> &Rc<str> {
        &self.texts[id as usize]
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// A worker's spaces of names.
#[derive(Default)]
pub struct Vocabulary {
    /// Users that this worker owns.
    pub users: Names,
    /// Products that it has met.
    pub products: Names,
    /// Tags that it has met.
    pub tags: Names,
    /// Partitions whose positions it holds.
    pub partitions: Names,
}

/// The one vocabulary of a worker, shared by its operators.
pub type SharedVocabulary = Rc<RefCell<Vocabulary>>;
