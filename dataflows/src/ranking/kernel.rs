//! The kernel of the ranking: from the evidence to the best products, with the reasons for them.

use super::candidates::{Candidate, ProductNames};
use super::matching::{Lookups, RulesInForce};
use super::merchandise::Merchandised;
use super::places::{Placed, Shown, placed};
use super::terms::{Term, terms};
use crate::ids::dictionary::Dictionaries;
use crate::ranking::answer::{Cause, Ranking};
use crate::ranking::evidence::{Evidence, Visited};
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan};
use crate::score::merchandising::Rule;
use crate::score::mixture::{Mixture, WeightsInForce};
use crate::time::Time;
use std::cmp::Ordering;

/// Ranks products, in buffers that are reused from one ranking to the next.
#[derive(Default)]
pub(crate) struct Ranker {
    /// By product, its score; all zero between rankings.
    scores: Vec<f64>,
    /// By product, its place among the shown ones, counted from 1; all zero between rankings.
    places: Vec<u32>,
    /// The products that have a score.
    scored: Vec<u32>,
    /// By place, what each term contributes to the score of the product shown there.
    contributions: Vec<Vec<Contribution>>,
}

/// A part of the score of a product that is shown.
struct Contribution {
    /// The index of the term; past the terms, that of the rule.
    cause: usize,
    events: u32,
    score: f64,
}

impl Ranker {
    /// The best available products that the plan's rules allow, as the rules of the shop correct them.
    pub(crate) fn rank(
        &mut self,
        plan: &Plan,
        mut evidence: Evidence,
        weights: &WeightsInForce,
        rules: Option<RulesInForce<'_>>,
        (time, dictionaries, product_info): (Time, &Dictionaries, &mut ProductInfo),
    ) -> Ranking {
        let names = &names_of(plan, rules.as_ref(), None, dictionaries);
        let left_out = complete(plan, &mut evidence, names);
        let mixture = Mixture::new(plan.places, &plan.model_at, weights);
        let terms = terms(plan, &evidence, &mixture, names);
        let candidates = self.candidates(&terms, &left_out, names.len());
        let tag_names = &dictionaries.tags;
        let mut lookups = Lookups { names, tag_names, info: product_info, time };
        let Placed { shown, made, .. } =
            placed(&plan.rules, candidates, rules.as_ref(), &left_out, &mut lookups);
        let all = rules.as_ref().map_or(&[][..], RulesInForce::all);
        self.explain(&terms, shown, (&made, all), plan.rules.reasons, names)
    }

