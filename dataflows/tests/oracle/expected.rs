//! The oracle: computes every answer from the whole input, as simply as possible.

use crate::script::{COPY_HOURS, LIMITS, Step};
use dataflows::graph::Mode;
use dataflows::ids::hash::owner;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::answer::Ranking;
use dataflows::record::decision::Decision;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::model::Model;
use dataflows::score::weights::Score;
use dataflows::time::{DAY_HOURS, Time, day, hour};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Tags and scores, highest first, ties by name.
type Scores = Vec<(String, Score)>;
/// An event of the history, and true if it pairs with others.
pub(crate) type Moment = (OwnedEvent, bool);

/// The input so far, without copies of events.
pub(crate) struct Oracle {
    peers: usize,
    pub(crate) mode: Mode,
    pub(crate) time: Time,
    pub(crate) events: Vec<OwnedEvent>,
    /// Of each user and id, the hours in which an event was written that counted.
    counted: BTreeMap<[String; 2], Vec<u32>>,
    /// The same events, each with the user that it counts for now.
    pub(crate) attributed: Vec<OwnedEvent>,
    /// The same events, each with the user that it counted for when it came.
    pub(crate) on_arrival: Vec<OwnedEvent>,
    merges: Vec<Decision>,
    /// By step, the events that merges moved: with the user before, and after.
    pub(crate) moves: Vec<Vec<[OwnedEvent; 2]>>,
    /// By step, its time and the number of events up to its end.
    pub(crate) step_ends: Vec<(Time, usize)>,
    /// The latest row of each product; `None` for a deleted one.
    pub(crate) catalogue: BTreeMap<String, Option<Product>>,
    pub(crate) model: Model,
    positions: BTreeMap<String, i64>,
    /// The moments that the history has now.
    pub(crate) history: Vec<Moment>,
}

impl Oracle {
    pub(crate) fn new(peers: usize, mode: Mode) -> Oracle {
        Oracle {
            peers,
            mode,
            time: 0,
            events: vec![],
            counted: BTreeMap::new(),
            attributed: vec![],
            on_arrival: vec![],
            merges: vec![],
            moves: vec![],
            step_ends: vec![],
            catalogue: BTreeMap::new(),
            model: Model::default(),
            positions: BTreeMap::new(),
            history: vec![],
        }
    }

    /// Adds the input of a step.
    pub(crate) fn add(&mut self, step: &Step) {
        self.time = step.time;
        let unique: Vec<_> =
            step.events.iter().filter(|event| self.is_new(event)).cloned().collect();
        self.events.extend(unique.iter().cloned());
        self.step_ends.push((step.time, self.events.len()));
        self.merges.extend(step.merges.iter().cloned());
        self.attribute(&unique);
        for CatalogueRow { product: id, row } in &step.rows {
            self.catalogue.insert(id.clone(), row.clone());
        }
        self.model = step.model.unwrap_or(self.model);
        for (partition, by) in &step.advances {
            *self.positions.entry(partition.clone()).or_default() += by;
        }
        self.history = if self.mode == Mode::All { self.compute_history() } else { vec![] };
    }

    /// Counts an event, unless it is a copy of one that was. Its record is written at the step's time.
    fn is_new(&mut self, event: &OwnedEvent) -> bool {
        if event.id.is_empty() {
            return true;
        }
        let written = hour(self.time / 1000);
        let hours = self.counted.entry([event.user.clone(), event.id.clone()]).or_default();
        let is_new = hours.iter().all(|other| other + COPY_HOURS < written);
        if is_new {
            hours.push(written);
        }
        is_new
    }

    /// Moves the events that merges move, unless they are too old, and attributes new events.
    fn attribute(&mut self, new: &[OwnedEvent]) {
        let now = self.now_at_end();
        let mut moves = Vec::new();
        for (event, current) in self.events.iter().zip(&mut self.attributed) {
            let moved = attributed(&self.merges, event);
            if now < hour(event_time(event)) + LIMITS.horizon && moved != *current {
                moves.push([std::mem::replace(current, moved.clone()), moved]);
            }
        }
        let new = new.iter().map(|event| attributed(&self.merges, event));
        self.on_arrival.extend(new);
        self.attributed.extend_from_slice(&self.on_arrival[self.attributed.len()..]);
        self.moves.push(moves);
    }

    /// The answers to a query, in any order.
    pub(crate) fn answer(&self, query: &Query) -> Vec<QueryAnswer> {
        match query {
            Query::Profile { place, user } => {
                vec![QueryAnswer::Profile(*place, self.profile(user))]
            }
            Query::Activity { user } if self.mode == Mode::All => {
                self.activity(user).into_iter().collect()
            }
            Query::Activity { .. } => vec![],
            Query::Recent { limit } => {
                (0..self.peers).map(|peer| self.recent(peer, *limit)).collect()
            }
            Query::Digests => vec![QueryAnswer::Digests(self.digests())],
            Query::Position { place, partition } => {
                let next = self.positions.get(partition).copied().unwrap_or_default();
                vec![QueryAnswer::Position(*place, next)]
            }
            Query::Rank { basis, rules } if self.mode == Mode::All => {
                vec![QueryAnswer::Ranking(self.ranking(basis, rules))]
            }
            Query::Rank { .. } => vec![QueryAnswer::Ranking(Ranking::default())],
        }
    }

