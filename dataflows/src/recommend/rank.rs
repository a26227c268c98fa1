//! The kernel: from the parts of a question to the best products and the reasons for them.

use super::{Basis, Cause, LeaveOut, Plan, Ranked, Reason, Rules};
use crate::catalogue::Product;
use crate::model::Blend;
use crate::names::Names;
use crate::questions::{Popular, Row, Visited, Worth};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// What was found for a ranking, in ids of the worker that ranks.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Products of the latest visits, newest first, no product twice.
    pub visit: Vec<Visited>,
    /// What the user has bought.
    pub bought: Vec<u32>,
    /// What goes with the newest products.
    pub rows: Vec<Row>,
    /// What is popular, by tag and overall.
    pub popular: Vec<Popular>,
}

/// A term of the score: each product's worth, times a factor.
struct Term {
    cause: Cause,
    factor: f64,
    products: Vec<Worth>,
}

/// Ranks, in memory that it keeps.
#[derive(Default)]
pub struct Ranker {
    /// By product, its score; zero outside of [`Ranker::rank`].
    scores: Vec<f64>,
    /// By product, one more than its place among those that are shown; likewise.
    shown: Vec<u32>,
    touched: Vec<u32>,
}

/// A product with its score, greatest first, ties by name.
struct Candidate<'a> {
    score: f64,
    name: &'a str,
    product: u32,
}

impl Ranker {
    /// The best products of a plan; `row_of` is what the catalogue says of a product.
    pub fn rank(
        &mut self,
        plan: &Plan,
        evidence: Evidence,
        names: &Names,
        mut row_of: impl FnMut(u32) -> Option<Product>,
    ) -> Vec<Ranked> {
        let Evidence { visit, bought, rows, popular } = evidence;
        let names = &Known::with(names, plan.basis.visit());
        let visit = visit_of(plan, visit, names);
        let left_out = left_out(plan, &visit, &bought, names);
        let terms = terms(plan, &visit, rows, popular, names);
        self.scores.resize(names.len(), 0.0);
        self.shown.resize(names.len(), 0);
        for term in &terms {
            for &Worth { product, worth, .. } in &term.products {
                let score = &mut self.scores[product as usize];
                if *score == 0.0 {
                    self.touched.push(product);
                }
                *score += term.factor * worth;
            }
        }
        let candidates = self.touched.iter().map(|&product| Candidate {
            score: std::mem::take(&mut self.scores[product as usize]),
            name: names.text(product),
            product,
        });
        let candidates = candidates.filter(|candidate| !left_out.contains(&candidate.product));
        let mut heap: BinaryHeap<Candidate<'_>> = candidates.collect();
        self.touched.clear();
        let mut pick = Pick::new(&plan.rules);
        let mut ranked = Vec::new();
        let mut products = Vec::new();
        while ranked.len() < plan.rules.n {
            let Some(Candidate { score, name, product }) = heap.pop() else { break };
            if score <= 0.0 {
                break;
            }
            let row = row_of(product);
            if pick.takes(row.as_ref()) {
                products.push(product);
                let reasons = Vec::new();
                ranked.push(Ranked { product: name.to_string(), score, reasons, row });
            }
        }
        self.explain(&terms, &products, &mut ranked);
        ranked
    }

    fn explain(&mut self, terms: &[Term], products: &[u32], ranked: &mut [Ranked]) {
        for (place, &product) in (1..).zip(products) {
            self.shown[product as usize] = place;
        }
        for Term { cause, factor, products } in terms {
            for &Worth { product, worth, events } in products {
                let Some(place) = self.shown[product as usize].checked_sub(1) else { continue };
                let reason = Reason { cause: cause.clone(), events, score: factor * worth };
                ranked[place as usize].reasons.push(reason);
            }
        }
        for &product in products {
            self.shown[product as usize] = 0;
        }
        for ranked in ranked {
            ranked.reasons.sort_by(|one, other| other.score.total_cmp(&one.score));
        }
    }
}

/// The products that are known here, and those of the visit that is asked about: whoever asks knows
/// them, though nobody may have touched them yet. They are not kept.
struct Known<'a> {
    names: &'a Names,
    others: Vec<&'a str>,
}

