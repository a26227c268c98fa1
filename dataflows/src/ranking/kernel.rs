//! The kernel of the ranking: from the evidence to the best products, with the reasons for them.

use super::pick::Picker;
use crate::ids::dictionary::{Dictionaries, Dictionary};
use crate::ids::hash::stable_hash;
use crate::ranking::answer::{Cause, Ranking};
use crate::ranking::evidence::{Best, Evidence, PairRow, PopularProducts, Scored, Visited};
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, REPEAT_RATES, Rules};
use crate::record::product::Product;
use crate::score::model::{Blend, ModelAt};
use crate::time::Time;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A term of the score: products with scores of their own, times a factor.
struct Term<'a> {
    cause: Cause<&'a str>,
    factor: f64,
    products: Best,
}

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

/// A product with its score.
struct Candidate {
    score: f64,
    product: u32,
}

/// A product that is shown, with its catalogue row.
struct Shown {
    score: f64,
    product: u32,
    row: Option<Arc<Product>>,
}

/// A term's part of the score of a product that is shown.
struct Contribution {
    term: usize,
    events: u32,
    score: f64,
}

/// Moves the best `n` candidates, at least one, out of `rest`: highest score first, ties by name. Most
/// candidates are told apart by their scores alone, and names are looked at among the best only.
fn take_best(rest: &mut Vec<Candidate>, n: usize, names: &ProductNames<'_>) -> Vec<Candidate> {
    let by_score = |one: &Candidate, other: &Candidate| other.score.total_cmp(&one.score);
    let order = |one: &Candidate, other: &Candidate| {
        let by_name = || names.text(one.product).cmp(names.text(other.product));
        by_score(one, other).then_with(by_name)
    };
    let mut best = if n < rest.len() {
        let (_, last, _) = rest.select_nth_unstable_by(n - 1, by_score);
        let least = last.score;
        rest.extract_if(.., |candidate| least <= candidate.score).collect()
    } else {
        std::mem::take(rest)
    };
    // More than one candidate may have the least score.
    if n < best.len() {
        best.select_nth_unstable_by(n, order);
        rest.extend(best.drain(n..));
    }
    best.sort_unstable_by(order);
    best
}

/// Passes candidates to `examine`, best first, until it breaks or [`Rules::max_examined`] is reached.
/// Returns those that are shown.
fn pick(
    mut rest: Vec<Candidate>,
    rules: &Rules,
    names: &ProductNames<'_>,
    mut examine: impl FnMut(Candidate) -> ControlFlow<(), Option<Shown>>,
) -> Vec<Shown> {
    let mut shown = Vec::with_capacity(rules.n.min(rest.len()));
    let (mut take, mut left) = (rules.end(), rules.max_examined());
    while !rest.is_empty() && left > 0 {
        for candidate in take_best(&mut rest, take.clamp(1, left), names) {
            match examine(candidate) {
                ControlFlow::Continue(product) => shown.extend(product),
                ControlFlow::Break(()) => return shown,
            }
            left -= 1;
        }
        // Each selection is linear in `rest`: doubling keeps their number logarithmic.
        take = take.saturating_mul(2);
    }
    shown
}

