//! What the processes tell each other about a checkpoint.

use crate::engine::Beginning;
use checkpoints::{Digest, RunId, Segment};
use dataflows::cut::capture::CutState;
use dataflows::digest::rows::DigestedView;
use dataflows::record::event::OwnedEvent;
use dataflows::score::learner::Learner;
use dataflows::score::model::Model;
use dataflows::views::recent::Recent;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The checkpoint that changes are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) run: RunId,
    pub(crate) number: u64,
    /// All that are known, for the receipts of the other processes.
    pub(crate) erasures: Vec<Erasure>,
}

/// Nothing is stored any more of those whose forget has a logical time before one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erasure {
    /// The logical time.
    pub(crate) before: u64,
    /// Since when that is so, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
}

/// That all segments were written anew, and what is older is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rewritten {
    /// The number of the first checkpoint that has them: no segment of it or a later one was written for an earlier one.
    pub(crate) from: u64,
    /// The logical time that they were written anew as of.
    pub(crate) time: u64,
}

/// What a worker tells the first process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) worker: usize,
    pub(crate) what: What,
}

/// See [`Told`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// The digests of what the worker began with.
    Began(BTreeMap<String, Digest>),
    /// Its part of a checkpoint is written.
    Written(Box<Part>),
    /// Its part of a checkpoint could not be written, and will be with the next one.
    Failed { number: u64, reason: String },
}

/// A worker's part of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) state: State,
}

/// What is not in tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The next offset of each partition, by `topic/index`.
    pub(crate) positions: BTreeMap<String, i64>,
    /// The ids of the topics that these are offsets of, as far as topics have ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) topics: BTreeMap<String, String>,
    /// The hour of the newest event, and the one before which no record was left to read.
    pub(crate) newest: u32,
    pub(crate) oldest: u32,
    pub(crate) model: Option<Model>,
    /// What was learned of the weights of rankings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learner: Option<Box<Learner>>,
    /// The latest events, newest first.
    #[serde(default)]
    pub(crate) recent: Vec<OwnedEvent>,
    /// When segments of before are to be written anew, since somebody was forgotten; in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rewrite_at: Option<u64>,
    /// That they were, until what is older is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rewritten: Option<Rewritten>,
    /// The latest erasures, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) erasures: Vec<Erasure>,
    /// The views' digests, which a manifest has elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) digests: BTreeMap<String, Digest>,
    /// `profile` or `all`.
    #[serde(default)]
    pub(crate) mode: String,
}

impl State {
    pub(crate) fn of(state: CutState, mode: &str) -> State {
        let CutState { positions, newest, oldest, model, learner, recent, digests } = state;
        let learner = learner.map(Box::new);
        let digest = |digest: dataflows::digest::hash::Digest| Digest(digest.number());
        let digests = digests.into_iter();
        let digests = digests.map(|(view, it)| (view.name().to_owned(), digest(it))).collect();
        let mode = mode.to_owned();
        State {
            positions,
            newest,
            oldest,
            model,
            learner,
            recent,
            digests,
            mode,
            ..State::default()
        }
    }

    /// Where an engine goes on that begins with it, and with profiles of a digest.
    pub(crate) fn beginning(&self, profiles: Option<String>) -> Beginning {
        let (positions, topics) = (self.positions.clone(), self.topics.clone());
        Beginning { positions, topics, profiles }
    }

    /// Adds that of another worker, as of the same time.
    pub(crate) fn add(&mut self, other: State) {
        self.positions.extend(other.positions);
        self.newest = self.newest.max(other.newest);
        self.oldest = self.oldest.max(other.oldest);
        self.model = self.model.take().or(other.model);
        self.learner = self.learner.take().or(other.learner);
        self.recent.extend(other.recent);
        self.recent.sort_by_key(|event| Reverse(event.time));
        self.recent.truncate(Recent::EVENTS);
        self.mode = other.mode;
        add_digests(&mut self.digests, &other.digests);
    }
}

/// The digest of the profiles, of those of views.
pub(crate) fn digest_of_profiles(views: &BTreeMap<String, Option<Digest>>) -> Option<String> {
    let digest = views.get(DigestedView::Profile.name()).copied().flatten();
    digest.map(|digest| format!("{:032x}", digest.0))
}

/// Adds digests up, by view.
pub(crate) fn add_digests(sums: &mut BTreeMap<String, Digest>, others: &BTreeMap<String, Digest>) {
    for (view, digest) in others {
        let sum = sums.entry(view.clone()).or_default();
        sum.0 = sum.0.wrapping_add(digest.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::score::grade::Grade;
    use dataflows::score::merchandising::{Action, Condition, Merchandising, Rule};
    use dataflows::score::mixture::{GATES, SOURCES};
    use dataflows::score::start::START;

    #[test]
    fn a_state_that_knows_no_topics_is_read() {
        let before = r#"{"positions": {"view-events/0": 7}, "newest": 3, "oldest": 2, "model": null, "mode": "all"}"#;
        let state: State = serde_json::from_str(before).unwrap();
        assert_eq!((state.positions["view-events/0"], state.topics.len()), (7, 0));
        let topics = BTreeMap::from([("view-events".to_owned(), "A".to_owned())]);
        let state = State { topics, ..state };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn what_was_learned_is_read_as_it_was_written_to_the_last_bit() {
        let mut learner = Learner::new(&START);
        for event in 1..=2_000_u32 {
            let at = event as usize;
            let parts = (0..SOURCES).map(|source| (source, ((source * at) % 7_919) as i64));
            learner.add(&Grade {
                day: 20_000,
                gate: at % GATES,
                is: [true, event % 2 == 0],
                places: [[event % 21; 3]; 4],
                parts: parts.collect(),
            });
            learner.step(event / 100);
        }
        let one = State { learner: Some(Box::new(learner)), ..State::default() };
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), one);
        // One worker of all has it.
        let mut all = State::default();
        all.add(one.clone());
        all.add(State::default());
        assert_eq!(all.learner, one.learner);
    }

    #[test]
    fn a_model_of_before_there_were_rules_has_none() {
        let (weights, blend) = ("[1000000,3000000,5000000]", r#"{"tags":0.2}"#);
        let model = format!(r#"{{"weights":{weights},"blend":{blend}}}"#);
        let model: Model = serde_json::from_str(&model).unwrap();
        assert_eq!((model.blend.tags, model.rules.rules().len()), (0.2, 0));
        let condition = Condition { tag: Some("a".into()), ..Condition::default() };
        let (placement, from, until) = (Some("home".into()), Some(1), None);
        let action = Action::Boost(2.5);
        let rule = Rule { id: "r".into(), action, condition, placement, from, until };
        let model = Model { rules: Merchandising::new(vec![rule]), ..model };
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model);
    }
}
