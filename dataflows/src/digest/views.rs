//! The digests of a worker's views as of any time that questions may still ask about.

use super::hash::{Counted, Digest, Hash, RowSums};
use super::rows::{DigestedView, NameHashes, Names};
use crate::arrange::packed::Batch;
use crate::held::Size;
use crate::ids::dictionary::Dictionaries;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::collections::BTreeMap;

/// A digest for each of [`DigestedView::ALL`].
type Sums = [Digest; DigestedView::ALL.len()];

/// The digests of the rows that one worker has, by logical time. Each batch of a view is added before its
/// times are complete.
#[derive(Default)]
pub(crate) struct Digests {
    views: Vec<DigestedView>,
    /// As of the time before all changes.
    before: Sums,
    changes: BTreeMap<Time, Sums>,
    /// As of times that are remembered.
    remembered: BTreeMap<Time, Option<Sums>>,
    hashes: NameHashes,
    /// A buffer: the hashes of a batch's keys.
    keys: Vec<Hash>,
}

impl Digests {
    /// Begins the digest of a view.
    pub(crate) fn keep(&mut self, view: DigestedView) {
        self.views.push(view);
    }

    /// Adds a batch of a view: `keys` hashes keys, and `value` ends a row with a value.
    pub(crate) fn add<V: ExchangeData, R: ExchangeData + Semigroup + Copy + Counted>(
        &mut self,
        view: DigestedView,
        batch: &Batch<V, R>,
        dictionaries: &Dictionaries,
        keys: impl Fn(&mut Names<'_>, &[u32], &mut Vec<Hash>),
        value: impl Fn(Hash, &V, &mut Names<'_>) -> Hash,
    ) {
        let mut names = Names { hashes: &mut self.hashes, dictionaries };
        // All keys first, whose names' memory is waited for together.
        self.keys.clear();
        keys(&mut names, batch.keys(), &mut self.keys);
        // The rows of one time often follow each other.
        let (mut last, mut sums) = (None, RowSums::default());
        let mut cursor = batch.cursor();
        let changes = &mut self.changes;
        let mut add_up = |time: Option<Time>, sums: RowSums| {
            if let Some(time) = time {
                changes.entry(time).or_default()[view as usize] += sums.digest();
            }
        };
        for &key in &self.keys {
            let row = view.row(key);
            while let Some(val) = cursor.get_val(batch) {
                let row = value(row, val, &mut names);
                cursor.map_times(batch, |&time, &counts| {
                    if last != Some(time) {
                        add_up(last.replace(time), std::mem::take(&mut sums));
                    }
                    sums.add(row, counts);
                });
                cursor.step_val(batch);
            }
            cursor.step_key(batch);
        }
        add_up(last, sums);
    }

    /// The hashes of names that are kept.
    pub(crate) fn names(&self) -> Size {
        self.hashes.size()
    }

    /// Remembers the digests as of a time that is not forgotten yet.
    pub(crate) fn remember(&mut self, time: Time) {
        self.remembered.entry(time).or_default();
    }

    /// The digests of the views that are kept, as of a time.
    pub(crate) fn at(&self, time: Time) -> Vec<(DigestedView, Digest)> {
        let remembered = self.remembered.get(&time).copied().flatten();
        let mut sums = remembered.unwrap_or(self.before);
        if remembered.is_some() {
            return self.kept(sums);
        }
        for (_, changes) in self.changes.range(..=time) {
            add_all(&mut sums, changes);
        }
        self.kept(sums)
    }

    /// The digests as of a time that was remembered, which ends with this.
    pub(crate) fn take(&mut self, time: Time) -> Vec<(DigestedView, Digest)> {
        let digests = self.at(time);
        self.remembered.remove(&time);
        digests
    }

    fn kept(&self, sums: Sums) -> Vec<(DigestedView, Digest)> {
        let kept = DigestedView::ALL.into_iter().filter(|view| self.views.contains(view));
        kept.map(|view| (view, sums[view as usize])).collect()
    }

    /// Forgets the changes that [`Digests::at`] needs only for earlier times than this.
    pub(crate) fn forget_before(&mut self, time: Time) {
        for (&at, sums) in self.remembered.range_mut(..time).filter(|(_, sums)| sums.is_none()) {
            let mut then = self.before;
            for (_, changes) in self.changes.range(..=at) {
                add_all(&mut then, changes);
            }
            *sums = Some(then);
        }
        while let Some(first) = self.changes.first_entry().filter(|first| *first.key() <= time) {
            add_all(&mut self.before, &first.remove());
        }
    }
}

fn add_all(sums: &mut Sums, others: &Sums) {
    sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += *other);
}
