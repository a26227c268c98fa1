//! What goes with what: products that one visitor touched within half an hour of each other.
//!
//! Every two moments of a user within [`WINDOW`] add one to each other's row: to the row of the
//! one product, an event of the other's kind, on the day of the later moment, whether the other
//! came after, and whether it was near. The sum is linear in both moments, so that a moment that is
//! retracted takes its pairs along, whatever came since. A product touched twice pairs with itself.

mod neighbours;
mod room;

use crate::crossing::{Crosses, Space, cross};
use crate::history::Moment;
use crate::kept::Evidence;
use crate::model::Blend;
use crate::names::SharedVocabulary;
use crate::packed::Value;
use crate::views::{View, arrange_here};
use differential_dataflow::AsCollection;
use neighbours::neighbours;
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::vec::{Broadcast, Map};

/// How far apart two moments of a visit are at most, in milliseconds.
pub const WINDOW: u64 = 30 * 60 * 1000;

/// Within how many milliseconds two moments are near each other, and count more: see
/// [`Blend::far`].
pub const NEAR: u64 = 5 * 60 * 1000;

/// The other product of a pair, as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partner {
    /// Which product.
    pub product: u32,
    /// The day of the later of the two moments, counted from the Unix epoch.
    pub day: u16,
    /// Whether it came after the row's product, or with it, rather than before.
    pub after: bool,
    /// Whether the two moments are within [`NEAR`].
    pub near: bool,
}

impl Value for Partner {
    fn first(&self) -> u32 {
        self.product
    }
}

impl Evidence for Partner {
    fn product(&self) -> u32 {
        self.product
    }

    fn day(&self) -> u16 {
        self.day
    }

    fn factor(&self, blend: &Blend) -> f64 {
        let side = if self.after { 1.0 } else { blend.before };
        if self.near { side } else { side * blend.far }
    }
}

impl Crosses for (u32, Partner) {
    fn ids(&mut self, mut each: impl FnMut(Space, &mut u32)) {
        each(Space::Products, &mut self.0);
        each(Space::Products, &mut self.1.product);
    }

    fn key(&self) -> (Space, u32) {
        (Space::Products, self.0)
    }
}

/// What goes with what, and how often visitors touch the same product again at once.
pub struct Pairs<'scope> {
    /// Product to partners, each counted by the kind of its event, at the product's owner.
    pub partners: View<'scope, Partner>,
    /// On every worker, under [`REPEATS`]: how many moments of a day had another within
    /// [`WINDOW`] before them (the first count), and how many of these were on the same product as
    /// the newest of those (the second).
    pub repeats: View<'scope, u16>,
}

/// The one key of [`Pairs::repeats`].
pub const REPEATS: u32 = 0;

/// Pairs the moments of each user.
pub fn pairs<'scope>(
    history: View<'scope, Moment>,
    vocabulary: &SharedVocabulary,
) -> Pairs<'scope> {
    let (pairs, repeats) = neighbours(history, vocabulary.clone());
    let partners = cross(pairs, vocabulary, "pairs").as_collection();
    let repeats = repeats.broadcast().map(|(day, time, counts)| ((REPEATS, day), time, counts));
    Pairs {
        partners: arrange_here(partners, "pairs"),
        repeats: arrange_here(repeats.as_collection(), "repeats"),
    }
}
