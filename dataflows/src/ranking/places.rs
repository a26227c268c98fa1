//! The places of a ranking: filled with the best candidates that may be shown, and with what rules of the shop pin.

use super::candidates::{Candidate, pick, take_best};
use super::matching::{Lookups, RulesInForce};
use super::merchandise::{Merchandised, Pin, first};
use super::pick::Picker;
use crate::ids::by_id::ById;
use crate::ranking::rules::Rules;
use crate::record::product::Product;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A product that is shown, with its catalogue row.
pub(super) struct Shown {
    pub(super) score: f64,
    pub(super) product: u32,
    pub(super) row: Option<Arc<Product>>,
    /// The rule that has pinned it, by its index.
    pub(super) pin: Option<usize>,
}

/// The places as they were filled.
pub(super) struct Placed {
    pub(super) shown: Vec<Shown>,
    /// What the rules of the shop have made of the candidates.
    pub(super) made: Merchandised,
    /// The tags of which no further product may be shown.
    pub(super) full_tags: Vec<u32>,
}

/// Fills the places that a request calls for with the best candidates, as the rules of the shop correct them.
pub(super) fn placed(
    rules: &Rules,
    candidates: Vec<Candidate>,
    of_shop: Option<&RulesInForce<'_>>,
    left_out: &[u32],
    lookups: &mut Lookups<'_>,
) -> Placed {
    let picker = Picker::new(rules, lookups.tag_names);
    let mut places = Places { rules, picker, pins: VecDeque::new(), shown: Vec::new() };
    let made = match of_shop {
        Some(of_shop) => places.fill_by_rules(candidates, of_shop, left_out, lookups),
        None => {
            places.fill(candidates, lookups);
            Merchandised::default()
        }
    };
    let Places { picker, shown, .. } = places;
    Placed { shown, made, full_tags: picker.full_tags() }
}

/// The places of a ranking, as they are filled.
struct Places<'a> {
    rules: &'a Rules,
    picker: Picker<'a>,
    /// What is pinned and not placed yet, each with its place, in the order of these.
    pins: VecDeque<(usize, Shown)>,
    shown: Vec<Shown>,
}

impl Places<'_> {
    /// Fills the places with the best candidates, and with pins where they belong.
    fn fill(&mut self, candidates: Vec<Candidate>, lookups: &mut Lookups<'_>) {
        let Places { rules, picker, pins, shown } = self;
        pick(candidates, rules, lookups.names, |Candidate { score, product }| {
            while let Some((_, pin)) = pins.pop_front_if(|(place, _)| *place <= picker.next_place())
            {
                shown.extend(picker.take_place().then_some(pin));
            }
            if picker.is_done() {
                return ControlFlow::Break(());
            }
            let listing = lookups.listing(product);
            if listing.may_be_shown() && picker.accepts(listing.row(), || lookups.tags(product)) {
                shown.push(Shown { score, product, row: listing.into_row(), pin: None });
            }
            ControlFlow::Continue(())
        });
    }

    /// The same by the rules of the shop. They are held to a first part of the candidates, and to the others if those
    /// do not fill the places. A pin whose place is never reached comes after the last candidate.
    fn fill_by_rules(
        &mut self,
        mut candidates: Vec<Candidate>,
        rules: &RulesInForce<'_>,
        left_out: &[u32],
        lookups: &mut Lookups<'_>,
    ) -> Merchandised {
        let mut made = Merchandised::default();
        let mut part = first(&mut candidates, self.rules, rules, lookups.names);
        let left = self.rules.max_examined().saturating_sub(part.len());
        made.correct(&mut part, rules, lookups);
        for pin in made.pins(rules, lookups.names) {
            self.pin(pin, rules, left_out, lookups);
        }
        self.take_out(&mut part);
        self.fill(part, lookups);
        if !self.picker.is_done() && left > 0 && !candidates.is_empty() {
            let mut part = take_best(&mut candidates, left, lookups.names);
            made.correct(&mut part, rules, lookups);
            self.fill(part, lookups);
        }
        let Places { picker, pins, shown, .. } = self;
        shown.extend(pins.drain(..).filter_map(|(_, pin)| picker.take_place().then_some(pin)));
        made
    }

    /// Pins the products that may be shown. They need not be candidates, but all else holds of them as of others: what
    /// the request says, and whether they can be bought.
    fn pin(
        &mut self,
        Pin { rule, place, choices, most }: Pin,
        rules: &RulesInForce<'_>,
        left_out: &[u32],
        lookups: &mut Lookups<'_>,
    ) {
        let (end, mut hits) = (self.pins.len() + most, Vec::new());
        for product in choices {
            let is_pinned = self.pins.iter().any(|(_, shown)| shown.product == product);
            if self.pins.len() == end || is_pinned || left_out.contains(&product) {
                continue;
            }
            rules.hits(product, lookups, &mut hits);
            if !hits.contains(&rule) || rules.hides(&hits) {
                continue;
            }
            let listing = lookups.listing(product);
            if listing.may_be_shown() && self.picker.allows(listing.row(), || lookups.tags(product))
            {
                let (score, row) = (0.0, listing.into_row());
                self.pins.push_back((place, Shown { score, product, row, pin: Some(rule) }));
            }
        }
    }

    /// Takes what is pinned out of the candidates, with its score.
    fn take_out(&mut self, candidates: &mut Vec<Candidate>) {
        let pinned = self.pins.iter().zip(0..).map(|((_, shown), at)| (shown.product, at));
        let pinned: ById<usize> = pinned.collect();
        candidates.retain(|candidate| {
            let pin = pinned.get(&candidate.product);
            pin.map(|&at| self.pins[at].1.score = candidate.score).is_none()
        });
    }
}
