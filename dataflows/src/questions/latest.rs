//! A user's latest products, as their history is read from its newest moment on.

use crate::ids::dictionary::Dictionary;
use crate::ranking::evidence::Visited;
use crate::time::VISIT_GAP;
use crate::views::history::Moment;
use std::cmp::Reverse;
use std::ops::ControlFlow;

/// The most products of a visit that a ranking goes by.
pub(super) const VISIT: usize = 50;
/// The most products of a visit that are left out, where all of it is to be: more are a bot's.
pub(super) const WHOLE_VISIT: usize = 500;
/// The most moments that are read for a question, which bounds its time.
const MOMENTS: usize = 4_000;

/// The products of the latest visit, newest first, and some from before, as moments are read.
pub(super) struct Latest {
    visit: Vec<Visited>,
    /// How many there may be.
    most: usize,
    /// How many may be from before the visit.
    earlier: usize,
    /// Whether what is read still belongs to the visit.
    current: bool,
    /// When the last moment was, and the products of that time.
    at: Option<u64>,
    products: Vec<u32>,
    /// The number of moments that may still be read.
    left: usize,
}

impl Latest {
    pub(super) fn new(most: usize, earlier: usize) -> Latest {
        let (visit, products) = (Vec::new(), Vec::new());
        Latest { visit, most, earlier, current: true, at: None, products, left: MOMENTS }
    }

    /// Takes the next moment, which is no newer than the last.
    pub(super) fn go_on(&mut self, moment: &Moment, names: &Dictionary) -> ControlFlow<()> {
        let Reverse(time) = moment.time;
        if self.at != Some(time) {
            self.enter(names);
            if self.current && self.at.is_some_and(|at| time + VISIT_GAP < at) {
                self.current = false;
                self.most = self.most.min(self.visit.len() + self.earlier);
            }
            if self.most <= self.visit.len() || self.left == 0 {
                return ControlFlow::Break(());
            }
            self.at = Some(time);
        }
        self.products.push(moment.product);
        self.left = self.left.saturating_sub(1);
        ControlFlow::Continue(())
    }

    /// What is of one time is entered by name, as ids differ by worker.
    fn enter(&mut self, names: &Dictionary) {
        self.products.sort_by_key(|&product| names.text(product));
        for product in self.products.drain(..) {
            let is_new = self.visit.iter().all(|visited| visited.product != product);
            if is_new && self.visit.len() < self.most {
                self.visit.push(Visited { product, current: self.current });
            }
        }
    }

    pub(super) fn finish(mut self, names: &Dictionary) -> Vec<Visited> {
        self.enter(names);
        self.visit
    }
}
