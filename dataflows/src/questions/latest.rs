//! Finds a user's latest products, by reading the history from its newest moment on.

use crate::ids::dictionary::Dictionary;
use crate::ranking::evidence::Visited;
use crate::score::mixture::{MAX_BEFORE, MAX_IN_VISIT};
use crate::time::VISIT_GAP;
use std::ops::ControlFlow;

/// The most products that a ranking goes by.
pub(super) const MAX_VISIT: usize = MAX_IN_VISIT + MAX_BEFORE;
/// The most products of a visit that are left out, where all of them are to be. Only bots visit
/// more.
pub(super) const MAX_WHOLE_VISIT: usize = 500;
/// The most moments that are read for a question, which bounds its cost.
const MAX_MOMENTS: usize = 4_000;

/// The products of the latest visit, newest first, and some from before it, each once.
pub(super) struct LatestProducts {
    visited: Vec<Visited>,
    /// The most products to find.
    max: usize,
    /// True while the moments belong to the visit.
    current: bool,
    /// The time of the last moment.
    time: Option<u64>,
    /// The products of the moments at that time, not yet in `visited`.
    pending: Vec<u32>,
    /// The number of moments that may still be read.
    moments_left: usize,
}

impl LatestProducts {
    pub(super) fn new(max: usize) -> LatestProducts {
        LatestProducts {
            visited: Vec::new(),
            max,
            current: true,
            time: None,
            pending: Vec::new(),
            moments_left: MAX_MOMENTS,
        }
    }

    /// Adds the product of the next moment, which must be no newer than the last. Breaks once enough are found.
    pub(super) fn push(&mut self, time: u64, product: u32, names: &Dictionary) -> ControlFlow<()> {
        if self.time != Some(time) {
            self.flush(names);
            if self.current && self.time.is_some_and(|last| time + VISIT_GAP < last) {
                self.current = false;
                self.max = self.max.min(self.visited.len() + MAX_BEFORE);
            }
            if self.max <= self.visited.len() || self.moments_left == 0 {
                return ControlFlow::Break(());
            }
            self.time = Some(time);
        }
        self.pending.push(product);
        self.moments_left = self.moments_left.saturating_sub(1);
        ControlFlow::Continue(())
    }

    /// Adds the pending products, ordered by name, as ids differ between workers.
    fn flush(&mut self, names: &Dictionary) {
        self.pending.sort_by_key(|&product| names.text(product));
        for product in self.pending.drain(..) {
            let is_new = self.visited.iter().all(|visited| visited.product != product);
            if is_new && self.visited.len() < self.max {
                self.visited.push(Visited { product, current: self.current });
            }
        }
    }

    pub(super) fn finish(mut self, names: &Dictionary) -> Vec<Visited> {
        self.flush(names);
        self.visited
    }
}
