//! The rules of the shop as they must be: each asked about each product, by names.

use crate::expected::Oracle;
use dataflows::ranking::rules::Rules;
use dataflows::record::product::Product;
use dataflows::score::merchandising::{Action, Occasion, Rule};
use std::collections::{BTreeMap, BTreeSet};

/// A product with the contributions to its score: the index of the cause, the number of events, and
/// the score of each.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) product: String,
    pub(crate) score: f64,
    pub(crate) contributions: Vec<(usize, u32, f64)>,
}

impl Oracle {
    /// The rules that hold for an occasion, in their order, each with its index.
    pub(crate) fn holding(&self, occasion: &Occasion) -> Vec<(usize, Rule)> {
        let rules = self.model.rules.rules().iter().cloned().enumerate();
        let is_for =
            |rule: &Rule| rule.placement.as_ref().is_none_or(|it| *it == occasion.placement);
        let times = |rule: &Rule| rule.from.unwrap_or(i64::MIN)..rule.until.unwrap_or(i64::MAX);
        rules.filter(|(_, rule)| is_for(rule) && times(rule).contains(&occasion.now)).collect()
    }

    pub(crate) fn is_hit(&self, rule: &Rule, product: &str) -> bool {
        let row = self.row_of(product);
        let condition = &rule.condition;
        (condition.products.is_empty() || condition.products.iter().any(|it| it == product))
            && condition.tag.as_ref().is_none_or(|tag| self.labels(product).contains(tag))
            && condition
                .category
                .as_ref()
                .is_none_or(|it| row.is_some_and(|row| row.category == *it))
            && is_within(row, (condition.price.least, condition.price.most))
    }

    pub(crate) fn is_hidden(&self, rules: &[(usize, Rule)], product: &str) -> bool {
        let mut hides = rules.iter().filter(|(_, rule)| rule.action == Action::Hide);
        hides.any(|(_, rule)| self.is_hit(rule, product))
    }

    /// Scores candidates anew, and takes out those that are hidden; returns the rules that hide any, each with how many. The
    /// cause of a rule comes `after` those of the score.
    pub(crate) fn corrected(
        &self,
        rules: &[(usize, Rule)],
        candidates: &mut Vec<Candidate>,
        after: usize,
    ) -> Vec<(String, usize)> {
        let hides = rules.iter().filter(|(_, rule)| rule.action == Action::Hide);
        let hidden = hides.map(|(_, rule)| {
            let hit = candidates.iter().filter(|candidate| self.is_hit(rule, &candidate.product));
            (rule.id.clone(), hit.count())
        });
        let hidden = hidden.filter(|(_, hidden)| *hidden > 0).collect();
        candidates.retain(|candidate| !self.is_hidden(rules, &candidate.product));
        for Candidate { product, score, contributions } in &mut *candidates {
            let (own, mut factor) = (*score, 1.0_f64);
            for (at, rule) in rules.iter().filter(|(_, rule)| self.is_hit(rule, product)) {
                let (Action::Boost(by) | Action::Bury(by)) = rule.action else { continue };
                let next = (factor * by).clamp(1e-6, 1e6);
                contributions.push((after + at, 0, own * (next - factor)));
                (factor, *score) = (next, own * next);
            }
        }
        hidden
    }

    /// Takes what is pinned out of the candidates, which are in order: each with its place.
    pub(crate) fn pinned(
        &self,
        holding: &[(usize, Rule)],
        candidates: &mut Vec<Candidate>,
        left_out: &BTreeSet<String>,
        mut allows: impl FnMut(&str) -> bool,
        after: usize,
    ) -> Vec<(usize, Candidate)> {
        let pin = |(at, rule): &(usize, Rule)| match rule.action {
            Action::Pin(place) => Some((place, *at, rule.clone())),
            _ => None,
        };
        let mut pins: Vec<_> = holding.iter().filter_map(pin).collect();
        pins.sort_by_key(|(place, at, _)| (*place, *at));
        let mut pinned: Vec<(usize, Candidate)> = Vec::new();
        for (place, at, rule) in pins {
            let named = &rule.condition.products;
            let best = candidates.iter().map(|candidate| candidate.product.clone());
            let choices: Vec<String> =
                if named.is_empty() { best.collect() } else { named.clone() };
            let most = named.len().max(1);
            let before = pinned.len();
            for product in choices {
                let is_taken = pinned.iter().any(|(_, candidate)| candidate.product == product);
                if pinned.len() < before + most
                    && !is_taken
                    && !left_out.contains(&product)
                    && self.is_hit(&rule, &product)
                    && !self.is_hidden(holding, &product)
                    && allows(&product)
                {
                    let own = candidates.iter().position(|it| it.product == product);
                    let mut candidate = own.map(|at| candidates.remove(at)).unwrap_or(Candidate {
                        product,
                        score: 0.0,
                        contributions: vec![],
                    });
                    candidate.contributions.push((after + at, 0, 0.0));
                    pinned.push((place, candidate));
                }
            }
        }
        pinned
    }

    /// Whether the rules of a request allow a product, which then counts.
    pub(crate) fn allows(
        &self,
        rules: &Rules,
        product: &str,
        per_tag: &mut BTreeMap<String, usize>,
    ) -> bool {
        let (tags, row) = (self.labels(product), self.row_of(product));
        let is_of = |list: &[String]| tags.iter().any(|tag| list.contains(tag));
        let is_in = |list: &[String]| row.is_some_and(|row| list.contains(&row.category));
        let is_gone = self.catalogue.get(product).is_some_and(Option::is_none);
        if is_gone
            || row.is_some_and(|row| row.unavailable)
            || !rules.only.is_empty() && !is_of(&rules.only)
            || is_of(&rules.without)
            || !rules.only_categories.is_empty() && !is_in(&rules.only_categories)
            || is_in(&rules.without_categories)
            || !is_within(row, (rules.price.least, rules.price.most))
        {
            return false;
        }
        let Some(max) = rules.per_tag else { return true };
        if tags.iter().any(|tag| max <= per_tag.get(tag).copied().unwrap_or(0)) {
            return false;
        }
        for tag in tags {
            *per_tag.entry(tag).or_default() += 1;
        }
        true
    }
}

/// Puts pins to their places among others, and at the end where there are no more others.
pub(crate) fn placed(pins: Vec<(usize, Candidate)>, others: Vec<Candidate>) -> Vec<Candidate> {
    let (mut pins, mut placed) = (pins.into_iter().peekable(), Vec::new());
    let mut others = others.into_iter();
    loop {
        match pins.next_if(|(place, _)| *place <= placed.len() + 1) {
            Some((_, pin)) => placed.push(pin),
            None => match others.next() {
                Some(other) => placed.push(other),
                None => break,
            },
        }
    }
    placed.extend(pins.map(|(_, pin)| pin));
    placed
}

/// Whether a row's price is between two, both of them included. Without these any will do, none too.
fn is_within(row: Option<&Product>, (least, most): (Option<i64>, Option<i64>)) -> bool {
    if least.is_none() && most.is_none() {
        return true;
    }
    let price = row.and_then(|row| row.price);
    price.is_some_and(|price| {
        (least.unwrap_or(i64::MIN)..=most.unwrap_or(i64::MAX)).contains(&price)
    })
}
