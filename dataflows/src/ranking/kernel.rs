//! The kernel: from the parts of a question to the best products and the reasons for them.

use super::pick::Picker;
use crate::ids::dictionary::Dictionaries;
use crate::ids::dictionary::Dictionary;
use crate::ids::hash::stable_hash;
use crate::ranking::answer::{Cause, Ranking};
use crate::ranking::evidence::Evidence;
use crate::ranking::evidence::PairRow;
use crate::ranking::evidence::{Best, Popular, Visited, Worth};
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{AGAIN, Basis, LeaveOut, Plan, Rules};
use crate::record::product::Product;
use crate::score::model::Blend;
use crate::score::model::ModelAt;
use crate::time::Time;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A term of the score: each product's worth, times a factor.
struct Term<'a> {
    cause: Cause<&'a str>,
    factor: f64,
    products: Best,
}

/// Ranks, in memory that it keeps.
#[derive(Default)]
pub(crate) struct Ranker {
    /// By product, its score; zero outside of [`Ranker::rank`].
    scores: Vec<f64>,
    /// By product, one more than its place among those that are shown; likewise.
    shown: Vec<u32>,
    touched: Vec<u32>,
    /// What terms say of each product that is shown, by its place.
    parts: Vec<Vec<Part>>,
}

/// A product with its score.
struct Candidate {
    score: f64,
    product: u32,
}

/// A product that is shown.
struct Shown {
    score: f64,
    product: u32,
    row: Option<Arc<Product>>,
}

/// What a term says of a product that is shown.
struct Part {
    term: usize,
    events: u32,
    score: f64,
}

/// Takes the best so many out of the rest, best first, ties by name. Names are looked at among ties
/// alone.
fn take_best(rest: &mut Vec<Candidate>, most: usize, names: &Known<'_>) -> Vec<Candidate> {
    let order = |one: &Candidate, other: &Candidate| {
        let by_name = || names.text(one.product).cmp(names.text(other.product));
        other.score.total_cmp(&one.score).then_with(by_name)
    };
    let mut best = if most < rest.len() {
        rest.select_nth_unstable_by(most, order);
        rest.drain(..most).collect()
    } else {
        std::mem::take(rest)
    };
    best.sort_unstable_by(order);
    best
}

/// Looks at candidates, best first, until the picker is done or enough were looked at; `look` decides
/// about one. Returns those that are shown.
fn pick(
    mut rest: Vec<Candidate>,
    rules: &Rules,
    names: &Known<'_>,
    mut look: impl FnMut(Candidate) -> ControlFlow<(), Option<Shown>>,
) -> Vec<Shown> {
    let mut shown = Vec::with_capacity(rules.n.min(rest.len()));
    let (mut take, mut left) = (rules.shown(), rules.most_looked_at());
    while !rest.is_empty() && left > 0 {
        for candidate in take_best(&mut rest, take.clamp(1, left), names) {
            match look(candidate) {
                ControlFlow::Continue(more) => shown.extend(more),
                ControlFlow::Break(()) => return shown,
            }
            left -= 1;
        }
        // Selecting goes through all that are left: twice as many each time keeps it few times.
        take = take.saturating_mul(2);
    }
    shown
}

impl Ranker {
    /// The best products of a plan that its rules allow and that are not unavailable.
    pub(crate) fn rank(
        &mut self,
        plan: &Plan,
        evidence: Evidence,
        time: Time,
        dictionaries: &Dictionaries,
        product_info: &mut ProductInfo,
    ) -> Ranking {
        let Evidence { visit, bought, rows, popular } = evidence;
        let given = plan.basis.visit();
        let names = &Known::with(&dictionaries.products, &given);
        let visit = visit_of(plan, &given, visit, names);
        let left_out = left_out(plan, &visit, &bought, names);
        let terms = terms(plan, &visit, rows, &popular, names);
        let candidates = self.candidates(&terms, left_out, names.len());
        let mut picker = Picker::new(&plan.rules, &dictionaries.tags);
        let shown = pick(candidates, &plan.rules, names, |Candidate { score, product }| {
            if picker.is_done() {
                return ControlFlow::Break(());
            }
            let listing = product_info.listing(product, time);
            let is_shown = listing.may_be_shown()
                && picker.shows(|| product_info.tags(product, time, &dictionaries.tags));
            let row = is_shown.then(|| listing.into_row());
            ControlFlow::Continue(row.map(|row| Shown { score, product, row }))
        });
        self.explain(&terms, shown, names)
    }

