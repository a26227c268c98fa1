//! Rows of the views by names, as they are stored.

use crate::ids::hash::stable_hash;
use crate::record::event::OwnedEvent;
use crate::score::counts::Counts;
use columns::{ColumnType, ColumnValues, Values, values_of};
use serde::{Deserialize, Serialize};

/// What is stored: the views, and what they cannot be made from. Each has the values that are named here, in their
/// order; those with `?` may be missing, and the last may come any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StoredView {
    /// `user, tag`.
    Profile,
    /// `user, product`.
    Bought,
    /// `user, minute`.
    Activity,
    /// `user, time, product, pairs, is_guests, is_removal, is_taken, is_stand_in, tag…`.
    History,
    /// `user, origin, time, product, pairs, is_guests, is_removal, is_taken, is_stand_in, tag…`.
    MovedMoments,
    /// `user, origin, hour, tag?, product?, minute?`: one of the three.
    MovedRest,
    /// `product, partner, day, after, minutes?`; without minutes, what followed directly.
    Pairs,
    /// `day`; the first two counts.
    Repeats,
    /// `tag, product, day`; without a tag, overall.
    Popularity,
    /// `product, tag, is_stand_in`; the first count.
    Labels,
    /// `product, is_deleted, name, category, price?, is_unavailable, tag…`; the first count.
    Catalogue,
    /// `user, time, account, recorded`; the first count. Times, as prices, are two's complements.
    Merges,
    /// `hash, hash, time, recorded, since`; the first count. The hashes are those of the user.
    Forgets,
    /// `owner, hash, hash, recorded`; the first count. The owner is the hash that decides it.
    EventIds,
    /// `partition, offset`, once each.
    Positions,
    /// `newest, oldest`: hours, once.
    Clock,
    /// `user, type, time, product, category, session, id, tag…`: the latest events, oldest first, once each.
    Recent,
}

impl StoredView {
    /// All of them.
    pub const ALL: [StoredView; 17] = [
        StoredView::Profile,
        StoredView::Bought,
        StoredView::Activity,
        StoredView::History,
        StoredView::MovedMoments,
        StoredView::MovedRest,
        StoredView::Pairs,
        StoredView::Repeats,
        StoredView::Popularity,
        StoredView::Labels,
        StoredView::Catalogue,
        StoredView::Merges,
        StoredView::Forgets,
        StoredView::EventIds,
        StoredView::Positions,
        StoredView::Clock,
        StoredView::Recent,
    ];

    /// The number of values before the list, in the views that have one.
    pub fn before_list(self) -> Option<usize> {
        match self {
            StoredView::Catalogue => Some(6),
            StoredView::Recent => Some(7),
            StoredView::History => Some(8),
            StoredView::MovedMoments => Some(9),
            _ => None,
        }
    }

    /// The type of a value that may be missing.
    fn optional(self, column: usize) -> ColumnType {
        match (self, column) {
            (StoredView::MovedRest, 3 | 4) => ColumnType::Text,
            _ => ColumnType::U64,
        }
    }

