//! A moment: an event in dense ids, as the history keeps it.

use crate::arrange::packed::Value;
use crate::time::{day, hour};
use serde::{Deserialize, Serialize};

/// A product at a time, with the tags that the event brought. Moments are ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// The complement of the time, so that the newer is the lesser; in its lowest bit, whether it pairs.
    head: u64,
    /// The product's id at the user's owner.
    pub product: u32,
    /// The id of its tags there, or of what stands in for them.
    pub tag_set: u32,
}

impl Moment {
    /// A moment that pairs with others, at a time in milliseconds since the Unix epoch.
    pub fn new(time: u64, product: u32, tag_set: u32) -> Moment {
        Moment { head: !time << 1 | 1, product, tag_set }
    }

    /// The time, in milliseconds since the Unix epoch.
    #[inline]
    pub fn time(self) -> u64 {
        !self.head >> 1
    }

    /// Whether it pairs with other moments: it is within the limit of its day.
    #[inline]
    pub fn pairs(self) -> bool {
        self.head & 1 == 1
    }

    /// The moment with another answer to whether it pairs.
    #[must_use]
    pub fn pairing(self, pairs: bool) -> Moment {
        Moment { head: self.head & !1 | u64::from(pairs), ..self }
    }

    /// The moment as one that any other of its time and its product equals.
    #[must_use]
    pub fn untagged(self) -> Moment {
        Moment { tag_set: 0, ..self }
    }

    /// The hour, counted from the Unix epoch.
    pub fn hour(self) -> u32 {
        hour(self.time())
    }

    /// The day, likewise.
    pub fn day(self) -> u16 {
        day(self.time())
    }

    /// The minute, likewise.
    pub fn minute(self) -> u32 {
        u32::try_from(self.time() / 60_000).unwrap_or(u32::MAX)
    }
}

impl Value for Moment {
    fn prefix(&self) -> u32 {
        // In units of 1.024 s, until the year 2106; complemented, since the newer is the lesser.
        !u32::try_from(self.time() >> 10).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;
    use crate::arrange::packed::Value;

    const TIMES: [u64; 7] =
        [u64::MAX >> 1, 1 << 42, (1 << 42) - 1, 1_750_000_000_000, 1024, 1023, 0];

    #[test]
    fn prefixes_of_moments_are_monotone() {
        let moments = TIMES.map(|time| Moment::new(time, 1, 0));
        assert!(moments.is_sorted());
        assert!(moments.is_sorted_by_key(Value::prefix));
        assert_ne!(moments[3].prefix(), moments[4].prefix());
    }

    #[test]
    fn a_moment_is_no_larger_than_its_parts() {
        for time in TIMES {
            let moment = Moment::new(time, 7, 8);
            assert_eq!((moment.time(), moment.pairs()), (time, true));
            let other = moment.pairing(false);
            assert_eq!((other.time(), other.pairs(), other.pairing(true)), (time, false, moment));
        }
        assert_eq!(size_of::<Moment>(), 16);
    }
}
