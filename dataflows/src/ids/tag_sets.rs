//! Sets of tags with dense ids. Events of one product mostly bring the same set.

use crate::held::Size;
use hashbrown::HashTable;

/// The tags of an event, or what stands in for them; with dense ids, counted from 0.
#[derive(Default)]
pub struct TagSets {
    /// The tags of all sets, end to end.
    tags: Vec<u32>,
    /// By id, the end of its tags, and whether they stand in.
    ends: Vec<(u32, bool)>,
    slots: HashTable<u32>,
    /// A buffer: the tags that are looked up, in order.
    sorted: Vec<u32>,
}

/// A set of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagSet<'a> {
    /// The tags, by id. A tag that was there twice is there twice.
    pub tags: &'a [u32],
    /// True for a stand-in: one tag, which holds until the catalogue has tags of the product.
    pub is_stand_in: bool,
}

impl TagSets {
    /// The id of a set, whose tags come in any order; a set without one gets the next.
    pub fn intern(&mut self, tags: &[u32], is_stand_in: bool) -> u32 {
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend_from_slice(tags);
        sorted.sort_unstable();
        let set = TagSet { tags: &sorted, is_stand_in };
        let hash = hash(set);
        let id = self.slots.find(hash, |&id| self.get(id) == set).copied();
        let id = id.unwrap_or_else(|| self.add(hash, set));
        self.sorted = sorted;
        id
    }

    /// The set of an id.
    #[inline]
    pub fn get(&self, id: u32) -> TagSet<'_> {
        let id = id as usize;
        let begin = id.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, is_stand_in) = self.ends[id];
        TagSet { tags: &self.tags[begin as usize..end as usize], is_stand_in }
    }

    /// The number of sets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without any set.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The sets that it has, and the bytes that they take.
    pub fn size(&self) -> Size {
        let tags = size_of::<u32>() * self.tags.capacity();
        let ends = size_of::<(u32, bool)>() * self.ends.capacity();
        Size { records: self.len(), bytes: tags + ends + self.slots.allocation_size() }
    }

    #[cold]
    fn add(&mut self, hash: u64, set: TagSet<'_>) -> u32 {
        let id = u32::try_from(self.ends.len()).expect("a worker knows at most 2^32 sets of tags");
        self.tags.extend_from_slice(set.tags);
        let end = u32::try_from(self.tags.len()).expect("sets have at most 2^32 tags in all");
        self.ends.push((end, set.is_stand_in));
        let (tags, ends) = (&self.tags, &self.ends);
        let hash_of = |&id: &u32| {
            let id = id as usize;
            let begin = id.checked_sub(1).map_or(0, |before| ends[before].0);
            let (end, is_stand_in) = ends[id];
            self::hash(TagSet { tags: &tags[begin as usize..end as usize], is_stand_in })
        };
        self.slots.insert_unique(hash, id, hash_of);
        id
    }
}

/// Ids are dense and chosen by us, so that multiplications hash them well enough.
fn hash(set: TagSet<'_>) -> u64 {
    let mix = |hash: u64, tag: &u32| {
        let hash = (hash ^ u64::from(*tag)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^ (hash >> 32)
    };
    set.tags.iter().fold(u64::from(set.is_stand_in), mix)
}

#[cfg(test)]
mod tests {
    use super::{TagSet, TagSets};
    use proptest::prelude::{any, proptest};
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn equal_sets_and_no_others_have_one_id(
            sets in proptest::collection::vec((proptest::collection::vec(0_u32..5, 0..4), any::<bool>()), 0..200),
        ) {
            let (mut interned, mut ids) = (TagSets::default(), HashMap::new());
            for (tags, is_stand_in) in sets {
                let id = interned.intern(&tags, is_stand_in);
                let mut tags = tags;
                tags.sort_unstable();
                assert_eq!(interned.get(id), TagSet { tags: &tags, is_stand_in });
                assert_eq!(*ids.entry((tags, is_stand_in)).or_insert(id), id);
            }
            assert_eq!(ids.len(), interned.len());
        }
    }
}
