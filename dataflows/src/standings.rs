//! The most popular products of a tag, kept in order for the tags that are asked for.
//!
//! A tag is read whole when it is asked for the first time, and again when the model or the day is
//! another. From then on only the products that have changed are read. Questions may come of a time
//! before that of what is kept: then the tag is read whole, and not kept.

use crate::Time;
use crate::by_id::ById;
use crate::counts::Counts;
use crate::kept::{Changed, OfProduct};
use crate::model::Lens;
use crate::popularity::OnDay;
use crate::questions::Worth;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many tags are kept in order. When there are more, all are begun anew.
const TAGS: usize = 4096;
/// How many more changes than products a tag holds that nobody asks for.
const CHANGED: usize = 1000;

type Batch = crate::reader::Batch<OnDay, Counts>;

/// A tag's best products as of the time of a question.
pub(crate) struct Standing {
    /// What all products are worth together.
    pub(crate) mass: f64,
    /// The best, best first; more than were asked for, if more were asked for before.
    pub(crate) products: Arc<[Worth]>,
}

/// The tags that were asked for.
#[derive(Default)]
pub(crate) struct Standings {
    by_tag: ById<Table>,
    /// The last table that was read of a time before that of what is kept.
    past: Table,
}

/// A tag's products in order, as of a time.
#[derive(Default)]
struct Table {
    lens: Lens,
    as_of: Time,
    /// By product, what it is worth.
    products: ById<f64>,
    /// By worth and what decides between equals: of how many events.
    order: BTreeMap<(Reverse<Total>, u64, u32), u32>,
    /// The first of these, as they were shown last; none once they have changed.
    best: Option<Arc<[Worth]>>,
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

impl Standings {
    /// Notes what a batch changes of the tags that are kept.
    pub(crate) fn note(&mut self, batch: &Batch) {
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

    /// So many of the best products of a tag as of a time, through a lens. `tie` decides between
    /// products of one worth; it must be the same on all workers, unlike ids.
    pub(crate) fn best(
        &mut self,
        tag: u32,
        lens: &Lens,
        n: usize,
        time: Time,
        batches: &[Batch],
        tie: impl Fn(u32) -> u64,
    ) -> Standing {
        if TAGS <= self.by_tag.len() && !self.by_tag.contains_key(&tag) {
            self.by_tag.clear();
        }
        // How often visitors come back is no part of what is popular.
        let lens = Lens { again: 0.0, ..*lens };
        let mut table = self.by_tag.entry(tag).or_default();
        if time < table.as_of {
            self.past = Table::default();
            table = &mut self.past;
        }
        table.go_on(tag, &lens, time, batches, tie);
        Standing { mass: table.mass, products: table.best(n) }
    }
}

impl Table {
    /// Reads what has changed up to a time; all, when nothing has been read through this lens.
    fn go_on(
        &mut self,
        tag: u32,
        lens: &Lens,
        time: Time,
        batches: &[Batch],
        tie: impl Fn(u32) -> u64,
    ) {
        if self.as_of == 0 || self.lens != *lens {
            *self = Table { lens: *lens, ..Table::default() };
            let days = self.changed.read_all(tag, time, batches);
            for product in days.chunk_by(|(one, _), (other, _)| one.product == other.product) {
                self.enter(product[0].0.product, product, &tie);
            }
        } else {
            let (products, days) = self.changed.read(tag, time, batches);
            if !products.is_empty() {
                self.best = None;
            }
            for product in products {
                self.leave(product, &tie);
                let begin = days.partition_point(|(day, _)| day.product < product);
                let end = days.partition_point(|(day, _)| day.product <= product);
                self.enter(product, &days[begin..end], &tie);
            }
        }
        self.as_of = time;
    }

    /// So many of the best, best first, or more.
    fn best(&mut self, n: usize) -> Arc<[Worth]> {
        if let Some(best) = &self.best
            && n.min(self.order.len()) <= best.len()
        {
            return best.clone();
        }
        let best = self.order.iter().take(n);
        let best: Arc<[Worth]> = best
            .map(|(&(Reverse(Total(worth)), _, product), &events)| Worth { product, worth, events })
            .collect();
        self.best = Some(best.clone());
        best
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
            self.products.insert(product, worth);
            self.order.insert((Reverse(Total(worth)), tie(product), product), events);
        }
    }

    fn leave(&mut self, product: u32, tie: impl Fn(u32) -> u64) {
        if let Some(worth) = self.products.remove(&product) {
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
