//! The kernel of the ranking: from the evidence to the best products, with the reasons for them.

use super::candidates::{Candidate, ProductNames, pick, take_best};
use super::matching::{Lookups, RulesInForce};
use super::merchandise::{Merchandised, Pin, first};
use super::pick::Picker;
use crate::ids::by_id::ById;
use crate::ids::dictionary::{Dictionaries, Dictionary};
use crate::ids::hash::stable_hash;
use crate::ranking::answer::{Cause, Ranking};
use crate::ranking::evidence::{
    Evidence, PairRow, PopularProducts, Scored, ScoredProducts, Visited,
};
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, Rules};
use crate::record::product::Product;
use crate::score::grade::{Grade, LENGTH, PlacesOf, parts};
use crate::score::merchandising::{ActionKind, Rule};
use crate::score::mixture::{BINS, DOUBT, Given, Mixture, PAIR_SUMS, SOURCES, WeightsInForce};
use crate::time::Time;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A term of the score: what a source of evidence gives to products.
struct Term<'a> {
    cause: Cause<&'a str>,
    evidence: Weighed<'a>,
}

/// Products with their sums, and the weights of these.
enum Weighed<'a> {
    Pairs([f64; PAIR_SUMS], &'a [Scored<PAIR_SUMS>]),
    Popular([f64; 2], ScoredProducts<2>),
    Touched(Vec<(u32, f64)>),
    /// The rows of what goes with a product, each with the weight of its sums, without this product.
    Steps(u32, Vec<(f64, &'a [Scored<PAIR_SUMS>])>),
}

impl Weighed<'_> {
    /// Calls `each` with every product, the number of events, and its part of the score, or a part of that.
    fn each(&self, mut each: impl FnMut(u32, u32, f64)) {
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

/// A product that is shown, with its catalogue row.
struct Shown {
    score: f64,
    product: u32,
    row: Option<Arc<Product>>,
    /// The rule that has pinned it, by its index.
    pin: Option<usize>,
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
        let requested = plan.basis.visit();
        let pinned = rules.iter().flat_map(RulesInForce::unknown_pins);
        let named = requested.iter().copied().chain(pinned);
        let names = &ProductNames::new(&dictionaries.products, named);
        evidence.visit = visit_of(plan, &requested, evidence.visit, names);
        evidence.sort(names);
        let left_out = left_out(plan, &evidence.visit, &evidence.bought, names);
        let mixture = Mixture::new(plan.places, &plan.model_at, weights);
        let terms = terms(plan, &evidence, &mixture, names);
        let candidates = self.candidates(&terms, &left_out, names.len());
        let tag_names = &dictionaries.tags;
        let mut lookups = Lookups { names, tag_names, info: product_info, time };
        let mut places = Places::new(&plan.rules, tag_names);
        let Some(rules) = rules else {
            places.fill(candidates, &mut lookups);
            return self.explain(&terms, places.shown, &Merchandised::default(), &[], names);
        };
        let made = places.fill_by_rules(candidates, &rules, &left_out, &mut lookups);
        self.explain(&terms, places.shown, &made, rules.all(), names)
    }

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

    /// Every product with a positive score, except those that are left out.
    fn candidates(
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

    /// The ranking: the shown products, each with its reasons, the largest contribution first.
    fn explain(
        &mut self,
        terms: &[Term<'_>],
        shown: Vec<Shown>,
        made: &Merchandised,
        rules: &[Rule],
        names: &ProductNames<'_>,
    ) -> Ranking {
        self.places.resize(names.len(), 0);
        for (place, shown) in (1..).zip(&shown) {
            self.places[shown.product as usize] = place;
        }
        self.contributions.iter_mut().for_each(Vec::clear);
        self.contributions.resize_with(shown.len().max(self.contributions.len()), Vec::new);
        for (cause, term) in terms.iter().enumerate() {
            term.evidence.each(|product, events, score| {
                // What the weights switch off is no reason.
                if score != 0.0
                    && let Some(place) = self.places[product as usize].checked_sub(1)
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
        let mut ranking = Ranking::default();
        ranking.add_hits(ActionKind::Hide, made.hidden);
        let mut causes = vec![None; terms.len() + rules.len()];
        for (Shown { score, product, row, pin }, contributions) in
            shown.into_iter().zip(&mut self.contributions)
        {
            self.places[product as usize] = 0;
            ranking.add(names.text(product), score, row);
            let of_rules = made.parts(product).iter().copied().chain(pin.map(|rule| (rule, 0.0)));
            contributions.extend(of_rules.map(|(rule, score)| {
                ranking.add_hits(rules[rule].action.kind(), 1);
                Contribution { cause: terms.len() + rule, events: 0, score }
            }));
            // The sort is stable: equal scores stay in the order of their terms.
            contributions.sort_by(|one, other| other.score.total_cmp(&one.score));
            for &Contribution { cause, events, score } in &*contributions {
                let named = || match cause.checked_sub(terms.len()) {
                    None => terms[cause].cause,
                    Some(rule) => Cause::Rule(rules[rule].action.kind(), &*rules[rule].id),
                };
                let cause = *causes[cause].get_or_insert_with(|| ranking.add_cause(named()));
                ranking.add_reason(cause, events, score);
            }
        }
        ranking
    }
}

/// The places of a ranking, as they are filled.
struct Places<'a> {
    rules: &'a Rules,
    picker: Picker<'a>,
    /// What is pinned and not placed yet, each with its place, in the order of these.
    pins: VecDeque<(usize, Shown)>,
    shown: Vec<Shown>,
}

impl<'a> Places<'a> {
    fn new(rules: &'a Rules, tags: &Dictionary) -> Places<'a> {
        let (pins, shown) = (VecDeque::new(), Vec::new());
        Places { rules, picker: Picker::new(rules, tags), pins, shown }
    }

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
/// each row i       Σ_k w[i, k] / (mass_i[k] + 1) · partners[k]
/// each step j      w[0, two steps] · share_j / (mass_j + 1) · Σ_k partners[k]
/// the visit        w[i, itself]
/// before it        w[i, itself]
/// each tag t       w_t / (mass_t + 1) · popular in t
/// overall          Σ_k w[k] / (mass[k] + 1) · popular[k]
/// ```
///
/// Without a visit or a product to start from, the last two are the popular products as they are.
fn terms<'a>(
    plan: &'a Plan,
    evidence: &'a Evidence,
    mixture: &Mixture,
    names: &'a ProductNames<'_>,
) -> Vec<Term<'a>> {
    let mut terms = Vec::new();
    for PairRow { product, place, current, mass, partners } in &evidence.rows {
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
fn popular_overall(
    evidence: &Evidence,
    weights: [f64; 2],
    names: &ProductNames<'_>,
) -> Option<Term<'static>> {
    let lists: Vec<&PopularProducts> = evidence.overall().collect();
    let n = lists.first()?.n;
    let evidence = Weighed::Popular(weights, merged(&lists, n, names));
    Some(Term { cause: Cause::Popular, evidence })
}

/// The sums of all products, long and today.
fn mass_overall(evidence: &Evidence) -> [f64; 2] {
    std::array::from_fn(|sum| evidence.overall().map(|list| list.mass[sum]).sum())
}

/// What each source gives to the product that came.
fn given(plan: &Plan, evidence: &Evidence, came: u32, names: &ProductNames<'_>) -> Given {
    let mut given = Given([0.0; SOURCES]);
    let even = Mixture::even(plan.places);
    for PairRow { product, place, current, mass, partners } in &evidence.rows {
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
    if let Some(Term { evidence: Weighed::Popular(_, list), .. }) =
        popular_overall(evidence, [1.0; 2], names)
        && let Some(sums) = sums_of(came, &list)
    {
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
    let name = names.text(came);
    let is_above = |other: &&Candidate| {
        let order = own.score.total_cmp(&other.score);
        order.then_with(|| names.text(other.product).cmp(name)).is_lt()
    };
    let above = candidates.iter().filter(is_above);
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

/// The best `n` of all workers' lists by each sum: as many as one worker alone would have returned, so that the
/// ranking does not depend on the number of workers.
fn merged(overall: &[&PopularProducts], n: usize, names: &ProductNames<'_>) -> ScoredProducts<2> {
    if let [only] = overall {
        return only.products.clone();
    }
    let tie = |product: &Scored<2>| stable_hash(names.text(product.product).as_bytes());
    let mut all: Vec<Scored<2>> =
        overall.iter().flat_map(|list| &*list.products).copied().collect();
    let mut best = Vec::new();
    for sum in 0..2 {
        all.sort_unstable_by(|one, other| {
            let by_sum = other.sums[sum].total_cmp(&one.sums[sum]);
            by_sum.then_with(|| tie(one).cmp(&tie(other)))
        });
        best.extend(all.iter().take(n).filter(|scored| 0.0 < scored.sums[sum]).copied());
    }
    best.sort_unstable_by_key(|scored| scored.product);
    best.dedup_by_key(|scored| scored.product);
    best.into()
}