    /// For each row the hash that decides which worker owns it, or which part of a table it is in.
    pub fn owners(self, columns: &[ColumnValues]) -> Vec<u64> {
        let hashes = |column: &ColumnValues| match &column.values {
            Values::Text(texts, places) => {
                let hashes: Vec<u64> =
                    texts.iter().map(|text| stable_hash(text.as_bytes())).collect();
                places.iter().map(|place| hashes[*place as usize]).collect()
            }
            numbers => (0..numbers.len()).map(|row| numbers.bits(row)).collect::<Vec<u64>>(),
        };
        let Some(first) = columns.first() else { return Vec::new() };
        let mut owners = hashes(first);
        if let (StoredView::Popularity, Values::Text(tags, places)) = (self, &first.values) {
            // What is popular overall has no tag, and its product decides.
            let products = hashes(&columns[1]);
            let overall: Vec<bool> = tags.iter().map(str::is_empty).collect();
            for ((owner, place), product) in owners.iter_mut().zip(places).zip(products) {
                if overall[*place as usize] {
                    *owner = product;
                }
            }
        }
        owners
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A number, or a truth value.
    Number(u64),
    /// None, where there may be one.
    Missing,
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Rows of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRows {
    view: StoredView,
    /// One for each value, and one for the list; none without a row.
    columns: Vec<ColumnValues>,
    counts: Vec<Counts>,
}

impl StoredRows {
    /// No rows of a view.
    pub fn new(view: StoredView) -> StoredRows {
        StoredRows { view, columns: Vec::new(), counts: Vec::new() }
    }

    /// The rows that have these values and counts. Times and prices are two's complements.
    ///
    /// # Panics
    ///
    /// If there are not as many values as counts.
    pub fn of(view: StoredView, columns: Vec<ColumnValues>, counts: Vec<Counts>) -> StoredRows {
        assert!(columns.iter().all(|column| column.values.len() == counts.len()), "{view:?}");
        StoredRows { view, columns, counts }
    }

    /// The view.
    pub fn view(&self) -> StoredView {
        self.view
    }

    /// The values and the counts.
    pub fn into_parts(self) -> (Vec<ColumnValues>, Vec<Counts>) {
        (self.columns, self.counts)
    }

    /// The values of all rows.
    pub fn columns(&self) -> &[ColumnValues] {
        &self.columns
    }

    /// The counts of all rows.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }

    /// The values of rows under construction, of a type.
    #[inline]
    pub(crate) fn column(&mut self, column: usize, kind: ColumnType) -> &mut ColumnValues {
        if column == self.columns.len() {
            self.columns.push(ColumnValues::new(kind));
        }
        &mut self.columns[column]
    }

    /// Ends a row whose values are there.
    #[inline]
    pub(crate) fn end(&mut self, counts: Counts) {
        self.counts.push(counts);
    }

    /// Adds a row. Its numbers are 64 bits wide.
    pub fn push(&mut self, values: &[Value<'_>], counts: Counts) {
        let singles = self.view.before_list().unwrap_or(values.len());
        let (singles, list) = values.split_at(singles);
        for (column, value) in singles.iter().enumerate() {
            match *value {
                Value::Text(text) => {
                    self.column(column, ColumnType::Text).push_text(text);
                }
                Value::Number(number) => self.column(column, ColumnType::U64).push(number),
                Value::Missing => {
                    self.column(column, self.view.optional(column)).push_missing();
                }
            }
        }
        if self.view.before_list().is_some() {
            let column = self.column(singles.len(), ColumnType::Texts);
            column.push_list(list.iter().filter_map(|value| value.text()));
        }
        self.end(counts);
    }

    /// Adds a row of [`StoredView::Recent`].
    pub fn push_event(&mut self, event: &OwnedEvent) {
        let OwnedEvent { event_type, time, user, product, category, session, id, tags } = event;
        let [user, product, category, session, id] =
            [user, product, category, session, id].map(|text| Value::Text(text));
        let [event_type, time] =
            [event_type.index() as u64, time.cast_unsigned()].map(Value::Number);
        let mut values = vec![user, event_type, time, product, category, session, id];
        values.extend(tags.iter().map(|tag| Value::Text(tag)));
        self.push(&values, Counts([1, 0, 0]));
    }

    /// Some of the rows, with no other texts than theirs.
    #[must_use]
    pub fn some(&self, rows: &[u32]) -> StoredRows {
        let columns = self.columns.iter().map(|column| column.of(rows).compact()).collect();
        let counts = values_of(&self.counts, rows);
        StoredRows { view: self.view, columns, counts }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True without any row.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The bytes that were allocated.
    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(ColumnValues::bytes).sum();
        columns + size_of::<Counts>() * self.counts.capacity()
    }

    /// Calls `each` with the values of every row, in order, and its counts.
    pub fn for_each<'a>(&'a self, mut each: impl FnMut(&[Value<'a>], Counts)) {
        let mut values = Vec::new();
        for (row, counts) in self.counts.iter().enumerate() {
            values.clear();
            for column in &self.columns {
                match &column.values {
                    _ if column.is_missing(row) => values.push(Value::Missing),
                    Values::Text(texts, places) => values.push(Value::Text(texts.get(places[row]))),
                    Values::Texts(lists, places) => {
                        values.extend(lists.texts_of(places[row]).map(Value::Text));
                    }
                    numbers => values.push(Value::Number(numbers.bits(row))),
                }
            }
            each(&values, *counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_pushed() {
        let text = Value::Text;
        let rows: [&[Value<'_>]; 2] = [
            &[text("ann"), Value::Number(7), text(""), text("größe"), Value::Missing],
            &[text("b"), Value::Number(u64::MAX), text("x"), text(""), Value::Number(3)],
        ];
        let more: [&[Value<'_>]; 2] =
            [&[Value::Number(1), text("t"), text("")], &[Value::Number(0)]];
        let rows: Vec<Vec<Value<'_>>> =
            rows.iter().zip(more).map(|(row, more)| [*row, more].concat()).collect();
        let mut stored = StoredRows::new(StoredView::Catalogue);
        for (count, values) in (1..).zip(&rows) {
            stored.push(values, Counts([count, 0, -count]));
        }
        let read = |stored: &StoredRows| {
            let mut read = Vec::new();
            stored.for_each(|values, counts| read.push((format!("{values:?}"), counts)));
            read
        };
        let expected = |row: usize, count| (format!("{:?}", rows[row]), Counts([count, 0, -count]));
        assert_eq!(read(&stored), [expected(0, 1), expected(1, 2)]);
        assert_eq!(read(&stored.some(&[1])), [expected(1, 2)]);
        assert_eq!((stored.len(), stored.is_empty()), (2, false));
    }

    #[test]
    fn what_is_popular_overall_is_owned_by_its_product() {
        let mut rows = StoredRows::new(StoredView::Popularity);
        for [tag, product] in [["", "mug"], ["red", "mug"]] {
            let values = [Value::Text(tag), Value::Text(product), Value::Number(1)];
            rows.push(&values, Counts([1, 0, 0]));
        }
        assert_eq!(rows.view().owners(rows.columns()), [stable_hash(b"mug"), stable_hash(b"red")]);
        let mut ids = StoredRows::new(StoredView::EventIds);
        ids.push(&[Value::Number(5), Value::Number(6)], Counts([1, 0, 0]));
        assert_eq!(ids.view().owners(ids.columns()), [5]);
    }
}
