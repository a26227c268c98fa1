//! What must come out, said as plainly as can be: everything is counted anew for every question.

use crate::harness::LIMITS;
use crate::rankings::Moment;
use crate::script::Step;
use dataflows::graph::Mode;
use dataflows::ids::hash::owner;
use dataflows::questions::query::{Found, Query};
use dataflows::ranking::answer::Ranking;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::record::merge::Merge;
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::model::Model;
use dataflows::score::weights::Score;
use dataflows::time::{DAY_HOURS, Time, day, hour};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Scores, highest first, ties by name.
type Scores = Vec<(String, Score)>;

/// All that has come in so far.
pub(crate) struct Oracle {
    peers: usize,
    mode: Mode,
    pub(crate) time: Time,
    pub(crate) events: Vec<OwnedEvent>,
    /// The same events, each with the user that it counts for by now.
    pub(crate) counted: Vec<OwnedEvent>,
    /// And with the user that it counted for when it came.
    pub(crate) entered: Vec<OwnedEvent>,
    merges: Vec<Merge>,
    /// The events that changed their user, by step: as they were and as they became.
    pub(crate) moves: Vec<Vec<[OwnedEvent; 2]>>,
    /// How many events there were at the end of each step.
    pub(crate) ends: Vec<(Time, usize)>,
    /// The latest row of each product; `None` of one that was deleted.
    pub(crate) catalogue: BTreeMap<String, Option<Product>>,
    pub(crate) model: Model,
    positions: BTreeMap<String, i64>,
    /// What the history holds by now.
    pub(crate) held: Vec<Moment>,
}

impl Oracle {
    pub(crate) fn new(peers: usize, mode: Mode) -> Oracle {
        Oracle {
            peers,
            mode,
            time: 0,
            events: vec![],
            counted: vec![],
            entered: vec![],
            merges: vec![],
            moves: vec![],
            ends: vec![],
            catalogue: BTreeMap::new(),
            model: Model::default(),
            positions: BTreeMap::new(),
            held: vec![],
        }
    }

    /// Takes in a step.
    pub(crate) fn take(&mut self, step: &Step) {
        self.time = step.time;
        self.events.extend(step.events.iter().cloned());
        self.ends.push((step.time, self.events.len()));
        self.merges.extend(step.merges.iter().cloned());
        self.settle(&step.events);
        for CatalogueRow { product: id, row } in &step.rows {
            self.catalogue.insert(id.clone(), row.clone());
        }
        self.model = step.model.unwrap_or(self.model);
        for (partition, by) in &step.advances {
            *self.positions.entry(partition.clone()).or_default() += by;
        }
        self.held = if self.mode == Mode::All { self.history() } else { vec![] };
    }

    /// Moves what merges move that is not too old for it, and counts what is new.
    fn settle(&mut self, new: &[OwnedEvent]) {
        let now = self.now(self.ends.len() - 1);
        let mut moves = Vec::new();
        for (event, counted) in self.events.iter().zip(&mut self.counted) {
            let settled = settled(&self.merges, event);
            if now < hour(event_time(event)) + LIMITS.horizon && settled != *counted {
                moves.push([std::mem::replace(counted, settled.clone()), settled]);
            }
        }
        let new = new.iter().map(|event| settled(&self.merges, event));
        self.entered.extend(new);
        self.counted.extend_from_slice(&self.entered[self.counted.len()..]);
        self.moves.push(moves);
    }

    /// What an answer has found, in any order.
    pub(crate) fn answer(&self, query: &Query) -> Vec<Found> {
        match query {
            Query::Profile { place, user } => vec![Found::Profile(*place, self.profile(user))],
            Query::Activity { user } if self.mode == Mode::All => {
                self.activity(user).into_iter().collect()
            }
            Query::Activity { .. } => vec![],
            Query::Recent { limit } => {
                (0..self.peers).map(|peer| self.recent(peer, *limit)).collect()
            }
            Query::Position { place, partition } => {
                let next = self.positions.get(partition).copied().unwrap_or_default();
                vec![Found::Position(*place, next)]
            }
            Query::Rank { basis, rules } if self.mode == Mode::All => {
                vec![Found::Ranked(self.ranking(basis, rules))]
            }
            Query::Rank { .. } => vec![Found::Ranked(Ranking::default())],
        }
    }

