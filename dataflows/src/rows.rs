//! What goes best with the products that are asked about.
//!
//! A product's row is read whole when it is asked for the first time, and again when the model or
//! the day is another. From then on only the partners that have changed are read.

use crate::Time;
use crate::counts::Counts;
use crate::kept::{Changed, Kept, OfProduct};
use crate::model::Lens;
use crate::pairs::Partner;
use crate::questions::Worth;
use crate::reader::Batch;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::collections::HashMap;

/// How many partners are kept of all rows, at 24 bytes each. When there are more, all rows are
/// begun anew.
const PARTNERS: usize = 4_000_000;

/// How many more changes than partners a row holds that nobody asks for.
const CHANGED: usize = 1000;

/// The rows that were asked for.
#[derive(Default)]
pub(crate) struct Rows {
    by_product: HashMap<u32, Row>,
    /// How many partners all rows have.
    partners: usize,
}

/// What goes with a product.
pub(crate) struct Row {
    lens: Lens,
    /// By product, in order, each with what decides between those of one worth.
    partners: Vec<(Worth, u64)>,
    /// The best of them, in no order, and what all are worth together.
    pub(crate) best: Vec<Worth>,
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

impl Kept<Partner> for Rows {
    fn note(&mut self, batch: &Batch<Partner, Counts>) {
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
}

impl Rows {
    /// A product's row as of a time, with the `n` best; `tie` decides between partners of one
    /// worth, and must be the same on all workers, unlike ids.
    pub(crate) fn row(
        &mut self,
        product: u32,
        lens: &Lens,
        n: usize,
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
        let row = self.by_product.entry(product).or_insert_with(|| Row::new(lens));
        self.partners -= row.partners.len();
        if row.lens != lens {
            *row = Row::new(lens);
        }
        if row.go_on(product, time, batches, tie) {
            row.rank(n);
        }
        self.partners += row.partners.len();
        row
    }
}

impl Row {
    /// One of which nothing has been read.
    fn new(lens: Lens) -> Row {
        let (partners, best) = (Vec::new(), Vec::new());
        Row { lens, partners, best, mass: f64::NAN, changed: Changed::default() }
    }

    /// Reads what has changed up to a time, or all when nothing has been read; whether there was
    /// anything.
    fn go_on(
        &mut self,
        row: u32,
        time: Time,
        batches: &[Batch<Partner, Counts>],
        tie: impl Fn(u32) -> u64,
    ) -> bool {
        if self.mass.is_nan() {
            let entries = self.changed.read_all(row, time, batches);
            self.partners = self.weigh(&entries, tie);
            return true;
        }
        let (products, entries) = self.changed.read(row, time, batches);
        if products.is_empty() {
            return false;
        }
        let read = self.weigh(&entries, tie);
        // In one pass: a row may have many partners, and many of them change at once.
        let kept = self
            .partners
            .iter()
            .filter(|(worth, _)| products.binary_search(&worth.product).is_err());
        let mut merged = Vec::with_capacity(self.partners.len() + read.len());
        let mut read = read.into_iter().peekable();
        for &partner in kept {
            while let Some(earlier) = read.next_if(|(worth, _)| worth.product < partner.0.product) {
                merged.push(earlier);
            }
            merged.push(partner);
        }
        merged.extend(read);
        self.partners = merged;
        true
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

    fn rank(&mut self, n: usize) {
        self.mass = self.partners.iter().map(|(partner, _)| partner.worth).sum();
        let mut best = self.partners.clone();
        if n < best.len() {
            best.select_nth_unstable_by(n, |(one, tie), (other, other_tie)| {
                other.worth.total_cmp(&one.worth).then(tie.cmp(other_tie))
            });
            best.truncate(n);
        }
        self.best = best.into_iter().map(|(partner, _)| partner).collect();
    }
}
