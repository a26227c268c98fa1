//! What a run stored, added up.

use dataflows::cut::capture::CutState;
use dataflows::score::counts::Counts;
use dataflows::stored::{StoredRows, StoredView, Value};
use differential_dataflow::difference::{IsZero, Semigroup};
use std::collections::BTreeMap;

/// The rows of all workers, and what else they have.
#[derive(Default)]
pub(crate) struct Stored {
    rows: BTreeMap<(StoredView, Vec<Owned>), Counts>,
    pub(crate) states: Vec<CutState>,
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owned {
    Text(String),
    Number(u64),
    Missing,
}

impl Stored {
    pub(crate) fn add(&mut self, rows: &StoredRows) {
        let view = rows.view();
        rows.for_each(|values, counts| {
            let owned = values.iter().map(|value| match *value {
                Value::Text(text) => Owned::Text(text.into()),
                Value::Number(number) => Owned::Number(number),
                Value::Missing => Owned::Missing,
            });
            self.rows.entry((view, owned.collect())).or_default().plus_equals(&counts);
        });
    }

    /// What a run begins with that goes on from here.
    pub(crate) fn sum(&self) -> Vec<StoredRows> {
        let mut sums = Sums::default();
        for ((view, values), counts) in self.rows.iter().filter(|(_, counts)| !counts.is_zero()) {
            let values: Vec<Value<'_>> = values.iter().map(Owned::borrowed).collect();
            sums.of(*view).push(&values, *counts);
        }
        for CutState { positions, newest, oldest, recent, .. } in &self.states {
            let stored = sums.of(StoredView::Recent);
            recent.iter().rev().for_each(|event| stored.push_event(event));
            for (partition, offset) in positions {
                let values = [Value::Text(partition), Value::Number(offset.cast_unsigned())];
                let stored = sums.of(StoredView::Positions);
                stored.push(&values, Counts([1, 0, 0]));
            }
            // All workers have the same.
            let hours = [newest, oldest].map(|hour| Value::Number((*hour).into()));
            let stored = sums.of(StoredView::Clock);
            if stored.is_empty() {
                stored.push(&hours, Counts([1, 0, 0]));
            }
        }
        sums.0.into_values().collect()
    }
}

/// The rows of each view.
#[derive(Default)]
struct Sums(BTreeMap<StoredView, StoredRows>);

impl Sums {
    fn of(&mut self, view: StoredView) -> &mut StoredRows {
        self.0.entry(view).or_insert_with(|| StoredRows::new(view))
    }
}

impl Owned {
    fn borrowed(&self) -> Value<'_> {
        match self {
            Owned::Text(text) => Value::Text(text),
            Owned::Number(number) => Value::Number(*number),
            Owned::Missing => Value::Missing,
        }
    }
}
