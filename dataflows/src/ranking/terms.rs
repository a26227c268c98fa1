//! The terms of the score of a ranking: what each part of the evidence gives to products, weighed by the mixture.

use super::candidates::ProductNames;
use crate::ids::hash::stable_hash;
use crate::ranking::answer::Cause;
use crate::ranking::evidence::{Evidence, PairRow, PopularProducts, Scored, ScoredProducts};
use crate::ranking::rules::{Basis, Plan};
use crate::score::mixture::{BINS, DOUBT, Mixture, PAIR_SUMS};

/// A term of the score: what a source of evidence gives to products.
pub(super) struct Term<'a> {
    pub(super) cause: Cause<&'a str>,
    pub(super) evidence: Weighed<'a>,
}

/// Products with their sums, and the weights of these.
pub(super) enum Weighed<'a> {
    Pairs([f64; PAIR_SUMS], &'a [Scored<PAIR_SUMS>]),
    Popular([f64; 2], ScoredProducts<2>),
    Touched(Vec<(u32, f64)>),
    /// The rows of what goes with a product, each with the weight of its sums, without this product.
    Steps(u32, Vec<(f64, &'a [Scored<PAIR_SUMS>])>),
}

impl Weighed<'_> {
    /// Calls `each` with every product, the number of events, and its part of the score, or a part of that.
    pub(super) fn each(&self, mut each: impl FnMut(u32, u32, f64)) {
        match self {
            Weighed::Pairs(weights, products) => weigh(weights, products, each),
            Weighed::Popular(weights, products) => weigh(weights, products, each),
            Weighed::Touched(products) => {
                products.iter().for_each(|&(product, score)| each(product, 1, score));
            }
            Weighed::Steps(newest, rows) => {
                for (weight, products) in rows {
                    for Scored { product, events, sums } in *products {
                        if product != newest {
                            let sum: f64 = sums[..BINS].iter().sum();
                            each(*product, *events, weight * sum);
                        }
                    }
                }
            }
        }
    }
}

#[inline]
fn weigh<const N: usize>(
    weights: &[f64; N],
    products: &[Scored<N>],
    mut each: impl FnMut(u32, u32, f64),
) {
    for &Scored { product, events, sums } in products {
        let parts = weights.iter().zip(sums).map(|(weight, sum)| weight * sum);
        each(product, events, parts.sum());
    }
}

/// The terms of the score, in an order that does not depend on which workers the evidence is from.
///
/// ```text
/// each row i       Σ_k w[i, k] / (mass_i[k] + 1) · partners[k]
/// each step j      w[0, two steps] · share_j / (mass_j + 1) · Σ_k partners[k]
/// the visit        w[i, itself]
/// before it        w[i, itself]
/// each tag t       w_t / (mass_t + 1) · popular in t
/// overall          Σ_k w[k] / (mass[k] + 1) · popular[k]
/// ```
///
/// Without a visit or a product to start from, the last two are the popular products as they are.
pub(super) fn terms<'a>(
    plan: &'a Plan,
    evidence: &'a Evidence,
    mixture: &Mixture,
    names: &'a ProductNames<'_>,
) -> Vec<Term<'a>> {
    let mut terms = Vec::new();
    for PairRow { product, place, current, mass, partners, .. } in &evidence.rows {
        let Some(weights) = mixture.of(*current, *place) else { continue };
        let cause = Cause::Product(names.text(*product));
        let pairs = std::array::from_fn(|sum| weights.pairs[sum] / (mass[sum] + DOUBT));
        terms.push(Term { cause, evidence: Weighed::Pairs(pairs, partners) });
        if *current && *place == 0 {
            let steps = evidence.steps.iter().map(|step| {
                (weights.two_steps * step.share / (step.mass + DOUBT), &*step.partners)
            });
            let evidence = Weighed::Steps(*product, steps.collect());
            terms.push(Term { cause: Cause::Related(names.text(*product)), evidence });
        }
    }
    if let Basis::User(_) | Basis::Visit(_) = plan.basis {
        for (cause, current) in [(Cause::Seen, true), (Cause::SeenBefore, false)] {
            let touched = evidence
                .visited(current)
                .map_while(|(place, product)| Some((product, mixture.of(current, place)?.itself)));
            terms.push(Term { cause, evidence: Weighed::Touched(touched.collect()) });
        }
    }
    let is_mixed = !matches!(plan.basis, Basis::Tag(_) | Basis::Everything);
    for (tag, shares) in &plan.tags {
        let Some(PopularProducts { mass, products, .. }) = evidence.popular_in(tag) else {
            continue;
        };
        let weight = if is_mixed { mixture.of_tag(shares) / (mass[0] + DOUBT) } else { 1.0 };
        let evidence = Weighed::Popular([weight, 0.0], products.clone());
        terms.push(Term { cause: Cause::Tag(tag), evidence });
    }
    let [long, today] = mass_overall(evidence);
    let [by_long, by_today] = mixture.popular();
    let mixed = [by_long / (long + DOUBT), by_today / (today + DOUBT)];
    let weights = if is_mixed { mixed } else { [1.0, 0.0] };
    terms.extend(popular_overall(evidence, weights, names));
    terms
}

