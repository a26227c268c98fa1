//! The values of a column.

use crate::texts::{Lists, MISSING, Texts};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A text.
    Text,
    /// A list of texts, in the order in which they were given.
    Texts,
    /// An unsigned 64-bit integer.
    U64,
    /// A signed 64-bit integer.
    I64,
    /// An unsigned 32-bit integer.
    U32,
    /// True or false.
    Bool,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnValues {
    /// One for each row; whatever is at a row without one means nothing.
    pub values: Values,
    /// For each row whether it has none. Empty, if all have one.
    pub missing: Vec<bool>,
}

/// One value for each row. Texts and lists are shared by clones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Values {
    /// Texts, by their places.
    Text(Arc<Texts>, Vec<u32>),
    /// Lists of texts, by their places.
    Texts(Arc<Lists>, Vec<u32>),
    /// Unsigned 64-bit integers.
    U64(Vec<u64>),
    /// Signed 64-bit integers.
    I64(Vec<i64>),
    /// Unsigned 32-bit integers.
    U32(Vec<u32>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Values {
    /// None of a type.
    pub fn new(kind: ColumnType) -> Values {
        match kind {
            ColumnType::Text => Values::Text(Arc::default(), Vec::new()),
            ColumnType::Texts => Values::Texts(Arc::default(), Vec::new()),
            ColumnType::U64 => Values::U64(Vec::new()),
            ColumnType::I64 => Values::I64(Vec::new()),
            ColumnType::U32 => Values::U32(Vec::new()),
            ColumnType::Bool => Values::Bool(Vec::new()),
        }
    }

    /// Their type.
    pub fn kind(&self) -> ColumnType {
        match self {
            Values::Text(..) => ColumnType::Text,
            Values::Texts(..) => ColumnType::Texts,
            Values::U64(_) => ColumnType::U64,
            Values::I64(_) => ColumnType::I64,
            Values::U32(_) => ColumnType::U32,
            Values::Bool(_) => ColumnType::Bool,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Text(_, places) | Values::Texts(_, places) => places.len(),
            Values::U64(values) => values.len(),
            Values::I64(values) => values.len(),
            Values::U32(values) => values.len(),
            Values::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bits of a number or a truth value, or the place of a text or a list.
    #[inline]
    pub fn bits(&self, row: usize) -> u64 {
        match self {
            Values::Text(_, places) | Values::Texts(_, places) => places[row].into(),
            Values::U64(values) => values[row],
            Values::I64(values) => values[row].cast_unsigned(),
            Values::U32(values) => values[row].into(),
            Values::Bool(values) => values[row].into(),
        }
    }

    /// The same numbers as those of another type, in which they have room.
    #[must_use]
    pub fn cast(self, kind: ColumnType) -> Values {
        if self.kind() == kind {
            return self;
        }
        let mut cast = Values::new(kind);
        (0..self.len()).for_each(|row| cast.push_bits(self.bits(row)));
        cast
    }

    fn push_bits(&mut self, bits: u64) {
        let small = || u32::try_from(bits).expect("hours, minutes, days and places are small");
        match self {
            Values::Text(_, places) | Values::Texts(_, places) => places.push(small()),
            Values::U64(values) => values.push(bits),
            Values::I64(values) => values.push(bits.cast_signed()),
            Values::U32(values) => values.push(small()),
            Values::Bool(values) => values.push(bits != 0),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Values::Text(texts, places) => texts.bytes() + bytes(places),
            Values::Texts(lists, places) => lists.bytes() + bytes(places),
            Values::U64(values) => bytes(values),
            Values::I64(values) => bytes(values),
            Values::U32(values) => bytes(values),
            Values::Bool(values) => bytes(values),
        }
    }
}

fn bytes<T>(values: &Vec<T>) -> usize {
    size_of::<T>() * values.capacity()
}

/// The values of some rows, in the order of these.
pub fn values_of<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| values[*row as usize]).collect()
}

impl ColumnValues {
    /// No values of a type.
    pub fn new(kind: ColumnType) -> ColumnValues {
        Values::new(kind).into()
    }

    /// Whether a row has no value.
    #[inline]
    pub fn is_missing(&self, row: usize) -> bool {
        self.missing.get(row).is_some_and(|missing| *missing)
    }

    /// The bytes that were allocated.
    pub fn bytes(&self) -> usize {
        self.values.bytes() + bytes(&self.missing)
    }

    /// Adds a row with the bits of a number, or with the place of what `text` or `list` gives.
    #[inline]
    pub fn push(&mut self, bits: u64) {
        self.values.push_bits(bits);
        if !self.missing.is_empty() {
            self.missing.push(false);
        }
    }

    /// Adds a row that has no value.
    pub fn push_missing(&mut self) {
        self.missing.resize(self.values.len(), false);
        self.missing.push(true);
        let is_place = matches!(self.values, Values::Text(..) | Values::Texts(..));
        self.values.push_bits(if is_place { MISSING.into() } else { 0 });
    }

    /// Adds a text that rows may have. Returns its place.
    ///
    /// # Panics
    ///
    /// If this is no column of texts.
    pub fn text(&mut self, text: &str) -> u32 {
        match &mut self.values {
            Values::Text(texts, _) => Arc::make_mut(texts).push(text),
            values => panic!("a column of {:?}, not of texts", values.kind()),
        }
    }

    /// Adds a list that rows may have. Returns its place.
    ///
    /// # Panics
    ///
    /// If this is no column of lists.
    pub fn list<'a>(&mut self, list: impl IntoIterator<Item = &'a str>) -> u32 {
        match &mut self.values {
            Values::Texts(lists, _) => Arc::make_mut(lists).push_texts(list),
            values => panic!("a column of {:?}, not of lists", values.kind()),
        }
    }

    /// Adds a row with a text of its own.
    pub fn push_text(&mut self, text: &str) {
        let place = self.text(text);
        self.push(place.into());
    }

    /// Adds a row with a list of its own.
    pub fn push_list<'a>(&mut self, list: impl IntoIterator<Item = &'a str>) {
        let place = self.list(list);
        self.push(place.into());
    }

    /// The values of some rows, in the order of these.
    #[must_use]
    pub fn of(&self, rows: &[u32]) -> ColumnValues {
        let values = match &self.values {
            Values::Text(texts, places) => Values::Text(texts.clone(), values_of(places, rows)),
            Values::Texts(lists, places) => Values::Texts(lists.clone(), values_of(places, rows)),
            Values::U64(values) => Values::U64(values_of(values, rows)),
            Values::I64(values) => Values::I64(values_of(values, rows)),
            Values::U32(values) => Values::U32(values_of(values, rows)),
            Values::Bool(values) => Values::Bool(values_of(values, rows)),
        };
        let missing =
            if self.missing.is_empty() { Vec::new() } else { values_of(&self.missing, rows) };
        ColumnValues { values, missing }
    }

    /// The same without the texts and lists that no row has.
    #[must_use]
    pub fn compact(mut self) -> ColumnValues {
        match &mut self.values {
            Values::Text(texts, places) => *texts = texts.kept(places).into(),
            Values::Texts(lists, places) => *lists = lists.kept(places).into(),
            _ => {}
        }
        self
    }
}

