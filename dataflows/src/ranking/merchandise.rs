//! What the rules of the shop make of the candidates of a ranking: other scores, fewer candidates, and pins.

use super::candidates::{Candidate, ProductNames, take_best};
use super::matching::{Lookups, RulesInForce};
use crate::ids::by_id::ById;
use crate::score::merchandising::{Action, Rule};
use std::collections::BTreeMap;

/// The range of what all rules together multiply a score by, so that it stays a number.
const FACTORS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// What the rules have made of the candidates.
#[derive(Default)]
pub(super) struct Merchandised {
    /// By product, what each rule that has multiplied its score has added to it.
    parts: ById<Vec<(usize, f64)>>,
    /// By place; those of one place in the order of their rules.
    pub(super) pins: Vec<Pin>,
    /// The number of candidates that were hidden.
    pub(super) hidden: usize,
}

/// The products that a rule puts to a place.
pub(super) struct Pin {
    /// The index of the rule.
    pub(super) rule: usize,
    pub(super) place: usize,
    /// The products, the first choice first.
    pub(super) choices: Vec<u32>,
    /// The most of them that are put there.
    pub(super) most: usize,
}

impl Merchandised {
    /// Scores the best `most` candidates anew, and leaves out the others and those that are hidden. Each costs a lookup
    /// or two, as if it was examined.
    pub(super) fn of(
        candidates: &mut Vec<Candidate>,
        most: usize,
        rules: &RulesInForce<'_>,
        lookups: &mut Lookups<'_>,
    ) -> Merchandised {
        if most < candidates.len() {
            let mut best = take_best(candidates, most, lookups.names);
            // What is pinned comes along, for it keeps its score.
            let pinned = rules.pinned().filter_map(|name| lookups.names.id(name));
            let pinned: ById<()> = pinned.map(|product| (product, ())).collect();
            candidates.retain(|candidate| pinned.contains_key(&candidate.product));
            best.append(candidates);
            *candidates = best;
        }
        let mut made = Merchandised::default();
        let mut matched: BTreeMap<usize, Vec<Candidate>> = BTreeMap::new();
        let mut hits = Vec::new();
        candidates.retain_mut(|candidate| {
            rules.hits(candidate.product, lookups, &mut hits);
            if rules.hides(&hits) {
                made.hidden += 1;
                return false;
            }
            candidate.score = made.scored(*candidate, &hits, rules.all());
            let pins = hits.iter().filter(|&&at| matches!(rules.all()[at].action, Action::Pin(_)));
            pins.for_each(|&at| matched.entry(at).or_default().push(*candidate));
            true
        });
        made.pins = pins(rules, matched, lookups.names);
        made
    }

    /// What rules have added to the score of a product, by rule.
    pub(super) fn parts(&self, product: u32) -> &[(usize, f64)] {
        self.parts.get(&product).map_or(&[], Vec::as_slice)
    }

    /// The score of a candidate after the rules that hit it.
    fn scored(&mut self, candidate: Candidate, hits: &[usize], rules: &[Rule]) -> f64 {
        let Candidate { score, product } = candidate;
        let mut factor = 1.0_f64;
        for &at in hits {
            let (Action::Boost(by) | Action::Bury(by)) = rules[at].action else { continue };
            let next = (factor * by).clamp(*FACTORS.start(), *FACTORS.end());
            self.parts.entry(product).or_default().push((at, score * (next - factor)));
            factor = next;
        }
        score * factor
    }
}

/// The pins of rules. A rule that names no products pins the best candidate that it hits.
fn pins(
    rules: &RulesInForce<'_>,
    mut matched: BTreeMap<usize, Vec<Candidate>>,
    names: &ProductNames<'_>,
) -> Vec<Pin> {
    let pin = |(rule, of): (usize, &Rule)| {
        let Action::Pin(place) = of.action else { return None };
        let named = &of.condition.products;
        if !named.is_empty() {
            let choices = named.iter().filter_map(|name| names.id(name)).collect();
            return Some(Pin { rule, place, choices, most: named.len() });
        }
        let mut found = matched.remove(&rule).unwrap_or_default();
        let all = found.len().max(1);
        let choices = take_best(&mut found, all, names).into_iter();
        let choices = choices.map(|candidate| candidate.product).collect();
        Some(Pin { rule, place, choices, most: 1 })
    };
    let mut pins: Vec<Pin> = rules.holding().filter_map(pin).collect();
    pins.sort_by_key(|pin| pin.place);
    pins
}
