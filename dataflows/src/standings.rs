//! The most popular products of a tag, kept in order for the tags that are asked for.
//!
//! A tag is read whole when it is asked for the first time, and again when the model or the day is
//! another. From then on only the products that have changed are read.

use crate::Time;
use crate::counts::Counts;
use crate::kept::{Changed, Kept, OfProduct, kept};
use crate::model::Lens;
use crate::popularity::OnDay;
use crate::questions::Worth;
use crate::views::View;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::ParallelizationContract;

/// How many tags are kept in order. When there are more, all are begun anew.
const TAGS: usize = 4096;
/// How many more changes than products a tag holds that nobody asks for.
const CHANGED: usize = 1000;

type Batch = crate::reader::Batch<OnDay, Counts>;

/// A tag's best products as of the time of a question.
pub struct Standing {
    /// What all products are worth together.
    pub mass: f64,
    /// The best, best first.
    pub products: Vec<Worth>,
}

/// Shows so many of the best products of a tag, through a lens.
pub type Best<'a> = dyn FnMut(u32, &Lens, usize) -> Standing + 'a;

/// Answers questions from what is popular, as [`lookup`](crate::lookup::lookup) does from any view.
///
/// `tie` decides between products of one worth; it must be the same on all workers, unlike ids.
pub fn standings<'scope, Q, A, P>(
    questions: Stream<'scope, Time, Vec<Q>>,
    route: P,
    popularity: View<'scope, OnDay>,
    tie: impl Fn(u32) -> u64 + 'static,
    mut answer: impl FnMut(Q, &mut Best<'_>) -> Option<A> + 'static,
) -> Stream<'scope, Time, Vec<A>>
where
    Q: Clone + 'static,
    A: Clone + 'static,
    P: ParallelizationContract<Time, Vec<Q>>,
{
    let tables = Tables { by_tag: HashMap::new(), tie };
    kept(
        questions,
        route,
        popularity,
        "popularity asked",
        tables,
        move |q, time, tables, batches| {
            answer(q, &mut |tag, lens, n| tables.best(tag, lens, n, time, batches))
        },
    )
}

/// The tags that were asked for.
struct Tables<F> {
    by_tag: HashMap<u32, Table>,
    tie: F,
}

/// A tag's products in order.
#[derive(Default)]
struct Table {
    lens: Lens,
    products: HashMap<u32, Worth>,
    order: BTreeSet<(Reverse<Total>, u64, u32)>,
    mass: f64,
    changed: Changed,
}

impl OfProduct for OnDay {
    fn product(&self) -> u32 {
        self.product
    }

    fn first_of(product: u32) -> OnDay {
        OnDay { product, day: 0 }
    }
}

impl<F: Fn(u32) -> u64> Kept<OnDay> for Tables<F> {
    fn note(&mut self, batch: &Batch) {
        if self.by_tag.is_empty() {
            return;
        }
        let mut cursor = batch.cursor();
        while let Some(tag) = cursor.get_key(batch) {
            if let Some(table) = self.by_tag.get_mut(tag) {
                table.changed.note(batch, &mut cursor);
                if table.products.len() + CHANGED < table.changed.len() {
                    // Nobody asks any more, or it is as cheap to begin anew.
                    self.by_tag.remove(tag);
                }
            }
            cursor.step_key(batch);
        }
    }
}

impl<F: Fn(u32) -> u64> Tables<F> {
    fn best(&mut self, tag: u32, lens: &Lens, n: usize, time: Time, batches: &[Batch]) -> Standing {
        if TAGS <= self.by_tag.len() && !self.by_tag.contains_key(&tag) {
            self.by_tag.clear();
        }
        // How often visitors come back is no part of what is popular.
        let lens = Lens { again: 0.0, ..*lens };
        let table = match self.by_tag.entry(tag) {
            Entry::Occupied(table) if table.get().lens == lens => {
                let table = table.into_mut();
                table.go_on(tag, time, batches, &self.tie);
                table
            }
            entry => {
                let begun = Table { lens, ..Table::default() };
                let table = entry.insert_entry(begun).into_mut();
                table.begin(tag, time, batches, &self.tie);
                table
            }
        };
        let best = table.order.iter().take(n).map(|(_, _, product)| table.products[product]);
        Standing { mass: table.mass, products: best.collect() }
    }
}

impl Table {
    /// Reads all products as of a time, and notes what changes later.
    fn begin(&mut self, tag: u32, time: Time, batches: &[Batch], tie: impl Fn(u32) -> u64) {
        let days = self.changed.read_all(tag, time, batches);
        for product in days.chunk_by(|(one, _), (other, _)| one.product == other.product) {
            self.enter(product[0].0.product, product, &tie);
        }
    }

    /// Reads the products anew that have changed up to a time.
    fn go_on(&mut self, tag: u32, time: Time, batches: &[Batch], tie: impl Fn(u32) -> u64) {
        let (products, days) = self.changed.read(tag, time, batches);
        for product in products {
            self.leave(product, &tie);
            let begin = days.partition_point(|(day, _)| day.product < product);
            let end = days.partition_point(|(day, _)| day.product <= product);
            self.enter(product, &days[begin..end], &tie);
        }
    }

    /// Enters a product with its counts, in order of day, which may be given in parts.
    fn enter(&mut self, product: u32, days: &[(OnDay, Counts)], tie: impl Fn(u32) -> u64) {
        let (mut worth, mut events) = (0.0, 0);
        for day in days.chunk_by(|(one, _), (other, _)| one.day == other.day) {
            let mut sum = Counts::default();
            day.iter().for_each(|(_, counts)| sum.plus_equals(counts));
            worth += self.lens.worth(sum, day[0].0.day);
            events += sum.total();
        }
        if 0.0 < worth {
            let events = u32::try_from(events).unwrap_or_default();
            self.mass += worth;
            self.products.insert(product, Worth { product, worth, events });
            self.order.insert((Reverse(Total(worth)), tie(product), product));
        }
    }

    fn leave(&mut self, product: u32, tie: impl Fn(u32) -> u64) {
        if let Some(Worth { worth, .. }) = self.products.remove(&product) {
            self.mass -= worth;
            self.order.remove(&(Reverse(Total(worth)), tie(product), product));
        }
    }
}

/// A number that orders as numbers do.
#[derive(Clone, Copy, Debug)]
struct Total(f64);

impl Ord for Total {
    fn cmp(&self, other: &Total) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Total) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Total {
    fn eq(&self, other: &Total) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Total {}
