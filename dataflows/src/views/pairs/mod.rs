//! Pairs: products that one user touched within half an hour of each other.
//!
//! Every two moments of a user within [`VISIT_GAP`](crate::time::VISIT_GAP) enter each other's row:
//! the row of the one product counts an event of the other's kind, by the day of the later moment,
//! the order of the two, and the minutes between them. Pairs are linear in both moments, so that a
//! retracted moment retracts its pairs, whatever came since. The row of the one that came before counts the
//! later one once more if no moment of the user is between them, which changes with a moment's two neighbours alone.
//! A product does not pair with itself. Pairs of a moment that leaves the history by age stay, for days of their own.

pub mod partner;
mod buffer;
mod neighbours;

use crate::arrange::view::{Changes, View, arrange_here};
use crate::held::Held;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::exchange::to_owners;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::Time;
use crate::views::by_day::{Days, kept_by_day};
use crate::views::pairs::partner::Partner;
use differential_dataflow::{AsCollection, VecCollection};
use neighbours::neighbours;
use timely::dataflow::Stream;
use timely::dataflow::operators::core::Concat;
use timely::dataflow::operators::vec::{Broadcast, Map};

/// The pairs of products, and how often users touch the same product twice in a row.
pub struct Pairs<'scope> {
    /// Product to partners, each counted by the kind of its event, at the product's owner.
    pub partners: View<'scope, Partner>,
    /// On every worker, under [`REPEATS`], by day: the moments that followed another within
    /// [`VISIT_GAP`](crate::time::VISIT_GAP) (the first count), and those of them with the same
    /// product as the one before (the second).
    pub repeats: View<'scope, u16>,
}

/// The one key of [`Pairs::repeats`].
pub const REPEATS: u32 = 0;

/// What is restored of pairs; repeats at one worker.
pub struct RestoredPairs<'scope> {
    /// Of the partners, at their owners.
    pub partners: Changes<'scope, Partner>,
    /// Of the repeats, by day.
    pub repeats: VecCollection<'scope, Time, u16, Counts>,
}

/// Pairs the moments of each user, and keeps the pairs for as many days.
pub fn pairs<'scope>(
    history: View<'scope, Moment>,
    restored: RestoredPairs<'scope>,
    (ages, days): (Stream<'scope, Time, Vec<u32>>, Days),
    dictionaries: &SharedDictionaries,
    held: &Held,
) -> Pairs<'scope> {
    let (pairs, repeats) = neighbours(history, dictionaries.clone());
    let partners = to_owners(pairs, dictionaries, "pairs", held).as_collection();
    let partners = partners.concat(restored.partners);
    let repeats = repeats
        .concat(restored.repeats.inner)
        .broadcast()
        .map(|(day, time, counts)| ((REPEATS, day), time, counts));
    Pairs {
        partners: kept_by_day(partners, ages, days, "pairs", held.by("pair_days")),
        repeats: arrange_here(repeats.as_collection(), "repeats"),
    }
}
