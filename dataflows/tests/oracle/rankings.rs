//! What rankings must be: the formula of `recommend`, from scratch.

use crate::expected::{Oracle, event_day, event_time};
use crate::harness::LIMITS;
use dataflows::clock::{DAY_HOURS, hour};
use dataflows::counts::Counts;

use dataflows::model::Lens;
use dataflows::pairs::WINDOW;
use dataflows::questions::What;
use dataflows::recent::OwnedEvent;
use dataflows::recommend::{Cause, LeaveOut, Ranked, Reason, Rules, TAGS};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// An event that the history holds, and whether it pairs.
pub(crate) type Moment = (OwnedEvent, bool);
/// Products and what they are worth, of how many events; best first, ties by name.
type Worths = Vec<(String, f64, u32)>;

impl Oracle {
    pub(crate) fn ranking(&self, what: &What) -> Vec<Ranked> {
        let history = &self.held;
        let mut left_out = BTreeSet::new();
        let (rules, visit, tags, scale) = match what {
            What::Recommend { user, rules } => {
                if rules.leave_out_bought {
                    left_out.extend(self.bought(user));
                }
                (rules, self.visits(history, user), self.shares(user), true)
            }
            What::Visit { products, rules } => {
                let mut visit: Vec<(String, i32)> = Vec::new();
                for product in products.iter().rev() {
                    if visit.iter().all(|(seen, _)| seen != product) {
                        visit.push((product.clone(), 0));
                    }
                }
                (rules, visit, vec![], true)
            }
            What::Similar { product, rules } => {
                left_out.insert(product.clone());
                let visit = vec![(product.clone(), 0)];
                return self.rank(rules, self.partners(history, &visit), &left_out);
            }
            What::Trending { tag: Some(tag), rules } => {
                (rules, vec![], vec![(tag.clone(), 1.0)], false)
            }
            What::Trending { tag: None, rules } => (rules, vec![], vec![], false),
            _ => unreachable!("not a ranking"),
        };
        let current = visit.iter().filter(|(_, ago)| *ago == 0).map(|(product, _)| product);
        left_out.extend(rules.exclude.iter().cloned());
        left_out.extend(current.clone().take(match rules.leave_out {
            LeaveOut::None => 0,
            LeaveOut::Current => 1,
            LeaveOut::Visit => usize::MAX,
        }).cloned());
        let blend = self.model.blend;
        let mut terms = self.partners(history, &visit);
        let seen = (0..).zip(current).map(|(place, product)| {
            (product.clone(), (-f64::from(place) / blend.repeat_recency).exp(), 1)
        });
        terms.push((Cause::Seen, blend.repeat, seen.collect()));
        let (by_tag, by_all) = if scale { (blend.tags, blend.trend) } else { (1.0, 1.0) };
        let mut popular = |cause, tag: Option<&str>, factor: f64| {
            let products = self.popular(tag);
            let most = products.first().map_or(1.0, |(_, worth, _)| *worth);
            terms.push((cause, if scale { factor / most } else { factor }, products));
        };
        for (tag, share) in &tags {
            popular(Cause::Tag(tag.clone()), Some(tag), by_tag * share);
        }
        if !matches!(what, What::Trending { tag: Some(_), .. }) {
            popular(Cause::Popular, None, by_all);
        }
        self.rank(rules, terms, &left_out)
    }

    /// Sums the terms up, and picks as the rules say.
    fn rank(
        &self,
        rules: &Rules,
        terms: Vec<(Cause, f64, Worths)>,
        left_out: &BTreeSet<String>,
    ) -> Vec<Ranked> {
        let mut products: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
        for (cause, factor, worths) in terms {
            for (product, worth, events) in worths {
                let reason = Reason { cause: cause.clone(), events, score: factor * worth };
                products.entry(product).or_default().push(reason);
            }
        }
        products.retain(|product, _| !left_out.contains(product));
        let ranked = products.into_iter().map(|(product, reasons)| Ranked {
            score: reasons.iter().map(|reason| reason.score).sum(),
            row: self.catalogue.get(&product).cloned(),
            product,
            reasons,
        });
        let mut ranked: Vec<Ranked> = ranked.collect();
        ranked.sort_by(|one, other| other.score.total_cmp(&one.score));
        let mut per_tag: BTreeMap<String, usize> = BTreeMap::new();
        ranked.retain(|ranked| {
            let row = ranked.row.clone().unwrap_or_default();
            let is_of = |list: &[String]| row.tags.iter().any(|tag| list.contains(tag));
            if row.unavailable
                || !rules.only.is_empty() && !is_of(&rules.only)
                || is_of(&rules.without)
            {
                return false;
            }
            let Some(most) = rules.per_tag else { return true };
            if row.tags.iter().any(|tag| most <= per_tag.get(tag).copied().unwrap_or(0)) {
                return false;
            }
            for tag in row.tags {
                *per_tag.entry(tag).or_default() += 1;
            }
            true
        });
        ranked.into_iter().skip(rules.offset).take(rules.n).collect()
    }

    fn shares(&self, user: &str) -> Vec<(String, f64)> {
        let mut profile = self.profile(user);
        profile.truncate(TAGS);
        let total: f64 = profile.iter().map(|(_, score)| score.to_f64()).sum();
        let mut shares: Vec<_> =
            profile.into_iter().map(|(tag, score)| (tag, score.to_f64() / total)).collect();
        shares.sort_by(|one, other| one.0.cmp(&other.0));
        shares
    }