impl<'a> Known<'a> {
    fn with(names: &'a Names, visit: &'a [String]) -> Known<'a> {
        let others = visit.iter().map(String::as_str).filter(|name| names.id(name).is_none());
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
fn visit_of(plan: &Plan, visit: Vec<Visited>, names: &Known<'_>) -> Vec<Visited> {
    match &plan.basis {
        Basis::Visit(products) => {
            let known = products.iter().filter_map(|product| names.id(product));
            known.map(|product| Visited { product, ago: 0 }).collect()
        }
        _ => visit,
    }
}

fn left_out(plan: &Plan, visit: &[Visited], bought: &[u32], names: &Known<'_>) -> HashSet<u32> {
    let rules = &plan.rules;
    let current = visit.iter().filter(|visited| visited.ago == 0).map(|visited| visited.product);
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
fn terms(
    plan: &Plan,
    visit: &[Visited],
    mut rows: Vec<Row>,
    popular: Vec<Popular>,
    names: &Known<'_>,
) -> Vec<Term> {
    let blend = &plan.lens.model.blend;
    rows.sort_by_key(|row| row.place);
    let ago: HashMap<u32, u16> = visit.iter().map(|visited| (visited.product, visited.ago)).collect();
    let weight = |row: &Row| {
        let ago = ago.get(&row.product).copied().unwrap_or_default();
        blend.earlier.powi(ago.into()) * fade(row.place, blend.recency)
    };
    let norm: f64 = rows.iter().map(|row| weight(row) * row.mass.powf(1.0 - blend.mass)).sum();
    let mut terms: Vec<Term> = rows
        .into_iter()
        .map(|row| Term {
            cause: Cause::Product(names.text(row.product).to_string()),
            factor: weight(&row) / row.mass.powf(blend.mass) / norm,
            products: row.partners,
        })
        .collect();
    terms.push(seen(visit, blend));
    let ranking = matches!(plan.basis, Basis::User | Basis::Visit(_) | Basis::Product(_));
    let (tags, everything) = if ranking { (blend.tags, blend.trend) } else { (1.0, 1.0) };
    let (mut by_tag, overall): (Vec<_>, Vec<_>) =
        popular.into_iter().partition(|popular| popular.tag.is_some());
    by_tag.sort_by(|one, other| one.tag.cmp(&other.tag));
    for popular in by_tag.into_iter().chain(merged(overall, names)) {
        let most = popular.products.first().map_or(1.0, |best| best.worth);
        let scale = if ranking { most } else { 1.0 };
        let (cause, share) = match popular.tag {
            Some(tag) => (Cause::Tag(tag), tags * popular.share),
            None => (Cause::Popular, everything),
        };
        terms.push(Term { cause, factor: share / scale, products: popular.products });
    }
    terms
}

/// What was seen in the current visit.
fn seen(visit: &[Visited], blend: &Blend) -> Term {
    let current = visit.iter().take_while(|visited| visited.ago == 0).enumerate();
    let products = current.map(|(place, visited)| Worth {
        product: visited.product,
        worth: fade(place, blend.repeat_recency),
        events: 1,
    });
    Term { cause: Cause::Seen, factor: blend.repeat, products: products.collect() }
}

fn fade(place: usize, recency: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a place in a visit is small")]
    let place = place as f64;
    (-place / recency).exp()
}

/// The best overall, of what each worker found among its own: cut to what one worker would have
/// found, so that the ranking does not depend on how many there are.
fn merged(overall: Vec<Popular>, names: &Known<'_>) -> Option<Popular> {
    let mut merged = overall.into_iter().reduce(|mut merged, list| {
        merged.products.extend(list.products);
        merged
    })?;
    merged.products.sort_by(|one, other| {
        let by_name = || names.text(one.product).cmp(names.text(other.product));
        other.worth.total_cmp(&one.worth).then_with(by_name)
    });
    merged.products.truncate(merged.n);
    Some(merged)
}

/// Picks products one after another, as the rules allow.
struct Pick<'a> {
    rules: &'a Rules,
    offset: usize,
    per_tag: HashMap<String, usize>,
}

impl Pick<'_> {
    fn new(rules: &Rules) -> Pick<'_> {
        Pick { rules, offset: rules.offset, per_tag: HashMap::new() }
    }

    fn takes(&mut self, row: Option<&Product>) -> bool {
        let tags: &[String] = row.map_or(&[], |row| &row.tags);
        let is_of = |list: &[String]| tags.iter().any(|tag| list.contains(tag));
        let Rules { only, without, per_tag, .. } = self.rules;
        if row.is_some_and(|row| row.unavailable)
            || (!only.is_empty() && !is_of(only))
            || is_of(without)
        {
            return false;
        }
        if let Some(most) = per_tag {
            if tags.iter().any(|tag| self.per_tag.get(tag).is_some_and(|count| most <= count)) {
                return false;
            }
            for tag in tags {
                *self.per_tag.entry(tag.clone()).or_default() += 1;
            }
        }
        if 0 < self.offset {
            self.offset -= 1;
            return false;
        }
        true
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.name.cmp(self.name))
    }
}