impl From<Values> for ColumnValues {
    /// Without a missing one.
    fn from(values: Values) -> ColumnValues {
        ColumnValues { values, missing: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_what_was_pushed() {
        let mut column = ColumnValues::new(ColumnType::Text);
        let [a, b] = ["größe", ""].map(|text| column.text(text));
        column.push(a.into());
        column.push_missing();
        column.push(b.into());
        assert_eq!([0, 1, 2].map(|row| column.is_missing(row)), [false, true, false]);
        let kept = column.of(&[1, 2, 2]).compact();
        let Values::Text(texts, places) = &kept.values else { panic!() };
        assert_eq!(
            (texts.iter().collect::<Vec<_>>(), &places[..]),
            (vec![""], &[MISSING, 0, 0][..])
        );
        assert_eq!(kept.missing, [true, false, false]);
    }

    #[test]
    fn lists_keep_their_order_and_their_texts_alone() {
        let mut column = ColumnValues::new(ColumnType::Texts);
        let [one, other] = [["a", "b"], ["c", "b"]].map(|list| column.list(list));
        [one, other, one].iter().for_each(|list| column.push((*list).into()));
        let kept = column.of(&[1]).compact();
        let Values::Texts(lists, places) = &kept.values else { panic!() };
        assert_eq!(lists.texts_of(places[0]).collect::<Vec<_>>(), ["c", "b"]);
        assert_eq!((lists.len(), lists.texts.len()), (1, 2));
    }

    #[test]
    fn numbers_are_cast_by_their_bits() {
        let mut column = ColumnValues::new(ColumnType::U64);
        [0, 1, 7].iter().for_each(|number| column.push(*number));
        assert_eq!(
            column.values.clone().cast(ColumnType::Bool),
            Values::Bool(vec![false, true, true])
        );
        assert_eq!(column.values.clone().cast(ColumnType::U32), Values::U32(vec![0, 1, 7]));
        let negative = Values::U64(vec![u64::MAX]).cast(ColumnType::I64);
        assert_eq!(negative, Values::I64(vec![-1]));
    }
}
