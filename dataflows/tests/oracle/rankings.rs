//! Rankings as they must be: the formula of `ranking`, computed from all events.

use crate::event::{event_day, event_time};
use crate::expected::Oracle;
use crate::history::Seen;
use crate::merchandise::{Candidate, placed};
use crate::mixed::{ITSELF, Mixed, TAGS, TWO_STEPS};
use crate::pairs::Pair;
use crate::removals::is_removal;
use dataflows::ranking::answer::{Cause, Ranking};
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use dataflows::record::event::Kind;
use dataflows::score::merchandising::ActionKind;
use dataflows::time::{VISIT_GAP, day};
use dataflows::views::pairs::partner::Link;
use dataflows::views::popularity::OVERALL;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The links by minutes, whose sums come first.
const BY_MINUTES: usize = 4;
/// The partners of the newest product whose rows count.
const STEPS: usize = 20;
/// The tags that count.
const MOST_TAGS: usize = 10;

/// The products of a list, each with its sums and the number of its events.
type List<const N: usize> = BTreeMap<String, ([f64; N], u32)>;
/// Products with what a source gives them, each with a number of events.
pub(crate) type Scored = Vec<(String, f64, u32)>;
/// A term of the score: the cause, and the products that it counts for.
pub(crate) type Term = (Cause<String>, Scored);

impl Oracle {
    /// The ranking of a basis under the rules of a request and those of the shop.
    pub(crate) fn ranking(&self, basis: &Basis, rules: &Rules) -> Ranking {
        let (terms, left_out) = self.terms(basis, rules);
        self.rank(rules, terms, &left_out)
    }

    /// The terms of the score, and the products that are left out.
    pub(crate) fn terms(&self, basis: &Basis, rules: &Rules) -> (Vec<Term>, BTreeSet<String>) {
        let mut left_out: BTreeSet<String> = rules.exclude.iter().cloned().collect();
        let mut seen = Seen::default();
        match basis {
            Basis::User(user) => {
                if rules.leave_out_bought {
                    left_out.extend(self.bought(user));
                }
                seen = self.seen(user);
            }
            Basis::Visit(products) => {
                for product in products.iter().rev() {
                    if !seen.visit.contains(product) {
                        seen.visit.push(product.clone());
                    }
                }
            }
            Basis::Product(product) => {
                left_out.insert(product.clone());
                seen.visit.push(product.clone());
            }
            Basis::Tag(tag) => {
                let popular = as_it_is(self.popular(Some(tag)));
                return (vec![(Cause::Tag(tag.clone()), popular)], left_out);
            }
            Basis::Everything => {
                let popular = as_it_is(self.popular(None));
                return (vec![(Cause::Popular, popular)], left_out);
            }
        }
        let current = match rules.leave_out {
            LeaveOut::None => 0,
            LeaveOut::Current => 1,
            LeaveOut::Visit => usize::MAX,
        };
        left_out.extend(seen.visit.iter().take(current).cloned());
        let of_product = matches!(basis, Basis::Product(_));
        let repeat_rate = if of_product { 0.0 } else { self.repeat_rate() };
        let mixed = Mixed::new(&seen, (repeat_rate, matches!(basis, Basis::Visit(_))), &self.model);
        let mut terms = self.of_pairs(&seen, &mixed);
        if !of_product {
            terms.push((Cause::Seen, itself(true, &seen.visit, &mixed)));
            terms.push((Cause::SeenBefore, itself(false, &seen.earlier, &mixed)));
            terms.push((Cause::Popular, weighed(&self.popular(None), &mixed.popular())));
        }
        for (tag, weight) in self.interests(basis, &seen, &mixed) {
            let popular = weighed(&self.popular(Some(&tag)), &[weight, 0.0]);
            terms.push((Cause::Tag(tag), popular));
        }
        (terms, left_out)
    }

    /// Sums the terms by product, and picks the best products that the rules allow, as those of the shop correct them.
    fn rank(&self, rules: &Rules, terms: Vec<Term>, left_out: &BTreeSet<String>) -> Ranking {
        let mut ranking = Ranking::default();
        let after = terms.len();
        let mut products: BTreeMap<String, Vec<(usize, u32, f64)>> = BTreeMap::new();
        for (cause, scored) in terms {
            let cause = ranking.add_cause(match &cause {
                Cause::Product(product) => Cause::Product(product),
                Cause::Related(product) => Cause::Related(product),
                Cause::Tag(tag) => Cause::Tag(tag),
                Cause::Seen => Cause::Seen,
                Cause::SeenBefore => Cause::SeenBefore,
                Cause::Popular => Cause::Popular,
                Cause::Other => Cause::Other,
                Cause::Rule(action, rule) => Cause::Rule(*action, rule),
            });
            // What has no score is no reason.
            for (product, score, events) in scored.into_iter().filter(|(_, score, _)| *score > 0.0)
            {
                products.entry(product).or_default().push((cause, events, score));
            }
        }
        products.retain(|product, _| !left_out.contains(product));
        let scored = products.into_iter().map(|(product, contributions)| {
            let score = contributions.iter().map(|(_, _, score)| score).sum();
            Candidate { product, score, contributions }
        });
        let mut ranked: Vec<Candidate> = scored.collect();
        let holding = self.holding(&rules.occasion);
        let hidden = self.corrected(&holding, &mut ranked, after);
        ranked.sort_by(|one, other| other.score.total_cmp(&one.score));
        let mut per_tag: BTreeMap<String, usize> = BTreeMap::new();
        let mut allows = |product: &str| self.allows(rules, product, &mut per_tag);
        let pins = self.pinned(&holding, &mut ranked, left_out, &mut allows, after);
        ranked.retain(|ranked| allows(&ranked.product));
        for rule in self.model.rules.rules() {
            ranking.add_cause(Cause::Rule(rule.action.kind(), &rule.id));
        }
        for (rule, hidden) in hidden {
            ranking.add_hits(ActionKind::Hide, &rule, hidden);
        }
        let placed = placed(pins, ranked);
        for Candidate { product, score, contributions } in
            placed.iter().skip(rules.offset).take(rules.n)
        {
            ranking.add(product, *score, self.row_of(product).cloned().map(Arc::new));
            for &(cause, events, score) in contributions {
                ranking.add_reason(cause, events, score);
            }
        }
        ranking
    }

