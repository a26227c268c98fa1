//! What goes with what: products that one visitor touched within half an hour of each other.
//!
//! Every two moments of a user within [`VISIT_GAP`](crate::time::VISIT_GAP) add one to each other's row: to the row of the
//! one product, an event of the other's kind, on the day of the later moment, whether the other
//! came after, and whether it was near. The sum is linear in both moments, so that a moment that is
//! retracted takes its pairs along, whatever came since. A product touched twice pairs with itself.

pub mod partner;
mod buffer;
mod neighbours;

use crate::arrange::view::{View, arrange_here};
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::exchange::to_owners;
use crate::views::history::Moment;
use crate::views::pairs::partner::Partner;
use differential_dataflow::AsCollection;
use neighbours::neighbours;
use timely::dataflow::operators::vec::{Broadcast, Map};

/// What goes with what, and how often visitors touch the same product again at once.
pub struct Pairs<'scope> {
    /// Product to partners, each counted by the kind of its event, at the product's owner.
    pub partners: View<'scope, Partner>,
    /// On every worker, under [`REPEATS`]: how many moments of a day had another within
    /// [`VISIT_GAP`](crate::time::VISIT_GAP) before them (the first count), and how many of these were on the same product as
    /// the newest of those (the second).
    pub repeats: View<'scope, u16>,
}

/// The one key of [`Pairs::repeats`].
pub const REPEATS: u32 = 0;

/// Pairs the moments of each user.
pub fn pairs<'scope>(
    history: View<'scope, Moment>,
    dictionaries: &SharedDictionaries,
) -> Pairs<'scope> {
    let (pairs, repeats) = neighbours(history, dictionaries.clone());
    let partners = to_owners(pairs, dictionaries, "pairs").as_collection();
    let repeats = repeats.broadcast().map(|(day, time, counts)| ((REPEATS, day), time, counts));
    Pairs {
        partners: arrange_here(partners, "pairs"),
        repeats: arrange_here(repeats.as_collection(), "repeats"),
    }
}
