//! Grades: where a ranking had the product that came next, and what each source gave to it.

use super::candidates::{Candidate, ProductNames};
use super::kernel::Ranker;
use super::terms::{Term, best_overall, mass_overall, popular_overall, terms};
use crate::ids::dictionary::Dictionary;
use crate::ranking::evidence::{Evidence, PairRow, Scored};
use crate::ranking::rules::Plan;
use crate::score::grade::{Grade, LENGTH, PlacesOf, parts};
use crate::score::mixture::{BINS, DOUBT, Given, Mixture, SOURCES, WeightsInForce};

impl Ranker {
    /// The grade of the ranking by some weights, and of what it is compared with, by the product that came.
    pub(crate) fn grade(
        &mut self,
        plan: &Plan,
        mut evidence: Evidence,
        (came, day): (u32, u16),
        weights: &WeightsInForce,
        names: &Dictionary,
    ) -> Grade {
        let names = &ProductNames::new(names, std::iter::empty());
        evidence.sort(names);
        let mixture = Mixture::new(plan.places, &plan.model_at, weights);
        let of_start = WeightsInForce { start: weights.start, learned: None };
        let start = Mixture::new(plan.places, &plan.model_at, &of_start);
        let visit: Vec<u32> = evidence.visited(true).map(|(_, product)| product).collect();
        let mut places = |terms: &[Term<'_>]| {
            let candidates = self.candidates(terms, &[], names.len());
            places_of(came, &visit, &candidates, names)
        };
        let in_force = places(&terms(plan, &evidence, &mixture, names));
        let places = [
            in_force,
            if weights.learned.is_some() {
                places(&terms(plan, &evidence, &start, names))
            } else {
                in_force
            },
            places(&popular_overall(&evidence, [1.0, 0.0], names).into_iter().collect::<Vec<_>>()),
            last_seen(came, &visit),
        ];
        let Given(given) = given(plan, &evidence, came, names);
        Grade {
            day,
            gate: plan.places.gate(),
            is: [visit.first() != Some(&came), !visit.contains(&came)],
            places,
            parts: parts(&given, mixture.weights()),
        }
    }
}

/// What each source gives to the product that came.
fn given(plan: &Plan, evidence: &Evidence, came: u32, names: &ProductNames<'_>) -> Given {
    let mut given = Given([0.0; SOURCES]);
    let even = Mixture::even(plan.places);
    for PairRow { product, place, current, mass, partners, .. } in &evidence.rows {
        let group = plan.places.group(*current, *place);
        let (Some((group, _)), Some(weights)) = (group, even.of(*current, *place)) else {
            continue;
        };
        if let Some(sums) = sums_of(came, partners) {
            let share = |sum: usize| weights.pairs[sum] * sums[sum] / (mass[sum] + DOUBT);
            given.add_pairs(group, std::array::from_fn(share));
        }
        if *current && *place == 0 && *product != came {
            for step in &evidence.steps {
                let sums = sums_of(came, &step.partners);
                let sum: f64 = sums.iter().flat_map(|sums| &sums[..BINS]).sum();
                given.add_step(step.share * sum / (step.mass + DOUBT));
            }
        }
    }
    for current in [true, false] {
        for (place, _) in evidence.visited(current).filter(|(_, product)| *product == came) {
            let group = plan.places.group(current, place);
            if let (Some((group, _)), Some(weights)) = (group, even.of(current, place)) {
                given.add_itself(group, weights.itself);
            }
        }
    }
    for (tag, shares) in &plan.tags {
        let popular = evidence.popular_in(tag);
        let sums = popular.and_then(|list| Some((sums_of(came, &list.products)?, list.mass)));
        if let Some((sums, mass)) = sums {
            given.add_tag(shares, sums[0] / (mass[0] + DOUBT));
        }
    }
    let mass = mass_overall(evidence);
    if let Some(sums) = sums_of(came, &best_overall(evidence, names)) {
        given.add_popular(std::array::from_fn(|sum| sums[sum] / (mass[sum] + DOUBT)));
    }
    given
}

/// The sums of a product in a list.
fn sums_of<const N: usize>(product: u32, products: &[Scored<N>]) -> Option<[f64; N]> {
    products.iter().find(|scored| scored.product == product).map(|scored| scored.sums)
}

/// The places of a product among candidates: among all, without the current product, and without those of the visit,
/// which comes newest first.
fn places_of(
    came: u32,
    visit: &[u32],
    candidates: &[Candidate],
    names: &ProductNames<'_>,
) -> PlacesOf {
    let Some(own) = candidates.iter().find(|candidate| candidate.product == came) else {
        return [0; 3];
    };
    let above = candidates.iter().filter(|other| other.best_first(own, names).is_lt());
    let (mut all, mut current, mut seen) = (1, 0, 0);
    for candidate in above {
        all += 1;
        current += u32::from(visit.first() == Some(&candidate.product));
        seen += u32::from(visit.contains(&candidate.product));
    }
    counting([all, all - current, all - seen])
}

/// The places of a product among those of the visit, likewise.
fn last_seen(came: u32, visit: &[u32]) -> PlacesOf {
    let place = visit.iter().position(|product| *product == came);
    let place = place.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or_default();
    counting([place, place.saturating_sub(1), 0])
}

/// Places, of which those beyond the part of a list that counts become 0.
fn counting(places: PlacesOf) -> PlacesOf {
    places.map(|place| if place <= LENGTH { place } else { 0 })
}
