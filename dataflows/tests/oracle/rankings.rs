//! Rankings as they must be: the formula of `ranking`, computed from all events.

use crate::expected::{Oracle, event_day, event_time};
use crate::history::{Pair, Seen};
use crate::merchandise::{Candidate, placed};
use crate::removals::is_removal;
use dataflows::ranking::answer::{Cause, Ranking};
use dataflows::ranking::rules::{Basis, LeaveOut, REPEAT_RATES, Rules};
use dataflows::score::counts::Counts;
use dataflows::score::merchandising::ActionKind;
use dataflows::score::model::{Model, ModelAt};
use dataflows::time::{VISIT_GAP, day};
use dataflows::views::popularity::OVERALL;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Products with their scores and numbers of events; best first, ties by name.
type ScoredProducts = Vec<(String, f64, u32)>;
/// A term of the score: the cause, the factor, and the products that it counts for.
type Term = (Cause<String>, f64, ScoredProducts);

impl Oracle {
    /// The ranking of a basis under the rules of a request and those of the shop.
    pub(crate) fn ranking(&self, basis: &Basis, rules: &Rules) -> Ranking {
        let history = &self.history;
        let mut left_out = BTreeSet::new();
        let (mut seen, mut interests, mut overall) = (Seen::default(), Vec::new(), true);
        match basis {
            Basis::User(user) => {
                if rules.leave_out_bought {
                    left_out.extend(self.bought(user));
                }
                seen = self.seen(history, user);
                let profile = self.profile(user).into_iter();
                interests = profile.map(|(tag, score)| (tag, score.to_f64())).collect();
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
                overall = false;
            }
            Basis::Tag(tag) => {
                let popular = self.popular(Some(tag));
                let terms = vec![(Cause::Tag(tag.clone()), 1.0, popular)];
                return self.rank(rules, terms, &left_out);
            }
            Basis::Everything => {
                let terms = vec![(Cause::Popular, 1.0, self.popular(None))];
                return self.rank(rules, terms, &left_out);
            }
        }
        left_out.extend(rules.exclude.iter().cloned());
        let current = match rules.leave_out {
            LeaveOut::None => 0,
            LeaveOut::Current => 1,
            LeaveOut::Visit => usize::MAX,
        };
        left_out.extend(seen.visit.iter().take(current).cloned());
        let blend = self.model.blend;
        let repeats: ScoredProducts = match basis {
            Basis::Product(_) => vec![],
            _ => (0..)
                .zip(&seen.visit)
                .take(1 + REPEAT_RATES.len())
                .map(|(place, product)| {
                    let rate =
                        if place == 0 { self.repeat_rate() } else { REPEAT_RATES[place - 1] };
                    let place = f64::from(u32::try_from(place).expect("few"));
                    let more = blend.repeat * (-place / blend.repeat_recency).exp();
                    (product.clone(), rate + more, 1)
                })
                .collect(),
        };
        let rest = 1.0 - mass(&repeats);
        let mut terms = self.partners(&seen, rest);
        terms.push((Cause::Seen, 1.0, repeats));
        let earlier = (0..).zip(&seen.earlier).map(|(place, product)| {
            (product.clone(), (-f64::from(place) / blend.earlier_recency).exp(), 1)
        });
        terms.push((Cause::SeenBefore, blend.earlier_repeat, earlier.collect()));
        for (tag, share) in self.shares(&seen.visit, interests) {
            let products = self.popular(Some(&tag));
            let factor = rest * blend.tags * share / mass(&products);
            terms.push((Cause::Tag(tag), factor, products));
        }
        if overall {
            let products = self.popular(None);
            terms.push((Cause::Popular, blend.trend / mass(&products), products));
        }
        self.rank(rules, terms, &left_out)
    }