    /// The hour of the newest event as of a step, never ahead of the step's own time.
    pub(crate) fn now(&self, step: usize) -> u32 {
        let steps = self.ends[..=step].iter().scan(0, |begin, &(time, end)| {
            let events = &self.events[*begin..end];
            *begin = end;
            let newest = events.iter().map(event_time).max();
            Some(hour(newest.unwrap_or_default().min(time / 1000)))
        });
        steps.max().unwrap_or_default()
    }

    pub(crate) fn today(&self) -> u16 {
        u16::try_from(self.now(self.ends.len() - 1) / DAY_HOURS).expect("a day")
    }

    pub(crate) fn listed(&self, product: &str) -> Option<&Product> {
        self.catalogue.get(product)?.as_ref()
    }

    /// The tags under which an event counts now.
    pub(crate) fn tags<'a>(&'a self, event: &'a OwnedEvent) -> Vec<&'a str> {
        let row: &[String] = self.listed(&event.product).map_or(&[], |row| &row.tags);
        let tags = if event.tags.is_empty() { row } else { &event.tags };
        match (tags, event.category.as_str()) {
            ([], "") => vec![&event.product],
            ([], category) => vec![category],
            (tags, _) => tags.iter().map(String::as_str).collect(),
        }
    }

    /// Adds up a user's events that are counted under tags.
    pub(crate) fn profile(&self, user: &str) -> Scores {
        let mut scores: BTreeMap<&str, i64> = BTreeMap::new();
        for event in self.counted.iter().filter(|event| event.user == user) {
            for tag in self.tags(event) {
                *scores.entry(tag).or_default() += self.model.weights.of(event.kind).0;
            }
        }
        let mut scores: Scores =
            scores.into_iter().map(|(name, score)| (name.into(), Score(score))).collect();
        scores.sort_by_key(|(_, score)| Reverse(*score));
        scores.retain(|(_, score)| *score != Score(0));
        scores
    }

    pub(crate) fn bought(&self, user: &str) -> BTreeSet<String> {
        let events = self.counted.iter().filter(|event| event.user == user);
        let purchases = events.filter(|event| event.kind == Kind::Purchase);
        purchases.map(|event| event.product.clone()).collect()
    }

    fn activity(&self, user: &str) -> Option<Found> {
        let events = || self.counted.iter().filter(|event| event.user == user);
        let last = events().map(|event| event_time(event) / 60_000).max()?;
        let total = |kind| events().map(|event| i64::from(event.kind == kind)).sum();
        Some(Found::Activity(u32::try_from(last).expect("minutes"), Kind::ALL.map(total)))
    }

    fn recent(&self, peer: usize, limit: usize) -> Found {
        let events = self.events.iter().rev();
        let mut events: Vec<OwnedEvent> =
            events.filter(|event| owner(&event.user, self.peers) == peer).cloned().collect();
        events.sort_by_key(|event| Reverse(event.time));
        events.truncate(limit);
        Found::Recent(events)
    }
}

/// An event with the user that it counts for when all merges are known.
fn settled(merges: &[Merge], event: &OwnedEvent) -> OwnedEvent {
    let of_guest = |merge: &&Merge| {
        event.user == event.session && merge.guest == event.user && event.time <= merge.time
    };
    let merges = merges.iter().filter(of_guest);
    let earliest = merges.min_by_key(|merge| (merge.time, &merge.account));
    let user = earliest.map_or(&event.user, |merge| &merge.account);
    OwnedEvent { user: user.clone(), ..event.clone() }
}

/// A time before the epoch is taken as the epoch.
pub(crate) fn event_time(event: &OwnedEvent) -> u64 {
    u64::try_from(event.time).unwrap_or_default()
}

pub(crate) fn event_day(event: &OwnedEvent) -> u16 {
    day(event_time(event))
}
