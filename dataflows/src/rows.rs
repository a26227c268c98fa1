//! What goes best with the products that are asked about.
//!
//! A product's row is read whole when it is asked for the first time, and again when the model or
//! the day is another. From then on only the partners that have changed are read. Questions may come
//! of a time before that of what is kept: then the row is read whole, and not kept.

use crate::Time;
use crate::by_id::ById;
use crate::counts::Counts;
use crate::kept::{Changed, OfProduct};
use crate::model::Lens;
use crate::pairs::Partner;
use crate::questions::Worth;
use crate::reader::Batch;
use crate::recommend::PARTNERS as BEST;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::sync::Arc;

/// How many partners are kept of all rows, at 24 bytes each. When there are more, all rows are
/// begun anew.
const PARTNERS: usize = 4_000_000;

/// How many more changes than partners a row holds that nobody asks for.
const CHANGED: usize = 1000;

/// The rows that were asked for.
#[derive(Default)]
pub(crate) struct Rows {
    by_product: ById<Row>,
    /// How many partners all rows have.
    partners: usize,
    /// The last row that was read of a time before that of what is kept.
    past: Row,
}

/// What goes with a product, as of a time.
#[derive(Default)]
pub(crate) struct Row {
    lens: Lens,
    as_of: Time,
    /// By product, in order, each with what decides between those of one worth.
    partners: Vec<(Worth, u64)>,
    /// The best of them, best first, and what all are worth together.
    pub(crate) best: Arc<[Worth]>,
    pub(crate) mass: f64,
    changed: Changed,
}

impl OfProduct for Partner {
    fn product(&self) -> u32 {
        self.product
    }

    fn first_of(product: u32) -> Partner {
        Partner { product, day: 0, after: false }
    }
}

impl Rows {
    /// Notes what a batch changes of the rows that are kept.
    pub(crate) fn note(&mut self, batch: &Batch<Partner, Counts>) {
        if self.by_product.is_empty() {
            return;
        }
        let mut cursor = batch.cursor();
        while let Some(product) = cursor.get_key(batch) {
            if let Some(row) = self.by_product.get_mut(product) {
                row.changed.note(batch, &mut cursor);
                if row.partners.len() + CHANGED < row.changed.len() {
                    // Nobody asks any more, or it is as cheap to begin anew.
                    self.partners -= row.partners.len();
                    self.by_product.remove(product);
                }
            }
            cursor.step_key(batch);
        }
    }

    /// A product's row as of a time; `tie` decides between partners of one worth, and must be the
    /// same on all workers, unlike ids.
    pub(crate) fn row(
        &mut self,
        product: u32,
        lens: &Lens,
        time: Time,
        batches: &[Batch<Partner, Counts>],
        tie: impl Fn(u32) -> u64,
    ) -> &Row {
        if PARTNERS <= self.partners && !self.by_product.contains_key(&product) {
            self.by_product.clear();
            self.partners = 0;
        }
        // How often visitors come back is no part of what goes with what.
        let lens = Lens { again: 0.0, ..*lens };
        let row = self.by_product.entry(product).or_default();
        if time < row.as_of {
            self.past = Row::default();
            self.past.go_on(product, &lens, time, batches, tie);
            return &self.past;
        }
        self.partners -= row.partners.len();
        row.go_on(product, &lens, time, batches, tie);
        self.partners += row.partners.len();
        row
    }
}

impl Row {
    /// Reads what has changed up to a time; all, when nothing has been read through this lens.
    fn go_on(
        &mut self,
        row: u32,
        lens: &Lens,
        time: Time,
        batches: &[Batch<Partner, Counts>],
        tie: impl Fn(u32) -> u64,
    ) {
        if self.as_of == 0 || self.lens != *lens {
            *self = Row { lens: *lens, ..Row::default() };
            let entries = self.changed.read_all(row, time, batches);
            self.partners = self.weigh(&entries, tie);
            self.rank();
        } else {
            let (products, entries) = self.changed.read(row, time, batches);
            if !products.is_empty() {
                self.replace(&products, &entries, tie);
                self.rank();
            }
        }
        self.as_of = time;
    }

    /// Puts the partners among some products, in order, in place of what was known of these. In one
    /// pass: a row may have many partners, and many of them change at once.
    fn replace(
        &mut self,
        products: &[u32],
        entries: &[(Partner, Counts)],
        tie: impl Fn(u32) -> u64,
    ) {
        let mut read = self.weigh(entries, tie).into_iter().peekable();
        let kept = self.partners.iter();
        let kept = kept.filter(|(worth, _)| products.binary_search(&worth.product).is_err());
        let mut merged = Vec::with_capacity(self.partners.len() + read.len());
        for &partner in kept {
            while let Some(earlier) = read.next_if(|(worth, _)| worth.product < partner.0.product) {
                merged.push(earlier);
            }
            merged.push(partner);
        }
        merged.extend(read);
        self.partners = merged;
    }

    /// What the products of entries are worth, by product, without those that are worth nothing.
    fn weigh(&self, entries: &[(Partner, Counts)], tie: impl Fn(u32) -> u64) -> Vec<(Worth, u64)> {
        let mut fades: Vec<f64> = Vec::new();
        let mut fade = |day: u16| {
            let age = self.lens.today.saturating_sub(day);
            for age in fades.len()..=age.into() {
                let age = u16::try_from(age).expect("it is at most an age");
                fades.push(self.lens.fade(self.lens.today - age));
            }
            fades[usize::from(age)]
        };
        let mut worths: Vec<Worth> = Vec::new();
        for same in entries.chunk_by(|(one, _), (other, _)| one == other) {
            let Partner { product, day, after } = same[0].0;
            let mut counts = Counts::default();
            same.iter().for_each(|(_, more)| counts.plus_equals(more));
            let side = if after { 1.0 } else { self.lens.model.blend.before };
            let worth = self.lens.model.weights.score(counts).to_f64() * fade(day) * side;
            let events = u32::try_from(counts.total()).unwrap_or_default();
            match worths.last_mut() {
                Some(last) if last.product == product => {
                    last.worth += worth;
                    last.events += events;
                }
                _ => worths.push(Worth { product, worth, events }),
            }
        }
        worths.retain(|partner| 0.0 < partner.worth);
        worths.into_iter().map(|worth| (worth, tie(worth.product))).collect()
    }

    fn rank(&mut self) {
        self.mass = self.partners.iter().map(|(partner, _)| partner.worth).sum();
        let order = |(one, tie): &(Worth, u64), (other, other_tie): &(Worth, u64)| {
            other.worth.total_cmp(&one.worth).then(tie.cmp(other_tie))
        };
        let mut best = self.partners.clone();
        if BEST < best.len() {
            best.select_nth_unstable_by(BEST, order);
            best.truncate(BEST);
        }
        best.sort_unstable_by(order);
        self.best = best.into_iter().map(|(partner, _)| partner).collect();
    }
}