    /// All products that some term speaks for, but those that are left out.
    fn candidates(
        &mut self,
        terms: &[Term<'_>],
        left_out: Vec<u32>,
        products: usize,
    ) -> Vec<Candidate> {
        self.scores.resize(products, 0.0);
        for term in terms {
            for &Worth { product, worth, .. } in &term.products {
                let score = &mut self.scores[product as usize];
                if *score == 0.0 {
                    self.touched.push(product);
                }
                *score += term.factor * worth;
            }
        }
        for product in left_out {
            self.scores[product as usize] = 0.0;
        }
        let mut candidates = Vec::with_capacity(self.touched.len());
        for product in self.touched.drain(..) {
            let score = std::mem::take(&mut self.scores[product as usize]);
            if 0.0 < score {
                candidates.push(Candidate { score, product });
            }
        }
        candidates
    }

    /// What is shown, with what speaks for it, the weightiest first.
    fn explain(&mut self, terms: &[Term<'_>], shown: Vec<Shown>, names: &Known<'_>) -> Ranking {
        self.shown.resize(names.len(), 0);
        for (place, shown) in (1..).zip(&shown) {
            self.shown[shown.product as usize] = place;
        }
        self.parts.iter_mut().for_each(Vec::clear);
        self.parts.resize_with(shown.len().max(self.parts.len()), Vec::new);
        for (term, Term { factor, products, .. }) in terms.iter().enumerate() {
            for &Worth { product, worth, events } in products {
                if let Some(place) = self.shown[product as usize].checked_sub(1) {
                    let part = Part { term, events, score: factor * worth };
                    self.parts[place as usize].push(part);
                }
            }
        }
        let mut ranking = Ranking::default();
        let mut causes = vec![None; terms.len()];
        for (Shown { score, product, row }, parts) in shown.into_iter().zip(&mut self.parts) {
            self.shown[product as usize] = 0;
            ranking.add(names.text(product), score, row);
            // Few, and in the order of their terms: the sort keeps it where scores are equal.
            parts.sort_by(|one, other| other.score.total_cmp(&one.score));
            for &Part { term, events, score } in &*parts {
                let cause =
                    *causes[term].get_or_insert_with(|| ranking.add_cause(terms[term].cause));
                ranking.add_reason(cause, events, score);
            }
        }
        ranking
    }
}

/// The products that are known here, and those of the visit that is asked about: whoever asks knows
/// them, though nobody may have touched them yet. They are not kept.
struct Known<'a> {
    names: &'a Dictionary,
    others: Vec<&'a str>,
}

impl<'a> Known<'a> {
    fn with(names: &'a Dictionary, visit: &[&'a str]) -> Known<'a> {
        let others = visit.iter().copied().filter(|name| names.id(name).is_none());
        Known { names, others: others.collect() }
    }

    fn len(&self) -> usize {
        self.names.len() + self.others.len()
    }

    fn id(&self, name: &str) -> Option<u32> {
        let other = || {
            let place = self.others.iter().position(|other| *other == name)?;
            u32::try_from(self.names.len() + place).ok()
        };
        self.names.id(name).or_else(other)
    }

    fn text(&self, id: u32) -> &str {
        match (id as usize).checked_sub(self.names.len()) {
            Some(place) => self.others[place],
            None => self.names.text(id),
        }
    }
}

/// The visit, newest first: the user's, or the one that was given.
fn visit_of(plan: &Plan, given: &[&str], visit: Vec<Visited>, names: &Known<'_>) -> Vec<Visited> {
    match &plan.basis {
        Basis::Visit(_) => {
            let known = given.iter().filter_map(|product| names.id(product));
            known.map(|product| Visited { product, current: true }).collect()
        }
        _ => visit,
    }
}

fn left_out(plan: &Plan, visit: &[Visited], bought: &[u32], names: &Known<'_>) -> Vec<u32> {
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

/// The terms of the score, in an order that does not depend on who found what.
fn terms<'a>(
    plan: &Plan,
    visit: &[Visited],
    mut rows: Vec<PairRow>,
    popular: &'a [Popular],
    names: &'a Known<'_>,
) -> Vec<Term<'a>> {
    let blend = &plan.model_at.model.blend;
    rows.sort_by_key(|row| (!row.current, row.place));
    let again = match plan.basis {
        Basis::User(_) | Basis::Visit(_) => again(visit, &plan.model_at),
        _ => Vec::new(),
    };
    let rest = 1.0 - again.iter().map(|product| product.worth).sum::<f64>();
    let visited = visit.iter().filter(|visited| visited.current).count();
    let visited = visited.clamp(1, blend.products.into());
    let norm: f64 = (0..visited).map(|place| fade(place, blend.recency)).sum();
    let factor = |row: &PairRow| {
        let u = if row.current {
            fade(row.place, blend.recency)
        } else {
            blend.earlier * fade(row.place, blend.earlier_recency)
        };
        rest * u / norm / (row.mass + blend.doubt)
    };
    let mut terms: Vec<Term<'_>> = rows
        .into_iter()
        .map(|row| Term {
            cause: Cause::Product(names.text(row.product)),
            factor: factor(&row),
            products: row.partners,
        })
        .collect();
    terms.push(Term { cause: Cause::Seen, factor: 1.0, products: all(again) });
    terms.push(seen_before(visit, blend));
    let ranking = !matches!(plan.basis, Basis::Tag(_) | Basis::Everything);
    let (tags, everything) = if ranking { (rest * blend.tags, blend.trend) } else { (1.0, 1.0) };
    let mut tagged: Vec<(&str, &Popular)> =
        popular.iter().filter_map(|popular| Some((popular.tag.as_deref()?, popular))).collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    let scale = |mass: f64| if ranking { mass } else { 1.0 };
    for (tag, &Popular { share, mass, ref products, .. }) in tagged {
        let factor = tags * share / scale(mass);
        terms.push(Term { cause: Cause::Tag(tag), factor, products: products.clone() });
    }
    let overall: Vec<&Popular> = popular.iter().filter(|popular| popular.tag.is_none()).collect();
    if let Some(first) = overall.first() {
        let mass = overall.iter().map(|list| list.mass).sum();
        let products = merged(&overall, first.products.n(), names);
        terms.push(Term { cause: Cause::Popular, factor: everything / scale(mass), products });
    }
    // What the blend leaves out is no reason.
    terms.retain(|term| term.factor != 0.0);
    terms
}