impl Ranker {
    /// The best available products that the plan's rules allow.
    pub(crate) fn rank(
        &mut self,
        plan: &Plan,
        evidence: Evidence,
        time: Time,
        dictionaries: &Dictionaries,
        product_info: &mut ProductInfo,
    ) -> Ranking {
        let Evidence { visit, bought, rows, popular } = evidence;
        let requested = plan.basis.visit();
        let names = &ProductNames::new(&dictionaries.products, &requested);
        let visit = visit_of(plan, &requested, visit, names);
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
                && picker.accepts(|| product_info.tags(product, time, &dictionaries.tags));
            let row = is_shown.then(|| listing.into_row());
            ControlFlow::Continue(row.map(|row| Shown { score, product, row }))
        });
        self.explain(&terms, shown, names)
    }

    /// Every product with a positive score, except those that are left out.
    fn candidates(
        &mut self,
        terms: &[Term<'_>],
        left_out: Vec<u32>,
        products: usize,
    ) -> Vec<Candidate> {
        self.scores.resize(products, 0.0);
        for term in terms {
            for scored in &term.products {
                let score = &mut self.scores[scored.product as usize];
                if *score == 0.0 {
                    self.scored.push(scored.product);
                }
                *score += term.factor * scored.score;
            }
        }
        for product in left_out {
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

    /// The ranking: the shown products, each with its reasons, the largest contribution first.
    fn explain(
        &mut self,
        terms: &[Term<'_>],
        shown: Vec<Shown>,
        names: &ProductNames<'_>,
    ) -> Ranking {
        self.places.resize(names.len(), 0);
        for (place, shown) in (1..).zip(&shown) {
            self.places[shown.product as usize] = place;
        }
        self.contributions.iter_mut().for_each(Vec::clear);
        self.contributions.resize_with(shown.len().max(self.contributions.len()), Vec::new);
        for (term, Term { factor, products, .. }) in terms.iter().enumerate() {
            for &Scored { product, score, events } in products {
                if let Some(place) = self.places[product as usize].checked_sub(1) {
                    let contribution = Contribution { term, events, score: factor * score };
                    self.contributions[place as usize].push(contribution);
                }
            }
        }
        let mut ranking = Ranking::default();
        let mut causes = vec![None; terms.len()];
        for (Shown { score, product, row }, contributions) in
            shown.into_iter().zip(&mut self.contributions)
        {
            self.places[product as usize] = 0;
            ranking.add(names.text(product), score, row);
            // The sort is stable: equal scores stay in the order of their terms.
            contributions.sort_by(|one, other| other.score.total_cmp(&one.score));
            for &Contribution { term, events, score } in &*contributions {
                let cause =
                    *causes[term].get_or_insert_with(|| ranking.add_cause(terms[term].cause));
                ranking.add_reason(cause, events, score);
            }
        }
        ranking
    }
}

/// The names of products: the worker's dictionary, and past its ids the products of the requested
/// visit that it lacks, for this ranking alone.
struct ProductNames<'a> {
    dictionary: &'a Dictionary,
    others: Vec<&'a str>,
}

impl<'a> ProductNames<'a> {
    fn new(dictionary: &'a Dictionary, visit: &[&'a str]) -> ProductNames<'a> {
        let others = visit.iter().copied().filter(|name| dictionary.id(name).is_none());
        ProductNames { dictionary, others: others.collect() }
    }

    fn len(&self) -> usize {
        self.dictionary.len() + self.others.len()
    }

    fn id(&self, name: &str) -> Option<u32> {
        let other = || {
            let place = self.others.iter().position(|other| *other == name)?;
            u32::try_from(self.dictionary.len() + place).ok()
        };
        self.dictionary.id(name).or_else(other)
    }

    fn text(&self, id: u32) -> &str {
        match (id as usize).checked_sub(self.dictionary.len()) {
            Some(place) => self.others[place],
            None => self.dictionary.text(id),
        }
    }
}

/// The visit, newest first: the one in the request, or else the user's.
fn visit_of(
    plan: &Plan,
    requested: &[&str],
    visit: Vec<Visited>,
    names: &ProductNames<'_>,
) -> Vec<Visited> {
    match &plan.basis {
        Basis::Visit(_) => {
            let known = requested.iter().filter_map(|product| names.id(product));
            known.map(|product| Visited { product, current: true }).collect()
        }
        _ => visit,
    }
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

/// The terms of the score, in an order that does not depend on which workers the evidence is from.
///
/// ```text
/// each row i       (1 - R) · u_i / norm / (mass_i + doubt) · partners
/// the visit        repeat_rate + repeat · e^(-pos / repeat_recency), R in all
/// before it        earlier_repeat · e^(-pos / earlier_recency)
/// each tag t       (1 - R) · tags · share_t / mass_t · popular in t
/// overall          trend / mass · popular
/// ```
///
/// Without a visit or a product to start from, the last two are the popular products as they are.
fn terms<'a>(
    plan: &Plan,
    visit: &[Visited],
    mut rows: Vec<PairRow>,
    popular: &'a [PopularProducts],
    names: &'a ProductNames<'_>,
) -> Vec<Term<'a>> {
    let blend = &plan.model_at.model.blend;
    rows.sort_by_key(|row| (!row.current, row.place));
    let repeats = match plan.basis {
        Basis::User(_) | Basis::Visit(_) => repeats(visit, &plan.model_at),
        _ => Vec::new(),
    };
    let rest = 1.0 - repeats.iter().map(|product| product.score).sum::<f64>();
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
    terms.push(Term { cause: Cause::Seen, factor: 1.0, products: Best::all(repeats) });
    terms.push(seen_before(visit, blend));
    let is_blended = !matches!(plan.basis, Basis::Tag(_) | Basis::Everything);
    let (tags, everything) = if is_blended { (rest * blend.tags, blend.trend) } else { (1.0, 1.0) };
    let mut tagged: Vec<(&str, &PopularProducts)> =
        popular.iter().filter_map(|popular| Some((popular.tag.as_deref()?, popular))).collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    let scale = |mass: f64| if is_blended { mass } else { 1.0 };
    for (tag, &PopularProducts { share, mass, ref products, .. }) in tagged {
        let factor = tags * share / scale(mass);
        terms.push(Term { cause: Cause::Tag(tag), factor, products: products.clone() });
    }
    let overall: Vec<&PopularProducts> =
        popular.iter().filter(|popular| popular.tag.is_none()).collect();
    if let Some(first) = overall.first() {
        let mass = overall.iter().map(|list| list.mass).sum();
        let products = merged(&overall, first.products.n(), names);
        terms.push(Term { cause: Cause::Popular, factor: everything / scale(mass), products });
    }
    // A term that the blend switches off is no reason.
    terms.retain(|term| term.factor != 0.0);
    terms
}

