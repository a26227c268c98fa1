//! Why a product is at its place in a ranking, or in none: by the ranking's own arithmetic, over the same candidates.

use super::candidates::{Candidate, ProductNames};
use super::kernel::{Ranker, complete, names_of};
use super::matching::{Lookups, RulesInForce};
use super::merchandise::Merchandised;
use super::pick::Picker;
use super::places::{Placed, Shown, placed};
use super::terms::{best_overall, terms};
use crate::ids::dictionary::Dictionaries;
use crate::ranking::answer::{Obstacle, Ranking, Why};
use crate::ranking::evidence::{
    Evidence, PairRow, PopularProducts, Scored, ScoredProducts, StepRow,
};
use crate::ranking::product_info::{Listing, ProductInfo};
use crate::ranking::rules::{Basis, LeaveOut, Plan, Rules};
use crate::score::merchandising::Action;
use crate::score::mixture::{Mixture, WeightsInForce};
use crate::time::Time;

impl Ranker {
    /// Why a product is at its place in the ranking that the plan is for, or in none.
    pub(crate) fn why(
        &mut self,
        (plan, product): (&Plan, &str),
        mut evidence: Evidence,
        weights: &WeightsInForce,
        rules: Option<RulesInForce<'_>>,
        (time, dictionaries, product_info): (Time, &Dictionaries, &mut ProductInfo),
    ) -> Why {
        let rules = rules.as_ref();
        let names = &names_of(plan, rules, Some(product), dictionaries);
        let product = names.id(product).expect("it is among the names");
        let left_out = complete(plan, &mut evidence, names);
        let mixture = Mixture::new(plan.places, &plan.model_at, weights);
        let terms = terms(plan, &evidence, &mixture, names);
        let tag_names = &dictionaries.tags;
        let mut lookups = Lookups { names, tag_names, info: product_info, time };

        let mut candidates = self.candidates(&terms, &[], names.len());
        let is_it = |candidate: &&Candidate| candidate.product == product;
        let own = candidates.iter().find(is_it).copied();
        let mut why = Why { candidates: candidates.len(), ..Why::default() };
        why.rank = own.map_or(0, |own| rank_of(own, &candidates, names));
        candidates.retain(|candidate| !left_out.contains(&candidate.product));

        // What is skipped has a place, too.
        let all = Rules { offset: 0, n: plan.rules.end(), ..plan.rules.clone() };
        let Placed { mut shown, made, full_tags } =
            placed(&all, candidates, rules, &left_out, &mut lookups);
        let place = shown.iter().position(|shown| shown.product == product);
        why.place = place.map_or(0, |place| place + 1);

        let score = own.map_or(0.0, |own| own.score);
        let mut alone = vec![Candidate { score, product }];
        let mut made_alone = Merchandised::default();
        if let Some(rules) = rules {
            made_alone.correct(&mut alone, rules, &mut lookups);
        }
        let corrected = alone.first().map(|candidate| candidate.score);
        let listing = lookups.listing(product);
        if place.is_none() {
            let tags = lookups.tags(product);
            why.obstacles = left_out_because(plan, &evidence, product, names);
            why.obstacles.extend(unavailable(&listing));
            let picker = Picker::new(&all, tag_names);
            why.obstacles.extend(picker.obstacles(listing.row(), &tags));
            why.obstacles.extend(corrected.is_none().then(|| hiding(product, rules, &mut lookups)));
            if own.is_none() {
                why.obstacles.push(Obstacle::NoSource);
            }
            if why.obstacles.is_empty() {
                let full = tags.into_iter().filter(|tag| full_tags.contains(tag));
                let full = full.map(|tag| tag_names.text(tag).to_owned()).collect();
                why.obstacles.push(others(corrected.unwrap_or_default(), &shown, all.n, full));
            }
        } else if why.place <= plan.rules.offset {
            why.obstacles.push(Obstacle::Skipped);
        }

        let of_shop = rules.map_or(&[][..], RulesInForce::all);
        why.product = match place {
            Some(place) => {
                let it = vec![shown.swap_remove(place)];
                self.explain(&terms, it, (&made, of_shop), usize::MAX, names)
            }
            None if own.is_none() => Ranking::default(),
            None => {
                let score = corrected.unwrap_or(score);
                let it = vec![Shown { score, product, row: listing.into_row(), pin: None }];
                self.explain(&terms, it, (&made_alone, of_shop), usize::MAX, names)
            }
        };
        why.cut = self.cut(plan, &evidence, product, &mixture, names);
        why
    }