    fn lens(&self) -> Lens {
        Lens { model: self.model, today: self.today() }
    }

    /// What the history holds: what came too late, or is too old by now, or too much, is not there.
    pub(crate) fn history(&self) -> Vec<Moment> {
        let mut newest: BTreeMap<&str, u16> = BTreeMap::new();
        let mut counts: BTreeMap<(&str, u16, bool), u32> = BTreeMap::new();
        let mut history = Vec::new();
        let (mut begin, now) = (0, self.now(self.ends.len() - 1));
        let kept_at = |now: u32, event: &OwnedEvent| now < hour(event_time(event)) + LIMITS.horizon;
        for (step, &(_, end)) in self.ends.iter().enumerate() {
            let then = self.now(step);
            let came = self.events[begin..end].iter().filter(|event| kept_at(then, event));
            let mut came: Vec<&OwnedEvent> = came.collect();
            begin = end;
            for event in &came {
                let newest = newest.entry(&event.user).or_default();
                *newest = event_day(event).max(*newest);
            }
            came.sort_by_key(|event| (event_time(event), &event.product, Reverse(event.kind)));
            for event in came {
                let day = event_day(event);
                let count = counts.entry((&event.user, day, newest[&*event.user] == day));
                let count = count.and_modify(|count| *count += 1).or_insert(1);
                if *count <= LIMITS.kept && kept_at(now, event) {
                    history.push((event.clone(), *count <= LIMITS.paired));
                }
            }
        }
        history
    }

    /// A user's latest products, newest first, with how many visits ago each was seen last.
    fn visits(&self, history: &[Moment], user: &str) -> Vec<(String, i32)> {
        let moments = history.iter().filter(|(event, _)| event.user == user);
        let mut moments: Vec<_> = moments.map(|(event, _)| event).collect();
        moments.sort_by_key(|event| (Reverse(event_time(event)), &event.product));
        let (mut visits, mut ago, mut last) = (Vec::<(String, i32)>::new(), 0, None);
        for event in moments {
            let time = event_time(event);
            if last.is_some_and(|last: u64| WINDOW < last - time) {
                ago += 1;
            }
            last = Some(time);
            let wanted = ago == 0 || visits.len() < self.model.blend.products.into();
            if wanted && visits.iter().all(|(product, _)| *product != event.product) {
                visits.push((event.product.clone(), ago));
            }
        }
        visits
    }

    /// What goes with the newest products.
    fn partners(
        &self,
        history: &[Moment],
        visit: &[(String, i32)],
    ) -> Vec<(Cause, f64, Worths)> {
        let blend = self.model.blend;
        let mut rows = Vec::new();
        for (place, (product, ago)) in (0..).zip(visit.iter().take(blend.products.into())) {
            let row = self.row(history, product);
            let mass: f64 = row.iter().map(|(_, worth, _)| worth).sum();
            if 0.0 < mass {
                let u = blend.earlier.powi(*ago) * (-f64::from(place) / blend.recency).exp();
                rows.push((product.clone(), u, mass, row));
            }
        }
        let norm: f64 = rows.iter().map(|(_, u, mass, _)| u * mass.powf(1.0 - blend.mass)).sum();
        let terms = rows.into_iter().map(|(product, u, mass, row)| {
            (Cause::Product(product), u / mass.powf(blend.mass) / norm, row)
        });
        terms.collect()
    }

    fn row(&self, history: &[Moment], product: &str) -> Worths {
        let (blend, lens) = (self.model.blend, self.lens());
        let paired = || history.iter().filter(|(_, pairs)| *pairs).map(|(event, _)| event);
        let mut row = Vec::new();
        for first in paired().filter(|event| event.product == product) {
            let same = |one: &OwnedEvent| (event_time(one), &*one.product) == (event_time(first), product);
            for second in paired().filter(|second| second.user == first.user && !same(second)) {
                let (one, other) = (event_time(first), event_time(second));
                if one.abs_diff(other) <= WINDOW {
                    let day = event_day(first).max(event_day(second));
                    let side = if one <= other { 1.0 } else { blend.before };
                    let again = if second.product == product { blend.again } else { 1.0 };
                    let worth = lens.worth(Counts::one(second.kind), day) * side * again;
                    row.push((second.product.clone(), worth));
                }
            }
        }
        best_first(row)
    }

    /// What is popular in a tag, or overall.
    fn popular(&self, tag: Option<&str>) -> Worths {
        let (lens, now) = (self.lens(), self.now(self.ends.len() - 1));
        let kept = |event: &&OwnedEvent| {
            now < (u32::from(event_day(event)) + 1) * DAY_HOURS - 1 + LIMITS.horizon
        };
        let of_tag = |event: &&OwnedEvent| tag.is_none_or(|tag| self.tags(event).contains(&tag));
        let worth = |event: &OwnedEvent| {
            (event.product.clone(), lens.worth(Counts::one(event.kind), event_day(event)))
        };
        best_first(self.events.iter().filter(kept).filter(of_tag).map(worth).collect())
    }
}

fn best_first(events: Vec<(String, f64)>) -> Worths {
    let mut sums: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    for (product, worth) in events {
        let sum = sums.entry(product).or_default();
        *sum = (sum.0 + worth, sum.1 + 1);
    }
    let mut worths: Worths =
        sums.into_iter().map(|(product, (worth, events))| (product, worth, events)).collect();
    worths.retain(|(_, worth, _)| 0.0 < *worth);
    worths.sort_by(|one, other| other.1.total_cmp(&one.1));
    worths
}