    /// Sums the terms by product, and picks the best products that the rules allow, as those of the shop correct them.
    fn rank(&self, rules: &Rules, terms: Vec<Term>, left_out: &BTreeSet<String>) -> Ranking {
        let mut ranking = Ranking::default();
        let after = terms.len();
        let mut products: BTreeMap<String, Vec<(usize, u32, f64)>> = BTreeMap::new();
        for (cause, factor, scored) in terms {
            let cause = ranking.add_cause(match &cause {
                Cause::Product(product) => Cause::Product(product),
                Cause::Tag(tag) => Cause::Tag(tag),
                Cause::Seen => Cause::Seen,
                Cause::SeenBefore => Cause::SeenBefore,
                Cause::Popular => Cause::Popular,
                Cause::Rule(action, rule) => Cause::Rule(*action, rule),
            });
            for (product, score, events) in scored {
                products.entry(product).or_default().push((cause, events, factor * score));
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
        ranking.add_hits(ActionKind::Hide, hidden);
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

    /// The tags of the visit, or else those of the user, with their shares.
    fn shares(&self, visit: &[String], interests: Vec<(String, f64)>) -> Vec<(String, f64)> {
        let mut shares: BTreeMap<String, f64> = BTreeMap::new();
        for (place, product) in (0..).zip(visit.iter().take(self.model.blend.products.into())) {
            let tags = self.labels(product);
            for tag in &tags {
                let count = f64::from(u32::try_from(tags.len()).expect("few"));
                let share = (-f64::from(place) / self.model.blend.recency).exp() / count;
                *shares.entry(tag.clone()).or_default() += share;
            }
        }
        if shares.is_empty() {
            shares.extend(interests);
        }
        let total: f64 = shares.values().sum();
        shares.into_iter().map(|(tag, share)| (tag, share / total)).collect()
    }

    fn model_at(&self) -> ModelAt {
        let Model { weights, blend, .. } = self.model;
        ModelAt { weights, blend, today: self.today(), repeat_rate: 0.0 }
    }

    /// The terms of the newest products' partners.
    fn partners(&self, seen: &Seen, rest: f64) -> Vec<Term> {
        let blend = self.model.blend;
        let mut terms = Vec::new();
        let visit = seen.visit.iter().take(blend.products.into());
        let visit = (0..)
            .zip(visit)
            .map(|(place, product)| (product, (-f64::from(place) / blend.recency).exp()));
        let norm: f64 = visit.clone().map(|(_, u)| u).sum();
        let norm = if norm == 0.0 { 1.0 } else { norm };
        let earlier = (0..).zip(&seen.earlier).map(|(place, product)| {
            (product, blend.earlier * (-f64::from(place) / blend.earlier_recency).exp())
        });
        for (product, u) in visit.chain(earlier) {
            let row = self.row(product);
            let factor = rest * u / norm / (mass(&row) + blend.doubt);
            if !row.is_empty() {
                terms.push((Cause::Product(product.clone()), factor, row));
            }
        }
        terms
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
                    let fade = self.model_at().fade(day(*time));
                    all += fade;
                    same += if product == next { fade } else { 0.0 };
                }
            }
        }
        same / all
    }

    /// The row of a product: its partners, scored.
    fn row(&self, product: &str) -> ScoredProducts {
        let (blend, model_at) = (self.model.blend, self.model_at());
        let scored = |Pair { partner, kind, day, after, near, .. }: Pair<'_>| {
            let side = if after { 1.0 } else { blend.before };
            let apart = if near { 1.0 } else { blend.far };
            let score = model_at.score(Counts::one(kind), day) * side * apart;
            (partner.to_string(), score)
        };
        let aged = self.aged_pairs().filter(|pair| pair.product == product);
        best_first(self.pairs_of(|other| other == product).chain(aged).map(scored).collect())
    }

    /// The products that are popular in a tag, or overall.
    fn popular(&self, tag: Option<&str>) -> ScoredProducts {
        let model_at = self.model_at();
        let times = |event| match tag {
            Some(tag) => self.tags(event).into_iter().filter(|other| *other == tag).count(),
            None => 1,
        };
        let scored = |product: &str, kind, day| {
            (product.to_string(), model_at.score(Counts::one(kind), day))
        };
        let of_history = self.history.iter().flat_map(|(event, _)| {
            let scored = scored(&event.product, event.event_type.topic(), event_day(event));
            std::iter::repeat_n(scored, times(event))
        });
        let aged = self.aged.popular.iter().filter(|aged| aged.tag == tag.unwrap_or(OVERALL));
        let aged = aged.map(|aged| scored(&aged.product, aged.kind, aged.day));
        best_first(of_history.chain(aged).collect())
    }
}

/// The sum of all products' scores.
fn mass(products: &ScoredProducts) -> f64 {
    products.iter().map(|(_, score, _)| score).sum()
}

/// Sums scores by product. Without a positive sum a product is dropped.
fn best_first(events: Vec<(String, f64)>) -> ScoredProducts {
    let mut sums: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    for (product, score) in events {
        let sum = sums.entry(product).or_default();
        *sum = (sum.0 + score, sum.1 + 1);
    }
    let mut scored: ScoredProducts =
        sums.into_iter().map(|(product, (score, events))| (product, score, events)).collect();
    scored.retain(|(_, score, _)| 0.0 < *score);
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    scored
}