    /// The hour of the newest event as of a step, never ahead of the step's own time.
    pub(crate) fn now(&self, step: usize) -> u32 {
        let steps = self.step_ends[..=step].iter().scan(0, |begin, &(time, end)| {
            let events = &self.events[*begin..end];
            *begin = end;
            let newest = events.iter().map(event_time).max();
            Some(hour(newest.unwrap_or_default().min(time / 1000)))
        });
        steps.max().unwrap_or_default()
    }

    /// The hour of the newest event as of the last step.
    pub(crate) fn now_at_end(&self) -> u32 {
        self.now(self.step_ends.len() - 1)
    }

    /// The day of the newest event, likewise.
    pub(crate) fn today(&self) -> u16 {
        u16::try_from(self.now_at_end() / DAY_HOURS).expect("a day")
    }

    /// The catalogue row of a product, unless it is deleted.
    pub(crate) fn row_of(&self, product: &str) -> Option<&Product> {
        self.catalogue.get(product)?.as_ref()
    }

    /// The tags under which an event counts now.
    pub(crate) fn tags<'a>(&'a self, event: &'a OwnedEvent) -> Vec<&'a str> {
        let row: &[String] = self.row_of(&event.product).map_or(&[], |row| &row.tags);
        match if event.tags.is_empty() { row } else { &event.tags } {
            [] => vec![stand_in(event)],
            tags => tags.iter().map(String::as_str).collect(),
        }
    }

    /// The events that popularity counts: those whose day is not too old.
    pub(crate) fn popular_events(&self) -> impl Iterator<Item = &OwnedEvent> {
        let now = self.now_at_end();
        let last_hour = |event| (u32::from(event_day(event)) + 1) * DAY_HOURS - 1;
        self.events.iter().filter(move |event| now < last_hour(event) + LIMITS.horizon)
    }

    /// Sums the weights of a user's events by tag.
    pub(crate) fn profile(&self, user: &str) -> Scores {
        let mut scores: BTreeMap<&str, i64> = BTreeMap::new();
        for event in self.attributed.iter().filter(|event| event.user == user) {
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

    /// The products that a user bought.
    pub(crate) fn bought(&self, user: &str) -> BTreeSet<String> {
        let events = self.attributed.iter().filter(|event| event.user == user);
        let purchases = events.filter(|event| event.kind == Kind::Purchase);
        purchases.map(|event| event.product.clone()).collect()
    }

    fn activity(&self, user: &str) -> Option<QueryAnswer> {
        let events = || self.attributed.iter().filter(|event| event.user == user);
        let last = events().map(|event| event_time(event) / 60_000).max()?;
        let total = |kind| events().map(|event| i64::from(event.kind == kind)).sum();
        Some(QueryAnswer::Activity(u32::try_from(last).expect("minutes"), Kind::ALL.map(total)))
    }

    fn recent(&self, peer: usize, limit: usize) -> QueryAnswer {
        let events = self.events.iter().rev();
        let mut events: Vec<OwnedEvent> =
            events.filter(|event| owner(&event.user, self.peers) == peer).cloned().collect();
        events.sort_by_key(|event| Reverse(event.time));
        events.truncate(limit);
        QueryAnswer::Recent(events)
    }
}

/// An event with the user that it counts for, given the merges.
fn attributed(merges: &[Merge], event: &OwnedEvent) -> OwnedEvent {
    let of_guest = |merge: &&Merge| {
        event.user == event.session && merge.guest == event.user && event.time <= merge.time
    };
    let merges = merges.iter().filter(of_guest);
    let earliest = merges.min_by_key(|merge| (merge.time, &merge.account));
    let user = earliest.map_or(&event.user, |merge| &merge.account);
    OwnedEvent { user: user.clone(), ..event.clone() }
}

/// The tag of an event without tags until the catalogue knows its product.
pub(crate) fn stand_in(event: &OwnedEvent) -> &str {
    if event.category.is_empty() { &event.product } else { &event.category }
}

/// The time of an event; one before the Unix epoch counts as the epoch.
pub(crate) fn event_time(event: &OwnedEvent) -> u64 {
    u64::try_from(event.time).unwrap_or_default()
}

/// The day of an event, counted from the Unix epoch.
pub(crate) fn event_day(event: &OwnedEvent) -> u16 {
    day(event_time(event))
}