/// The probability that the visitor comes back to each product of the visit.
fn repeats(visit: &[Visited], model_at: &ModelAt) -> Vec<Scored> {
    let blend = &model_at.model.blend;
    let rates = std::iter::once(model_at.repeat_rate).chain(REPEAT_RATES);
    let current = visit.iter().filter(|visited| visited.current).zip(rates).enumerate();
    let scored = |(place, (visited, rate)): (usize, (&Visited, f64))| Scored {
        product: visited.product,
        score: rate + blend.repeat * fade(place, blend.repeat_recency),
        events: 1,
    };
    current.map(scored).collect()
}

/// The term of the products that were seen before the visit.
fn seen_before<'a>(visit: &[Visited], blend: &Blend) -> Term<'a> {
    let products = visit.iter().filter(|visited| !visited.current);
    let scored = |(place, visited): (usize, &Visited)| Scored {
        product: visited.product,
        score: fade(place, blend.earlier_recency),
        events: 1,
    };
    let products = Best::all(products.enumerate().map(scored).collect());
    Term { cause: Cause::SeenBefore, factor: blend.earlier_repeat, products }
}

/// The weight of a place: 1 for the first, 1/e `recency` places on.
pub(crate) fn fade(place: usize, recency: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a place in a visit is small")]
    let place = place as f64;
    (-place / recency).exp()
}

/// The best `n` of all workers' lists: as many as one worker alone would have returned, so that the
/// ranking does not depend on the number of workers.
fn merged(overall: &[&PopularProducts], n: usize, names: &ProductNames<'_>) -> Best {
    if let [only] = overall {
        return only.products.clone();
    }
    let tie = |product: &Scored| stable_hash(names.text(product.product).as_bytes());
    let mut products: Vec<Scored> =
        overall.iter().flat_map(|list| &list.products).copied().collect();
    products.sort_unstable_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| tie(one).cmp(&tie(other)))
    });
    products.truncate(n);
    Best::all(products)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The products that are examined when there are so many candidates, and none is shown. There
    /// are few different scores.
    fn examined(candidates: u32, rules: &Rules) -> Vec<u32> {
        let mut names = Dictionary::default();
        let candidate = |id: u32| {
            let score = f64::from(id % 7);
            Candidate { score, product: names.intern(&format!("{id:06}")) }
        };
        let candidates: Vec<_> = (0..candidates).map(candidate).collect();
        let mut examined = Vec::new();
        pick(candidates, rules, &ProductNames::new(&names, &[]), |candidate| {
            examined.push(candidate.product);
            ControlFlow::Continue(None)
        });
        examined
    }

    #[test]
    fn candidates_are_examined_once_each_best_first_and_ties_by_name() {
        let rules = Rules::first(1);
        let mut expected: Vec<u32> = (0..500).collect();
        expected.sort_by_key(|id| (std::cmp::Reverse(id % 7), *id));
        assert_eq!(examined(500, &rules), expected);
    }

    #[test]
    fn few_of_many_candidates_are_examined() {
        for n in [1, 10, 1000] {
            let rules = Rules { offset: n, ..Rules::first(n) };
            assert_eq!(examined(50_000, &rules).len(), rules.max_examined());
            assert!(rules.max_examined() <= 2_100);
            assert!(Rules { per_tag: Some(1), ..rules }.popular() <= 2_100);
        }
    }
}
