//! The values of the pairs: partners.

use crate::arrange::dated::{DatedProduct, Summed};
use crate::arrange::packed::Value;
use crate::ids::exchange::{HasIds, IdSpace};
use crate::score::counts::Counts;
use crate::score::mixture::PAIR_SUMS;
use crate::score::scale::{Units, total};
use serde::{Deserialize, Serialize};

/// The other product of a pair, in a product's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partner {
    /// The product.
    pub product: u32,
    /// The day of the later of the two moments, counted from the Unix epoch.
    pub day: u16,
    /// True if it came after the row's product or with it, false if before.
    pub after: bool,
    /// How it followed the row's product, or came before it.
    pub link: Link,
}

/// How the moments of a pair stand to each other. A pair counts by the minutes between the two, and once more if none is
/// between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Link {
    /// Up to a minute apart.
    Minute,
    /// Up to three minutes.
    ThreeMinutes,
    /// Up to eight minutes.
    EightMinutes,
    /// Up to half an hour.
    HalfHour,
    /// The one followed directly after the other.
    Next,
}

impl Link {
    /// All of them, in the order of the sums of a row.
    pub const ALL: [Link; PAIR_SUMS] =
        [Link::Minute, Link::ThreeMinutes, Link::EightMinutes, Link::HalfHour, Link::Next];

    /// That of moments so many milliseconds apart.
    pub fn apart(millis: u64) -> Link {
        match millis {
            0..=60_000 => Link::Minute,
            60_001..=180_000 => Link::ThreeMinutes,
            180_001..=480_000 => Link::EightMinutes,
            _ => Link::HalfHour,
        }
    }

    /// The most minutes apart, unless it is about order.
    pub fn minutes(self) -> Option<u32> {
        match self {
            Link::Minute => Some(1),
            Link::ThreeMinutes => Some(3),
            Link::EightMinutes => Some(8),
            Link::HalfHour => Some(30),
            Link::Next => None,
        }
    }

    /// That of so many minutes, as [`Link::minutes`] gives them.
    pub fn of_minutes(minutes: Option<u32>) -> Option<Link> {
        Link::ALL.into_iter().find(|link| link.minutes() == minutes)
    }
}

impl Value for Partner {
    fn prefix(&self) -> u32 {
        self.product
    }
}

impl DatedProduct for Partner {
    fn product(&self) -> u32 {
        self.product
    }

    fn day(&self) -> u16 {
        self.day
    }

    fn on(self, day: u16) -> Partner {
        Partner { day, ..self }
    }
}

/// By the links.
impl Summed<PAIR_SUMS> for Partner {
    fn sums(&self, counts: Counts, units: &Units) -> [i64; PAIR_SUMS] {
        let units = if self.after { &units.long } else { &units.backwards };
        let mut sums = [0; PAIR_SUMS];
        sums[self.link as usize] = total(counts, units);
        sums
    }

    fn events(&self, counts: Counts) -> i32 {
        if self.link == Link::Next { 0 } else { counts.total() }
    }
}

impl HasIds for (u32, Partner) {
    fn ids(&mut self, mut each: impl FnMut(IdSpace, &mut u32)) {
        each(IdSpace::Products, &mut self.0);
        each(IdSpace::Products, &mut self.1.product);
    }

    fn key(&self) -> (IdSpace, u32) {
        (IdSpace::Products, self.0)
    }
}