/// The term of what is popular overall, if that is known.
pub(super) fn popular_overall(
    evidence: &Evidence,
    weights: [f64; 2],
    names: &ProductNames<'_>,
) -> Option<Term<'static>> {
    evidence.overall().next()?;
    let evidence = Weighed::Popular(weights, best_overall(evidence, names));
    Some(Term { cause: Cause::Popular, evidence })
}

/// The best products overall, of all workers.
pub(super) fn best_overall(evidence: &Evidence, names: &ProductNames<'_>) -> ScoredProducts<2> {
    let lists: Vec<&PopularProducts> = evidence.overall().collect();
    lists.first().map_or_else(|| [].into(), |first| merged(&lists, first.n, names))
}

/// The sums of all products, long and today.
pub(super) fn mass_overall(evidence: &Evidence) -> [f64; 2] {
    std::array::from_fn(|sum| evidence.overall().map(|list| list.mass[sum]).sum())
}

/// The best `n` of all workers' lists by each sum: as many as one worker alone would have returned, so that the
/// ranking does not depend on the number of workers.
fn merged(overall: &[&PopularProducts], n: usize, names: &ProductNames<'_>) -> ScoredProducts<2> {
    if let [only] = overall {
        return only.products.clone();
    }
    // Each product has one owner, so none is in two lists.
    let mut best: Vec<Scored<2>> =
        overall.iter().flat_map(|list| &*list.products).copied().collect();
    let tie = |scored: &Scored<2>| stable_hash(names.text(scored.product).as_bytes());
    let last = [0, 1].map(|sum| last_of_best(&best, sum, n, tie));
    best.retain(|scored| {
        scored.sums.iter().zip(last).any(|(sum, (last, last_tie))| {
            last < *sum || last.to_bits() == sum.to_bits() && tie(scored) <= last_tie
        })
    });
    best.into()
}

/// The sum and the tie breaker of the last of the best `n` by one of the sums, of which only what is above zero counts.
fn last_of_best(
    all: &[Scored<2>],
    sum: usize,
    n: usize,
    tie: impl Fn(&Scored<2>) -> u64,
) -> (f64, u64) {
    let positive = all.iter().map(|scored| scored.sums[sum]).filter(|sum| 0.0 < *sum);
    let mut sums: Vec<f64> = positive.collect();
    if sums.len() <= n {
        return (f64::MIN_POSITIVE, u64::MAX);
    }
    let Some(place) = n.checked_sub(1) else { return (f64::INFINITY, 0) };
    // Most are told apart by their sums alone: names are looked at among equal ones only.
    let last = *sums.select_nth_unstable_by(place, |one, other| other.total_cmp(one)).1;
    let above = sums.iter().filter(|sum| last < **sum).count();
    let equal = all.iter().filter(|scored| scored.sums[sum].to_bits() == last.to_bits());
    let mut ties: Vec<u64> = equal.map(tie).collect();
    (last, *ties.select_nth_unstable(n - above - 1).1)
}
