//! A moment: an event in dense ids, as the history keeps it.

use crate::arrange::packed::Value;
use crate::time::{DAY_MINUTES, day, hour};
use serde::{Deserialize, Serialize};

/// A product at a time, with the tags that the event brought. Moments are ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// The complement of the time, so that the newer is the lesser; and in its lowest bits, whether it pairs, whether
    /// it is a guest's, and whether it counts.
    head: u64,
    /// The product's id at the user's owner.
    pub product: u32,
    /// The id of its tags there, or of what stands in for them.
    pub tag_set: u32,
}

/// What is said of a moment beside its time, its product and its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flags {
    /// As [`Moment::may_pair`].
    pub pairs: bool,
    /// As [`Moment::is_guests`].
    pub is_guests: bool,
    /// As [`Moment::is_removal`].
    pub is_removal: bool,
    /// As [`Moment::is_taken`].
    pub is_taken: bool,
}

/// It takes a cart back, and is counted as one.
const REMOVAL: u64 = 16;
/// A removal has taken the cart back; or, of a removal, the cart that it took has left.
const TAKEN: u64 = 8;
const PAIRS: u64 = 4;
/// The session stands for the user.
const GUESTS: u64 = 2;
/// A session stood for the user, and it counts for another one; until it is let in.
const VISITORS: u64 = 1;
const BITS: u32 = 5;

impl Moment {
    /// A moment that pairs with others, of an account, at a time in milliseconds since the Unix epoch.
    pub fn new(time: u64, product: u32, tag_set: u32) -> Moment {
        Moment { head: !time << BITS | PAIRS, product, tag_set }
    }

    /// A removal from the cart, of an account. It has no tags.
    pub fn removal(time: u64, product: u32, no_tags: u32) -> Moment {
        Moment { head: !time << BITS | REMOVAL, product, tag_set: no_tags }
    }

    /// A moment that has been let in, with what is said of it.
    pub fn with_flags(time: u64, product: u32, tag_set: u32, flags: Flags) -> Moment {
        let Flags { pairs, is_guests, is_removal, is_taken } = flags;
        let moment = Moment { head: !time << BITS, product, tag_set };
        let moment = moment.with(PAIRS, pairs).with(GUESTS, is_guests);
        moment.with(REMOVAL, is_removal).with(TAKEN, is_taken)
    }

    /// What is said of it.
    pub fn flags(self) -> Flags {
        Flags {
            pairs: self.may_pair(),
            is_guests: self.is_guests(),
            is_removal: self.is_removal(),
            is_taken: self.is_taken(),
        }
    }

    /// The time, in milliseconds since the Unix epoch.
    #[inline]
    pub fn time(self) -> u64 {
        !self.head >> BITS
    }

    /// Whether it pairs with other moments: it is within the limit of its day, and counts.
    #[inline]
    pub fn pairs(self) -> bool {
        self.head & (PAIRS | TAKEN) == PAIRS
    }

    /// Whether it is within the limit of its day, so that it pairs as long as it counts.
    pub fn may_pair(self) -> bool {
        self.head & PAIRS != 0
    }

    /// Whether it takes a cart back.
    #[inline]
    pub fn is_removal(self) -> bool {
        self.head & REMOVAL != 0
    }

    /// Of a cart, whether a removal has taken it back; of a removal, whether the cart that it took has left the
    /// history, so that it takes no other.
    pub fn is_taken(self) -> bool {
        self.head & TAKEN != 0
    }

    /// The moment with another answer to whether it is taken.
    #[must_use]
    pub fn taken(self, is_taken: bool) -> Moment {
        self.with(TAKEN, is_taken)
    }

    /// Whether it counts for anything: it is no removal, and none has taken it back.
    #[inline]
    pub fn counts(self) -> bool {
        self.head & (REMOVAL | TAKEN) == 0
    }

    /// The moment as it came, whatever the history says of it: as if it did not pair, and were not taken.
    #[must_use]
    pub fn as_came(self) -> Moment {
        self.with(PAIRS | TAKEN, false)
    }

    /// The moment with another answer to whether it pairs.
    #[must_use]
    pub fn pairing(self, pairs: bool) -> Moment {
        self.with(PAIRS, pairs)
    }

    /// The moment as one of a guest, for whom the session stands, or as one that counts for another than that guest.
    #[must_use]
    pub fn by_guest(self, counts_for_guest: bool) -> Moment {
        self.with(if counts_for_guest { GUESTS } else { VISITORS }, true)
    }

    /// Whether it counts for a guest.
    pub fn is_guests(self) -> bool {
        self.head & GUESTS != 0
    }

    /// Whose it is, to order moments that are the same otherwise: an account's, a guest's, or a visitor's.
    pub fn whose(self) -> u64 {
        match self.head & (GUESTS | VISITORS) {
            GUESTS => 1,
            VISITORS => 2,
            _ => 0,
        }
    }

    /// Whether nothing of it stays when it leaves the history, or is not let in.
    pub fn leaves_nothing(self) -> bool {
        self.head & (GUESTS | VISITORS | REMOVAL | TAKEN) != 0
    }

    /// The moment as it is kept once it is let in.
    #[must_use]
    pub fn let_in(self) -> Moment {
        self.with(VISITORS, false)
    }

    /// The moment as one of an account.
    #[must_use]
    pub fn accounts(self) -> Moment {
        self.with(GUESTS | VISITORS, false)
    }

    /// The moment as one that any other of its time and its product equals, if they pair alike.
    #[must_use]
    pub fn plain(self) -> Moment {
        Moment { tag_set: 0, ..self.accounts() }
    }

    fn with(self, bits: u64, are_set: bool) -> Moment {
        Moment { head: if are_set { self.head | bits } else { self.head & !bits }, ..self }
    }

    /// The hour, counted from the Unix epoch.
    pub fn hour(self) -> u32 {
        hour(self.time())
    }

    /// The day, likewise.
    pub fn day(self) -> u16 {
        day(self.time())
    }

    /// The first minute of the day, likewise.
    pub fn first_minute(self) -> u32 {
        u32::from(self.day()) * DAY_MINUTES
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
        [u64::MAX >> 5, 1 << 42, (1 << 42) - 1, 1_750_000_000_000, 1024, 1023, 0];

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
            let [guests, visitors] = [true, false].map(|own| moment.by_guest(own));
            assert_eq!((guests.time(), guests.pairs(), guests.is_guests()), (time, true, true));
            assert_eq!((guests.let_in(), guests.accounts()), (guests, moment));
            assert_eq!((visitors.let_in(), visitors.is_guests()), (moment, false));
            assert!(guests.leaves_nothing() && visitors.leaves_nothing());
            assert!(!moment.leaves_nothing() && moment.counts() && !moment.is_removal());
            let taken = moment.taken(true);
            assert!(
                !taken.pairs() && taken.may_pair() && !taken.counts() && taken.leaves_nothing()
            );
            assert_eq!((taken.time(), taken.taken(false)), (time, moment));
            let removal = Moment::removal(time, 7, 8);
            assert_eq!((removal.time(), removal.as_came()), (time, removal));
            assert!(removal.is_removal() && !removal.counts() && !removal.pairs());
        }
        assert_eq!(size_of::<Moment>(), 16);
    }
}
