//! What the rules of the shop make of the candidates of a ranking: other scores, fewer candidates, and pins.

use super::candidates::{Candidate, ProductNames, take_best};
use super::matching::{Lookups, RulesInForce};
use super::rules::Rules;
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
    /// By pin that names no products, the candidates that it hits.
    matched: BTreeMap<usize, Vec<Candidate>>,
    /// By rule, the number of candidates that it hides.
    pub(super) hidden: BTreeMap<usize, usize>,
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

/// Moves those candidates out of `rest` that rules are held to at first, which costs a lookup or two each: the best by
/// their own scores, enough of them, and all that are pinned.
pub(super) fn first(
    rest: &mut Vec<Candidate>,
    request: &Rules,
    rules: &RulesInForce<'_>,
    names: &ProductNames<'_>,
) -> Vec<Candidate> {
    // What a pin without products hits is looked for among all.
    let is_open = rules.pins().any(|(at, _)| rules.is_open(at));
    let enough = if is_open { request.max_examined() } else { request.many() };
    if rest.len() <= enough {
        return std::mem::take(rest);
    }
    let mut best = take_best(rest, enough.max(1), names);
    let pinned = rules.pins().flat_map(|(at, _)| rules.products(at, names));
    let pinned: ById<()> = pinned.map(|product| (product, ())).collect();
    best.extend(rest.extract_if(.., |candidate| pinned.contains_key(&candidate.product)));
    best
}

impl Merchandised {
    /// Scores candidates anew, and leaves out those that are hidden.
    pub(super) fn correct(
        &mut self,
        candidates: &mut Vec<Candidate>,
        rules: &RulesInForce<'_>,
        lookups: &mut Lookups<'_>,
    ) {
        let mut hits = Vec::new();
        candidates.retain_mut(|candidate| {
            rules.hits(candidate.product, lookups, &mut hits);
            if rules.hides(&hits) {
                rules.hiding(&hits).for_each(|at| *self.hidden.entry(at).or_default() += 1);
                return false;
            }
            candidate.score = self.scored(*candidate, &hits, rules.all());
            let is_open = |&&at: &&usize| rules.all()[at].action.is_pin() && rules.is_open(at);
            for &pin in hits.iter().filter(is_open) {
                self.matched.entry(pin).or_default().push(*candidate);
            }
            true
        });
    }

    /// The pins by place, those of one place in the order of their rules. One that names no products has the candidates
    /// that it hits, of which it pins the best.
    pub(super) fn pins(&mut self, rules: &RulesInForce<'_>, names: &ProductNames<'_>) -> Vec<Pin> {
        let pin = |(rule, place)| {
            if !rules.is_open(rule) {
                let choices: Vec<u32> = rules.products(rule, names).collect();
                return Pin { rule, place, most: choices.len(), choices };
            }
            let mut found = self.matched.remove(&rule).unwrap_or_default();
            let all = found.len().max(1);
            let choices = take_best(&mut found, all, names).into_iter();
            let choices = choices.map(|candidate| candidate.product).collect();
            Pin { rule, place, most: 1, choices }
        };
        let mut pins: Vec<Pin> = rules.pins().map(pin).collect();
        pins.sort_by_key(|pin| pin.place);
        pins
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