    /// The tags of a product: those of all its events, or else the catalogue's, or else its
    /// categories.
    pub(crate) fn labels(&self, product: &str) -> BTreeSet<String> {
        let actions = || self.events.iter().filter(|event| !is_removal(event));
        let events = || actions().filter(|event| event.product == product);
        let own = events().flat_map(|event| event.tags.iter().cloned());
        let own: BTreeSet<String> = own.collect();
        let row = self.row_of(product);
        let row: BTreeSet<String> = row.into_iter().flat_map(|row| row.tags.clone()).collect();
        let categories = events().map(|event| event.category.clone());
        let categories = categories.filter(|category| !category.is_empty()).collect();
        [own, row, categories].into_iter().find(|tags| !tags.is_empty()).unwrap_or_default()
    }

    /// The terms of the rows of products, and of the rows of what goes with the newest.
    fn of_pairs(&self, seen: &Seen, mixed: &Mixed) -> Vec<Term> {
        let mut terms = Vec::new();
        for (in_visit, place, product) in seen.places() {
            let weights = mixed.of(in_visit, place);
            let of_links = std::array::from_fn(|link| weights[link]);
            let pairs = weighed::<5>(&self.row(product), &of_links);
            terms.push((Cause::Product(product.clone()), pairs));
            if in_visit && place == 0 {
                let steps = self.two_steps(product, weights[TWO_STEPS]);
                terms.push((Cause::Related(product.clone()), steps));
            }
        }
        terms
    }

    /// What goes with what goes best with a product.
    fn two_steps(&self, newest: &str, weight: f64) -> Scored {
        let mut near: Vec<(String, f64, u32)> = by_minutes(&self.row(newest));
        near.sort_by(|one, other| other.1.total_cmp(&one.1));
        let mut found: BTreeMap<String, (f64, u32)> = BTreeMap::new();
        for (product, share, _) in near.into_iter().take(STEPS) {
            for (next, part, events) in by_minutes(&self.row(&product)) {
                if next != newest && share * part > 0.0 {
                    let sum = found.entry(next).or_default();
                    *sum = (sum.0 + weight * share * part, sum.1 + events);
                }
            }
        }
        found.into_iter().map(|(product, (score, events))| (product, score, events)).collect()
    }

    /// The tags that count, with their weights: of the places, or of the profile if there are none.
    fn interests(&self, basis: &Basis, seen: &Seen, mixed: &Mixed) -> Vec<(String, f64)> {
        let mut weights: BTreeMap<String, f64> = BTreeMap::new();
        for (in_visit, place, product) in seen.places() {
            let mut tags = self.labels(product);
            tags.remove(product);
            let count = f64::from(u32::try_from(tags.len()).expect("few"));
            for tag in tags {
                *weights.entry(tag).or_default() += mixed.of(in_visit, place)[TAGS] / count;
            }
        }
        match basis {
            Basis::User(user) if seen.places().next().is_none() => {
                let profile = self.profile(user).into_iter();
                let tags = heaviest(profile.map(|(tag, score)| (tag, score.to_f64())));
                let total: f64 = tags.iter().map(|(_, score)| score).sum();
                let all = mixed.of(true, 0)[TAGS];
                tags.into_iter().map(|(tag, score)| (tag, all * score / total)).collect()
            }
            _ => heaviest(weights.into_iter()),
        }
    }

    /// The share of moments that repeat the product of the moment before them in the visit.
    fn repeat_rate(&self) -> f64 {
        let (mut all, mut same) = (20.0, 20.0 * 0.3);
        let mut moments: BTreeMap<&str, BTreeSet<(u64, &str)>> = BTreeMap::new();
        for (event, _) in self.history.iter().filter(|(_, pairs)| *pairs) {
            moments.entry(&event.user).or_default().insert((event_time(event), &event.product));
        }
        for moments in moments.values() {
            for ((before, product), (time, next)) in moments.iter().zip(moments.iter().skip(1)) {
                if time - before <= VISIT_GAP {
                    let fade = fade(self.days_since(day(*time)));
                    all += fade;
                    same += if product == next { fade } else { 0.0 };
                }
            }
        }
        same / all
    }

