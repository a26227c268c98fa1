//! The kernel of the ranking: from the evidence to the best products, with the reasons for them.

use super::candidates::{Candidate, ProductNames, pick, take_best};
use super::matching::{Lookups, RulesInForce};
use super::merchandise::{Merchandised, Pin, first};
use super::pick::Picker;
use crate::ids::by_id::ById;
use crate::ids::dictionary::{Dictionaries, Dictionary};
use crate::ids::hash::stable_hash;
use crate::ranking::answer::{Cause, Ranking};
use crate::ranking::evidence::{Best, Evidence, PairRow, PopularProducts, Scored, Visited};
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, REPEAT_RATES, Rules};
use crate::record::product::Product;
use crate::score::merchandising::{ActionKind, Rule};
use crate::score::model::{Blend, ModelAt};
use crate::time::Time;
use std::collections::VecDeque;
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
        evidence: Evidence,
        rules: Option<RulesInForce<'_>>,
        time: Time,
        dictionaries: &Dictionaries,
        product_info: &mut ProductInfo,
    ) -> Ranking {
        let Evidence { visit, bought, rows, popular } = evidence;
        let requested = plan.basis.visit();
        let pinned = rules.iter().flat_map(RulesInForce::unknown_pins);
        let named = requested.iter().copied().chain(pinned);
        let names = &ProductNames::new(&dictionaries.products, named);
        let visit = visit_of(plan, &requested, visit, names);
        let left_out = left_out(plan, &visit, &bought, names);
        let terms = terms(plan, &visit, rows, &popular, names);
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

    /// Every product with a positive score, except those that are left out.
    fn candidates(
        &mut self,
        terms: &[Term<'_>],
        left_out: &[u32],
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
        for (cause, Term { factor, products, .. }) in terms.iter().enumerate() {
            for &Scored { product, score, events } in products {
                if let Some(place) = self.places[product as usize].checked_sub(1) {
                    let contribution = Contribution { cause, events, score: factor * score };
                    self.contributions[place as usize].push(contribution);
                }
            }
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
    let blend = &plan.model_at.blend;
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
    let blend = &model_at.blend;
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