/// How likely the visitor comes back to each product of the visit.
fn again(visit: &[Visited], model_at: &ModelAt) -> Vec<Worth> {
    let blend = &model_at.model.blend;
    let likely = std::iter::once(model_at.again).chain(AGAIN);
    let current = visit.iter().filter(|visited| visited.current).zip(likely).enumerate();
    let worth = |(place, (visited, likely)): (usize, (&Visited, f64))| Worth {
        product: visited.product,
        worth: likely + blend.repeat * fade(place, blend.repeat_recency),
        events: 1,
    };
    current.map(worth).collect()
}

/// What was seen before the visit.
fn seen_before<'a>(visit: &[Visited], blend: &Blend) -> Term<'a> {
    let products = visit.iter().filter(|visited| !visited.current);
    let worth = |(place, visited): (usize, &Visited)| Worth {
        product: visited.product,
        worth: fade(place, blend.earlier_recency),
        events: 1,
    };
    let products = all(products.enumerate().map(worth).collect());
    Term { cause: Cause::SeenBefore, factor: blend.earlier_repeat, products }
}

/// What a place counts, when so many places on count 1/e.
pub(crate) fn fade(place: usize, recency: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a place in a visit is small")]
    let place = place as f64;
    (-place / recency).exp()
}

/// The best so many overall, of what each worker found among its own: as many as one worker would
/// have found, so that the ranking does not depend on how many there are.
fn merged(overall: &[&Popular], n: usize, names: &Known<'_>) -> Best {
    if let [only] = overall {
        return only.products.clone();
    }
    let tie = |product: &Worth| stable_hash(names.text(product.product).as_bytes());
    let mut products: Vec<Worth> =
        overall.iter().flat_map(|list| &list.products).copied().collect();
    products.sort_unstable_by(|one, other| {
        other.worth.total_cmp(&one.worth).then_with(|| tie(one).cmp(&tie(other)))
    });
    products.truncate(n);
    all(products)
}

/// All of some products.
fn all(products: Vec<Worth>) -> Best {
    Best::first(usize::MAX, products.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at so many candidates of few different scores, of which none is shown.
    fn looked_at(candidates: u32, rules: &Rules) -> Vec<u32> {
        let mut names = Dictionary::default();
        let known = |id: u32| {
            let score = f64::from(id % 7);
            Candidate { score, product: names.intern(&format!("{id:06}")) }
        };
        let candidates: Vec<_> = (0..candidates).map(known).collect();
        let mut looked_at = Vec::new();
        pick(candidates, rules, &Known::with(&names, &[]), |candidate| {
            looked_at.push(candidate.product);
            ControlFlow::Continue(None)
        });
        looked_at
    }

    #[test]
    fn candidates_are_looked_at_once_each_best_first_and_ties_by_name() {
        let rules = Rules::first(1);
        let mut expected: Vec<u32> = (0..500).collect();
        expected.sort_by_key(|id| (std::cmp::Reverse(id % 7), *id));
        assert_eq!(looked_at(500, &rules), expected);
    }

    #[test]
    fn however_many_candidates_there_are_few_are_looked_at() {
        for n in [1, 10, 1000] {
            let rules = Rules { offset: n, ..Rules::first(n) };
            assert_eq!(looked_at(50_000, &rules).len(), rules.most_looked_at());
            assert!(rules.most_looked_at() <= 2_100);
            assert!(Rules { per_tag: Some(1), ..rules }.reach() <= 2_100);
        }
    }
}