    /// The row of a product: its partners, with a sum for each link.
    fn row(&self, product: &str) -> List<5> {
        let pairs = self.pairs.iter().filter(|pair| pair.product == product);
        list(pairs.map(|Pair { partner, kind, day, after, link, .. }| {
            let side = if *after { 1.0 } else { 0.7 };
            let mut sums = [0; 5];
            sums[*link as usize] = self.unit(*kind, fade(self.days_since(*day)) * side);
            (partner.clone(), sums, u32::from(*link != Link::Next))
        }))
    }

    /// The products that are popular in a tag, or overall: long, and today.
    fn popular(&self, tag: Option<&str>) -> List<2> {
        let times = |event| match tag {
            Some(tag) => self.tags(event).into_iter().filter(|other| *other == tag).count(),
            None => 1,
        };
        let summed = |product: &str, kind, day| {
            let age = self.days_since(day);
            let today = 0.2_f64.powi(i32::try_from(age).expect("a number of days"));
            let sums = [fade(age), today].map(|factor| self.unit(kind, factor));
            (product.to_string(), sums, 1)
        };
        let of_history = self.history.iter().flat_map(|(event, _)| {
            let summed = summed(&event.product, event.event_type.topic(), event_day(event));
            std::iter::repeat_n(summed, times(event))
        });
        let aged = self.aged.popular.iter().filter(|aged| aged.tag == tag.unwrap_or(OVERALL));
        let aged = aged.map(|aged| summed(&aged.product, aged.kind, aged.day));
        list(of_history.chain(aged))
    }

    /// The number of days since a day.
    fn days_since(&self, day: u16) -> u32 {
        self.today().saturating_sub(day).into()
    }

    /// What an event counts for, in millionths.
    fn unit(&self, kind: Kind, factor: f64) -> i64 {
        #[allow(clippy::cast_possible_truncation, reason = "it is rounded")]
        let unit = (self.model.weights.of(kind).to_f64() * 1e6 * factor).round() as i64;
        unit
    }
}

impl Seen {
    /// All products: whether each is in the visit, and its place there or before it.
    fn places(&self) -> impl Iterator<Item = (bool, usize, &String)> {
        let of = |in_visit, products: &'_ Vec<String>| {
            (0..products.len()).map(move |place| (in_visit, place))
        };
        let places = of(true, &self.visit).chain(of(false, &self.earlier));
        places.zip(self.visit.iter().chain(&self.earlier)).map(|((of, place), it)| (of, place, it))
    }
}

/// What evidence of an age counts for.
fn fade(days: u32) -> f64 {
    1.0 / (1.0 + f64::from(days) / 10.0).sqrt()
}

/// Sums events by product, in whole millionths.
fn list<const N: usize>(events: impl Iterator<Item = (String, [i64; N], u32)>) -> List<N> {
    let mut sums: BTreeMap<String, ([i64; N], u32)> = BTreeMap::new();
    for (product, parts, events) in events {
        let (sums, all) = sums.entry(product).or_insert(([0; N], 0));
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        *all += events;
    }
    let number = |sum| f64::from(i32::try_from(sum).expect("few events")) / 1e6;
    sums.into_iter()
        .map(|(product, (sums, events))| (product, (sums.map(number), events)))
        .collect()
}

/// What a list gives each product: of each sum its share, as that weighs.
fn weighed<const N: usize>(list: &List<N>, weights: &[f64; N]) -> Scored {
    let mass = |sum: usize| list.values().map(|(sums, _)| sums[sum]).sum::<f64>() + 1.0;
    let score = |sums: &[f64; N]| (0..N).map(|sum| weights[sum] * sums[sum] / mass(sum)).sum();
    list.iter().map(|(product, (sums, events))| (product.clone(), score(sums), *events)).collect()
}

/// The shares of a row by minutes alone.
fn by_minutes(row: &List<5>) -> Scored {
    let sum = |sums: &[f64; 5]| sums[..BY_MINUTES].iter().sum::<f64>();
    let together =
        row.iter().map(|(product, (sums, events))| (product.clone(), ([sum(sums)], *events)));
    weighed(&together.collect(), &[1.0])
}

/// The long sums of a list.
fn as_it_is(popular: List<2>) -> Scored {
    popular.into_iter().map(|(product, ([long, _], events))| (product, long, events)).collect()
}

/// The products themselves, newest first.
fn itself(in_visit: bool, products: &[String], mixed: &Mixed) -> Scored {
    let places = products.iter().enumerate();
    places.map(|(place, product)| (product.clone(), mixed.of(in_visit, place)[ITSELF], 1)).collect()
}

/// The tags of most weight, ties by name.
fn heaviest(tags: impl Iterator<Item = (String, f64)>) -> Vec<(String, f64)> {
    let mut tags: Vec<(String, f64)> = tags.filter(|(_, weight)| 0.0 < *weight).collect();
    tags.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    tags.truncate(MOST_TAGS);
    tags
}
