//! Batches end to end, with one dictionary of each column, in the order of its texts.

use crate::batch::Batch;
use crate::table::Table;
use columns::{ColumnType, ColumnValues, Lists, MISSING, Texts, Values};
use std::sync::Arc;

/// All rows of batches of a table.
pub(crate) fn concat(table: &Table, batches: &[Batch]) -> Batch {
    let columns = table.columns.iter().enumerate().map(|(place, column)| {
        let columns: Vec<&ColumnValues> = batches.iter().map(|batch| batch.column(place)).collect();
        let all_there = columns.iter().all(|column| column.missing.is_empty());
        let missing = match all_there {
            true => Vec::new(),
            false => columns.iter().flat_map(|column| missing(column)).collect(),
        };
        ColumnValues { values: values(column.kind, &columns), missing }
    });
    let columns = columns.collect();
    let counts = (0..table.counts.len())
        .map(|count| batches.iter().flat_map(|batch| batch.counts(count)).copied().collect());
    Batch::new(table, columns, counts.collect())
}

fn missing(column: &ColumnValues) -> Vec<bool> {
    if column.missing.is_empty() {
        vec![false; column.values.len()]
    } else {
        column.missing.clone()
    }
}

/// The values of columns of a type, end to end.
fn values(kind: ColumnType, columns: &[&ColumnValues]) -> Values {
    macro_rules! numbers {
        ($type:ident) => {{
            let values = columns.iter().filter_map(|column| match &column.values {
                Values::$type(values) => Some(values),
                _ => None,
            });
            Values::$type(values.flatten().copied().collect())
        }};
    }
    match kind {
        ColumnType::Text => {
            let columns = columns.iter().filter_map(|column| match &column.values {
                Values::Text(texts, places) => Some((&**texts, places)),
                _ => None,
            });
            let columns: Vec<(&Texts, &Vec<u32>)> = columns.collect();
            let (texts, new) = merge(columns.iter().map(|(texts, _)| *texts));
            Values::Text(Arc::new(texts), renamed(&new, columns.iter().map(|(_, places)| *places)))
        }
        ColumnType::Texts => {
            let columns = columns.iter().filter_map(|column| match &column.values {
                Values::Texts(lists, places) => Some((&**lists, places)),
                _ => None,
            });
            let columns: Vec<(&Lists, &Vec<u32>)> = columns.collect();
            let (lists, new) = merge_lists(columns.iter().map(|(lists, _)| *lists));
            Values::Texts(Arc::new(lists), renamed(&new, columns.iter().map(|(_, places)| *places)))
        }
        ColumnType::U64 => numbers!(U64),
        ColumnType::I64 => numbers!(I64),
        ColumnType::U32 => numbers!(U32),
        ColumnType::Bool => numbers!(Bool),
    }
}

/// Places in dictionaries as those in one that has them all.
fn renamed<'a>(new: &[Vec<u32>], places: impl Iterator<Item = &'a Vec<u32>>) -> Vec<u32> {
    let new = places.zip(new).flat_map(|(places, new)| {
        places.iter().map(|place| new.get(*place as usize).copied().unwrap_or(MISSING))
    });
    new.collect()
}

/// All texts in their order, and where those of each dictionary are in it.
fn merge<'a>(dictionaries: impl Iterator<Item = &'a Texts>) -> (Texts, Vec<Vec<u32>>) {
    let mut merged = Texts::default();
    let new = each_once(dictionaries.map(Texts::iter), |text| merged.push(text));
    (merged, new)
}

/// The same of lists, which are in the order of their texts.
fn merge_lists<'a>(
    dictionaries: impl Iterator<Item = &'a Lists> + Clone,
) -> (Lists, Vec<Vec<u32>>) {
    let (texts, new_texts) = merge(dictionaries.clone().map(|lists| &lists.texts));
    let lists = dictionaries.zip(&new_texts).map(|(lists, new)| {
        let renamed = |place| lists.get(place).iter().map(|text| new[*text as usize]).collect();
        (0..).take(lists.len()).map(renamed).collect::<Vec<Vec<u32>>>().into_iter()
    });
    let mut merged = Lists::of(texts);
    let new = each_once(lists, |list| merged.push(list));
    (merged, new)
}

/// Calls `push` with each value once, in their order. Returns what it answered, for each value of each sequence.
fn each_once<T: Ord + Clone, I: ExactSizeIterator<Item = T>>(
    sequences: impl Iterator<Item = I>,
    mut push: impl FnMut(T) -> u32,
) -> Vec<Vec<u32>> {
    let (mut all, mut new) = (Vec::new(), Vec::new());
    for (sequence, values) in sequences.enumerate() {
        new.push(vec![MISSING; values.len()]);
        all.extend(values.enumerate().map(|(place, value)| (value, sequence, place)));
    }
    all.sort_unstable();
    for equal in all.chunk_by(|(one, ..), (other, ..)| one == other) {
        let pushed = push(equal[0].0.clone());
        equal.iter().for_each(|(_, sequence, place)| new[*sequence][*place] = pushed);
    }
    new
}
