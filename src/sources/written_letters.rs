//! The dead letters that earlier runs have written: a start that reads their records again writes none of them twice.

use super::Positions;
use crate::event_log::Partition;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The letters of records that are read again, by the places of these.
#[derive(Debug, Default)]
pub(super) struct WrittenLetters(HashMap<Partition, HashMap<i64, u64>>);

impl WrittenLetters {
    /// Adds a letter, unless its record is before the position from which its partition is read.
    pub(super) fn add(
        &mut self,
        (partition, offset): (Partition, i64),
        content: u64,
        positions: &Positions,
    ) {
        if positions.get(&partition).is_none_or(|position| *position <= offset) {
            self.0.entry(partition).or_default().insert(offset, content);
        }
    }

    /// Whether a letter of this record is there, with the same content: one of a topic that was made anew since is
    /// another. It is asked for once.
    pub(super) fn take(&mut self, partition: &Partition, offset: i64, content: u64) -> bool {
        let Some(letters) = self.0.get_mut(partition) else { return false };
        let is_there = letters.remove(&offset) == Some(content);
        if letters.is_empty() {
            self.0.remove(partition);
        }
        is_there
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }
}

/// What tells the content of a letter from that of others.
pub(super) fn content(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_known_once_and_by_its_content() {
        let partition = |index| Partition { topic: "view-events".into(), index };
        let positions = Positions::from([(partition(0), 5)]);
        let mut letters = WrittenLetters::default();
        let [cup, hat] = [b"cup", b"hat"].map(|value| content(None, Some(value)));
        for (index, offset) in [(0, 4), (0, 5), (0, 6), (1, 0)] {
            letters.add((partition(index), offset), cup, &positions);
        }
        assert_eq!(letters.len(), 3, "what is not read again is not kept");
        let mut take = |index, offset, content| letters.take(&partition(index), offset, content);
        assert!(!take(0, 4, cup) && take(0, 5, cup) && !take(0, 5, cup));
        assert!(!take(0, 6, hat), "it is another topic's");
        assert!(take(1, 0, cup));
        assert_eq!(letters.len(), 0);
    }
}
