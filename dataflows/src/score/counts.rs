//! Counts of views, carts and purchases: the difference type of the views.
//!
//! Differential sums them, retractions are exact, and a score is `counts · weights`.

use crate::record::event::Kind;
use differential_dataflow::difference::{Abelian, IsZero, Monoid, Multiply, Semigroup};
use serde::{Deserialize, Serialize};

/// The number of events of each kind, in the order of [`Kind::ALL`].
///
/// Arithmetic wraps, so that retractions are exact: a sum that overflowed is right again once it is
/// back in range. Saturating would lose the excess.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Counts(pub [i32; 3]);

impl Counts {
    /// One event.
    pub fn one(kind: Kind) -> Counts {
        let mut counts = [0; 3];
        counts[kind.index()] = 1;
        Counts(counts)
    }

    /// The number of events of a kind.
    pub fn of(self, kind: Kind) -> i32 {
        self.0[kind.index()]
    }

    /// The number of events of all kinds.
    pub fn total(self) -> i32 {
        self.0.into_iter().fold(0, i32::wrapping_add)
    }

    /// Of each kind the lesser count.
    #[must_use]
    pub fn least(self, other: Counts) -> Counts {
        Counts(std::array::from_fn(|kind| self.0[kind].min(other.0[kind])))
    }

    /// Multiplies each count.
    #[must_use]
    pub fn times(self, times: i32) -> Counts {
        Counts(self.0.map(|count| count.wrapping_mul(times)))
    }
}

impl IsZero for Counts {
    #[inline]
    fn is_zero(&self) -> bool {
        self.0 == [0; 3]
    }
}

impl Semigroup for Counts {
    #[inline]
    fn plus_equals(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.wrapping_add(theirs);
        }
    }
}

impl Monoid for Counts {
    fn zero() -> Counts {
        Counts::default()
    }
}

impl Abelian for Counts {
    fn negate(&mut self) {
        self.0 = self.0.map(i32::wrapping_neg);
    }
}

/// Counts joined with a collection of records that occur once (the catalogue) stay as they are.
impl Multiply<isize> for Counts {
    type Output = Counts;
    fn multiply(self, times: &isize) -> Counts {
        self.times(i32::try_from(*times).expect("a row occurs once or not at all"))
    }
}