    /// What the evidence on a product would add to its score where it is not among the first of a list.
    fn cut(
        &mut self,
        plan: &Plan,
        evidence: &Evidence,
        product: u32,
        mixture: &Mixture,
        names: &ProductNames<'_>,
    ) -> Ranking {
        let evidence = cut(evidence, product, names);
        let terms = terms(plan, &evidence, mixture, names);
        let Some(Candidate { score, .. }) = self.candidates(&terms, &[], names.len()).pop() else {
            return Ranking::default();
        };
        let it = vec![Shown { score, product, row: None, pin: None }];
        self.explain(&terms, it, (&Merchandised::default(), &[]), usize::MAX, names)
    }
}

/// The place of a candidate among all, by score, ties by name.
fn rank_of(own: Candidate, all: &[Candidate], names: &ProductNames<'_>) -> usize {
    1 + all.iter().filter(|other| other.best_first(&own, names).is_lt()).count()
}

/// Why a product is not ranked at all.
fn left_out_because(
    plan: &Plan,
    evidence: &Evidence,
    product: u32,
    names: &ProductNames<'_>,
) -> Vec<Obstacle> {
    let rules = &plan.rules;
    let name = names.text(product);
    let is_basis = matches!(&plan.basis, Basis::Product(basis) if basis == name);
    let is_excluded = is_basis || rules.exclude.iter().any(|excluded| excluded == name);
    let mut visited = evidence.visited(true).filter(|(_, visited)| *visited == product);
    let seen = match (rules.leave_out, visited.next()) {
        (LeaveOut::None, _) | (_, None) => None,
        (_, Some((0, _))) => Some(Obstacle::Current),
        (LeaveOut::Current, _) => None,
        (LeaveOut::Visit, _) => Some(Obstacle::Visited),
    };
    let is_bought = evidence.bought.contains(&product);
    let excluded = is_excluded.then_some(Obstacle::Excluded).into_iter();
    excluded.chain(seen).chain(is_bought.then_some(Obstacle::Bought)).collect()
}

/// Why the catalogue does not let a product be shown.
fn unavailable(listing: &Listing) -> Option<Obstacle> {
    match listing {
        Listing::Deleted => Some(Obstacle::Deleted),
        listing if !listing.may_be_shown() => Some(Obstacle::Unavailable),
        _ => None,
    }
}

/// Why a candidate that may be shown is not among the `n` that are: `full` are those of its tags of which no more may be.
fn others(score: f64, shown: &[Shown], n: usize, full: Vec<String>) -> Obstacle {
    let last = shown.iter().rev().find(|shown| shown.pin.is_none());
    let last = last.map_or(score, |last| last.score);
    // Of equal scores, names decide.
    if shown.len() == n && score <= last {
        Obstacle::Outranked(last - score)
    } else if full.is_empty() {
        Obstacle::Unexamined
    } else {
        Obstacle::PerTag(full)
    }
}

/// The rules that hide a product.
fn hiding(product: u32, rules: Option<&RulesInForce<'_>>, lookups: &mut Lookups<'_>) -> Obstacle {
    let (mut hits, mut hiding) = (Vec::new(), Vec::new());
    if let Some(rules) = rules {
        rules.hits(product, lookups, &mut hits);
        let rules = hits.iter().map(|at| &rules.all()[*at]);
        hiding.extend(rules.filter(|rule| rule.action == Action::Hide).map(|rule| rule.id.clone()));
    }
    Obstacle::Hidden(hiding)
}

/// The evidence on a product from lists that have it, but not among their first.
fn cut(evidence: &Evidence, product: u32, names: &ProductNames<'_>) -> Evidence {
    fn list<const N: usize>(
        best: &[Scored<N>],
        asked: Option<Scored<N>>,
        product: u32,
    ) -> ScoredProducts<N> {
        let is_best = best.iter().any(|scored| scored.product == product);
        asked.filter(|_| !is_best).into_iter().collect()
    }
    let rows = evidence.rows.iter().map(|row| {
        let partners = list(&row.partners, row.asked, product);
        PairRow { partners, ..row.clone() }
    });
    let steps = evidence.steps.iter().map(|row| {
        let partners = list(&row.partners, row.asked, product);
        StepRow { partners, ..row.clone() }
    });
    // Of what is popular overall, the first of all workers together count.
    let overall = best_overall(evidence, names);
    let popular = evidence.popular.iter().map(|row| {
        let best = if row.tag.is_none() { &overall } else { &row.products };
        PopularProducts { products: list(best, row.asked, product), ..row.clone() }
    });
    let (rows, steps, popular) = (rows.collect(), steps.collect(), popular.collect());
    Evidence { rows, steps, popular, ..Evidence::default() }
}