    /// Every product with a positive score, except those that are left out.
    pub(super) fn candidates(
        &mut self,
        terms: &[Term<'_>],
        left_out: &[u32],
        products: usize,
    ) -> Vec<Candidate> {
        self.scores.resize(products, 0.0);
        for term in terms {
            term.evidence.each(|product, _, part| {
                let score = &mut self.scores[product as usize];
                if *score == 0.0 {
                    self.scored.push(product);
                }
                *score += part;
            });
        }
        for &product in left_out {
            self.scores[product as usize] = 0.0;
        }
        let mut candidates = Vec::with_capacity(self.scored.len());
        for product in self.scored.drain(..) {
            let score = std::mem::take(&mut self.scores[product as usize]);
            if 0.0 < score {
                candidates.push(Candidate { score, product });
            }
        }
        candidates
    }

    /// The ranking: the shown products, each with the largest of its reasons, and what the others add up to.
    pub(super) fn explain(
        &mut self,
        terms: &[Term<'_>],
        shown: Vec<Shown>,
        (made, rules): (&Merchandised, &[Rule]),
        reasons: usize,
        names: &ProductNames<'_>,
    ) -> Ranking {
        if reasons > 0 {
            self.contribute(terms, &shown, names);
        }
        let mut ranking = Ranking::default();
        let mut hits = vec![0; rules.len()];
        made.hidden.iter().for_each(|(&rule, hidden)| hits[rule] += hidden);
        // One past the rules is what is added up.
        let other = terms.len() + rules.len();
        let mut causes = vec![None; other + 1];
        for (at, Shown { score, product, row, pin }) in shown.into_iter().enumerate() {
            ranking.add(names.text(product), score, row);
            let of_rules = made.parts(product).iter().copied().chain(pin.map(|rule| (rule, 0.0)));
            let of_rules = of_rules.map(|(rule, score)| {
                hits[rule] += 1;
                Contribution { cause: terms.len() + rule, events: 0, score }
            });
            let of_rules: Vec<Contribution> = of_rules.collect();
            if reasons == 0 {
                continue;
            }
            let contributions = &mut self.contributions[at];
            let rest = keep_largest(contributions, reasons);
            contributions.extend(of_rules);
            contributions.sort_unstable_by(Contribution::largest_first);
            contributions.extend(rest.map(|rest| Contribution { cause: other, ..rest }));
            for &Contribution { cause, events, score } in &*contributions {
                let named = || match cause.checked_sub(terms.len()) {
                    None => terms[cause].cause,
                    Some(_) if cause == other => Cause::Other,
                    Some(rule) => Cause::Rule(rules[rule].action.kind(), &*rules[rule].id),
                };
                let cause = *causes[cause].get_or_insert_with(|| ranking.add_cause(named()));
                ranking.add_reason(cause, events, score);
            }
        }
        for (Rule { action, id, .. }, hits) in rules.iter().zip(hits).filter(|(_, hits)| *hits > 0)
        {
            ranking.add_hits(action.kind(), id, hits);
        }
        ranking
    }

    /// Notes by place what each term contributes to the product that is shown there.
    fn contribute(&mut self, terms: &[Term<'_>], shown: &[Shown], names: &ProductNames<'_>) {
        self.places.resize(names.len(), 0);
        for (place, shown) in (1..).zip(shown) {
            self.places[shown.product as usize] = place;
        }
        self.contributions.iter_mut().for_each(Vec::clear);
        self.contributions.resize_with(shown.len().max(self.contributions.len()), Vec::new);
        for (cause, term) in terms.iter().enumerate() {
            term.evidence.each(|product, events, score| {
                // What the weights switch off is no reason.
                if let Some(place) = self.places[product as usize].checked_sub(1)
                    && score != 0.0
                {
                    let contributions = &mut self.contributions[place as usize];
                    match contributions.last_mut().filter(|last| last.cause == cause) {
                        Some(last) => {
                            last.events += events;
                            last.score += score;
                        }
                        None => contributions.push(Contribution { cause, events, score }),
                    }
                }
            });
        }
        shown.iter().for_each(|shown| self.places[shown.product as usize] = 0);
    }
}

impl Contribution {
    /// Orders by score, equal ones as their terms.
    fn largest_first(one: &Contribution, other: &Contribution) -> Ordering {
        other.score.total_cmp(&one.score).then(one.cause.cmp(&other.cause))
    }
}

/// Keeps the `n` largest contributions, and adds up the others, if there are any.
fn keep_largest(contributions: &mut Vec<Contribution>, n: usize) -> Option<Contribution> {
    if contributions.len() <= n {
        return None;
    }
    contributions.select_nth_unstable_by(n, Contribution::largest_first);
    contributions.drain(n..).reduce(|sum, one| Contribution {
        events: sum.events.saturating_add(one.events),
        score: sum.score + one.score,
        ..sum
    })
}

/// The names of products, with those that the request, rules or a question about a product name.
pub(super) fn names_of<'a>(
    plan: &'a Plan,
    rules: Option<&RulesInForce<'a>>,
    asked: Option<&'a str>,
    dictionaries: &'a Dictionaries,
) -> ProductNames<'a> {
    let pinned = rules.into_iter().flat_map(RulesInForce::unknown_pins);
    let named = plan.basis.visit().into_iter().chain(pinned).chain(asked);
    ProductNames::new(&dictionaries.products, named)
}

/// Adds the visit of the request to the evidence, and sorts it. Returns the products that are left out.
pub(super) fn complete(plan: &Plan, evidence: &mut Evidence, names: &ProductNames<'_>) -> Vec<u32> {
    if let Basis::Visit(_) = plan.basis {
        let visit = plan.basis.visit().into_iter().filter_map(|product| names.id(product));
        evidence.visit = visit.map(|product| Visited { product, current: true }).collect();
    }
    evidence.sort(names);
    left_out(plan, &evidence.visit, &evidence.bought, names)
}

/// The products that are not ranked: excluded, just seen, bought, and the plan's own product.
fn left_out(plan: &Plan, visit: &[Visited], bought: &[u32], names: &ProductNames<'_>) -> Vec<u32> {
    let rules = &plan.rules;
    let current = visit.iter().filter(|visited| visited.current).map(|visited| visited.product);
    let seen = match rules.leave_out {
        LeaveOut::None => 0,
        LeaveOut::Current => 1,
        LeaveOut::Visit => usize::MAX,
    };
    let itself = match &plan.basis {
        Basis::Product(product) => names.id(product),
        _ => None,
    };
    let excluded = rules.exclude.iter().filter_map(|product| names.id(product));
    excluded.chain(current.take(seen)).chain(bought.iter().copied()).chain(itself).collect()
}
