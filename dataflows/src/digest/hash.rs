//! Hashes of names and of rows, and the digest that the rows of a view add up to.

use crate::score::counts::Counts;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

/// A hash of 128 bits, of a text or of a row so far. It is the same in every process and version, and on
/// every machine, and finds faults, not forgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u64; 2]);

/// Odd, and unlike each other, for the two halves.
const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];
const SEEDS: [u64; 2] = [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
/// By kind, what one event counts: odd, so that no count is lost, and so large that no sum of a few counts
/// is zero.
const KINDS: [u128; 3] = [
    0x9FB2_1C65_1E98_DF25_A076_1D64_78BD_6421,
    0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9,
    0x8EBC_6AF0_9C88_C6E3_5899_65CC_7537_4CC3,
];

impl Hash {
    /// The hash of a text.
    #[inline]
    pub fn of(text: &str) -> Hash {
        let bytes = text.as_bytes();
        let (words, rest) = bytes.as_chunks();
        let hash = Hash(SEEDS).then_number(text.len() as u64);
        let hash =
            words.iter().fold(hash, |hash, word| hash.then_number(u64::from_le_bytes(*word)));
        // The last word overlaps the one before: the length tells by how much.
        let last = bytes.last_chunk().map(|word| u64::from_le_bytes(*word));
        let short = || rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash.then_number(last.unwrap_or_else(short))
    }

    /// The hash of a row, continued by a name.
    #[inline]
    #[must_use]
    pub fn then(self, name: Hash) -> Hash {
        self.mixed(name.0)
    }

    /// The hash of a row, continued by a number.
    #[inline]
    #[must_use]
    pub fn then_number(self, number: u64) -> Hash {
        self.mixed([number; 2])
    }

    #[inline]
    fn mixed(self, words: [u64; 2]) -> Hash {
        let half = |at: usize| {
            // Turned, for the order of the words matters.
            let (low, high) =
                (self.0[at].rotate_left(23) ^ words[at]).carrying_mul(FACTORS[at], SEEDS[at]);
            low ^ high
        };
        Hash([half(0), half(1)])
    }

    /// The digest of a row with its counts, or of one that occurs so many times.
    pub fn times(self, counts: impl Counted) -> Digest {
        let mut sums = RowSums::default();
        sums.add(self, counts);
        sums.digest()
    }
}

/// Sums of rows' hashes, times how often each kind was counted. They are multiplied by the kinds once, not for
/// every row.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowSums {
    kinds: [u128; KINDS.len()],
    /// Of rows without kinds.
    plain: u128,
}

impl RowSums {
    /// Adds a row.
    #[inline]
    pub fn add(&mut self, row: Hash, counts: impl Counted) {
        let [high, low] = row.0.map(u128::from);
        counts.add_to(self, high << 64 | low);
    }

    /// The digest of the rows.
    pub fn digest(self) -> Digest {
        let kinds = self.kinds.iter().zip(KINDS);
        Digest(
            kinds.fold(self.plain, |sum, (rows, kind)| sum.wrapping_add(rows.wrapping_mul(kind))),
        )
    }
}

/// How often a row occurs.
pub trait Counted {
    /// Adds a row that occurs so often.
    fn add_to(self, sums: &mut RowSums, row: u128);
}

impl Counted for Counts {
    #[inline]
    fn add_to(self, sums: &mut RowSums, row: u128) {
        for (sum, count) in sums.kinds.iter_mut().zip(self.0) {
            match count {
                0 => {}
                // Most rows are new, by one event.
                1 => *sum = sum.wrapping_add(row),
                count => *sum = sum.wrapping_add(row.wrapping_mul(signed(count.into()))),
            }
        }
    }
}

impl Counted for isize {
    fn add_to(self, sums: &mut RowSums, row: u128) {
        sums.plain = sums.plain.wrapping_add(row.wrapping_mul(signed(self as i64)));
    }
}

/// A number modulo 2^128.
fn signed(number: i64) -> u128 {
    i128::from(number).cast_unsigned()
}

/// The digest of a view: the sum of its rows' hashes, each times its counts, modulo 2^128. So digests of
/// parts add up to that of the whole, in any order, and a row that is retracted is as if it never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(u128);

impl Digest {
    /// It as a number.
    pub fn number(self) -> u128 {
        self.0
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Digest) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Digest>>(digests: I) -> Digest {
        let mut sum = Digest::default();
        digests.for_each(|digest| sum += digest);
        sum
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Hash};
    use crate::score::counts::Counts;
    use std::collections::HashSet;

    #[test]
    fn texts_and_their_places_have_hashes_of_their_own() {
        let texts = (0..20_000).map(|number| format!("{}{number}", "x".repeat(number % 20)));
        let texts: Vec<String> = ["", "\0", "\0\0", "a", "b", "12345678", "12345678\0"]
            .map(String::from)
            .into_iter()
            .chain(texts)
            .collect();
        let halves: HashSet<u64> = texts.iter().flat_map(|text| Hash::of(text).0).collect();
        assert_eq!(halves.len(), 2 * texts.len());
        let (one, other) = (Hash::of("one"), Hash::of("other"));
        let rows = [
            one.then(other),
            other.then(one),
            one.then(one),
            one.then_number(0),
            one.then_number(1),
            one.then_number(0).then_number(0),
        ];
        assert_eq!(rows.into_iter().flat_map(|row| row.0).collect::<HashSet<_>>().len(), 12);
    }

    #[test]
    fn digests_add_up() {
        let (row, other) = (Hash::of("row"), Hash::of("other"));
        let sum = |parts: &[Digest]| parts.iter().copied().sum::<Digest>();
        let (some, more) = (Counts([3, -2, 0]), Counts([-3, 2, 7]));
        assert_eq!(sum(&[row.times(some), row.times(more)]), row.times(Counts([0, 0, 7])));
        assert_eq!(sum(&[row.times(-1), row.times(1)]), Digest::default());
        // Which kind was counted, and of which row, matters.
        let one =
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]].map(|counts| row.times(Counts(counts)));
        assert!(one.iter().enumerate().all(|(at, digest)| !one[..at].contains(digest)));
        assert_ne!(
            sum(&[row.times(some), other.times(more)]),
            sum(&[row.times(more), other.times(some)])
        );
    }

    /// What was written down must be found again by a later version.
    #[test]
    fn digests_stay_as_they_are() {
        let digest = Hash::of("a user").then(Hash::of("a tag, of some length")).then_number(7);
        assert_eq!(
            digest.times(Counts([1, 2, -3])).to_string(),
            "bfab7b9935cdb91e71d7f1edb01c407c"
        );
    }
}
