//! Adding up: rows with equal columns become one, and what sums to zero vanishes.

use crate::batch::Batch;
use crate::concat::concat;
use crate::table::Table;
use columns::{ColumnValues, Values};

/// The sum of batches of one table, in the order of its columns, each row once. Counts wrap around, as those of the
/// dataflow do, so that the order of additions does not matter.
pub fn sum(table: &Table, batches: &[Batch]) -> Batch {
    let all = concat(table, batches);
    let keys: Vec<Key<'_>> = all.columns.iter().map(Key::of).collect();
    let bits: u32 = keys.iter().map(|key| key.width).sum();
    match bits.div_ceil(u64::BITS) {
        0 | 1 => added::<1>(table, &all, &keys),
        2 => added::<2>(table, &all, &keys),
        3 => added::<3>(table, &all, &keys),
        4 => added::<4>(table, &all, &keys),
        // Eight columns of 64 bits, and one more for each that may be missing.
        _ => added::<9>(table, &all, &keys),
    }
}

/// A column as numbers of some bits: equal where the values are, and in their order.
struct Key<'a> {
    column: &'a ColumnValues,
    width: u32,
}

impl<'a> Key<'a> {
    fn of(column: &'a ColumnValues) -> Key<'a> {
        let key = Key { column, width: u64::BITS };
        let rows = 0..column.values.len();
        let all = rows.fold(0, |all, row| all | key.number(row));
        let width = u64::BITS - all.leading_zeros() + u32::from(!column.missing.is_empty());
        Key { column, width }
    }

    fn number(&self, row: usize) -> u64 {
        if self.column.is_missing(row) {
            return 0;
        }
        let bits = self.column.values.bits(row);
        match self.column.values {
            // Negative numbers come before others.
            Values::I64(_) => bits ^ (1 << 63),
            _ => bits,
        }
    }
}

/// The keys of a row, end to end.
struct Packed<const WORDS: usize> {
    words: [u64; WORDS],
    /// The bits that are left.
    left: u32,
}

impl<const WORDS: usize> Packed<WORDS> {
    fn new() -> Packed<WORDS> {
        let words = u32::try_from(WORDS).expect("there are few");
        Packed { words: [0; WORDS], left: words * u64::BITS }
    }

    fn put(&mut self, number: u64, width: u32) {
        if width == 0 {
            return;
        }
        self.left -= width;
        let (word, shift) = (WORDS - 1 - (self.left / u64::BITS) as usize, self.left % u64::BITS);
        self.words[word] |= number << shift;
        if shift + width > u64::BITS {
            self.words[word - 1] |= number >> (u64::BITS - shift);
        }
    }
}

fn added<const WORDS: usize>(table: &Table, all: &Batch, keys: &[Key<'_>]) -> Batch {
    let packed = |row: usize| {
        let mut packed = Packed::<WORDS>::new();
        for key in keys {
            let mut width = key.width;
            if !key.column.missing.is_empty() {
                packed.put(u64::from(!key.column.is_missing(row)), 1);
                width -= 1;
            }
            packed.put(key.number(row), width);
        }
        packed.words
    };
    let mut rows: Vec<([u64; WORDS], u32)> =
        (0..).take(all.len()).map(|row: u32| (packed(row as usize), row)).collect();
    rows.sort_unstable();
    let mut kept = Vec::new();
    let mut sums = vec![Vec::new(); all.counts.len()];
    for equal in rows.chunk_by(|(one, _), (other, _)| one == other) {
        let sum = |counts: &Vec<i64>| {
            let counts = equal.iter().map(|(_, row)| counts[*row as usize]);
            counts.fold(0, i64::wrapping_add)
        };
        if all.counts.iter().any(|counts| sum(counts) != 0) {
            kept.push(equal[0].1);
            sums.iter_mut().zip(&all.counts).for_each(|(sums, counts)| sums.push(sum(counts)));
        }
    }
    let columns = all.columns.iter().map(|column| column.of(&kept)).collect();
    Batch::new(table, columns, sums)
}
