//! The model, the day and what was learned as of any time that questions may still ask about.

use super::grade::Grade;
use super::learner::{Learner, table};
use super::merchandising::Merchandising;
use super::mixture::{SourceWeights, WeightsInForce};
use super::model::{Model, ModelAt};
use super::scale::Scale;
use crate::time::{DAY_HOURS, EventClock, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether the weights of the mixture that were learned are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learning {
    /// They are.
    #[default]
    On,
    /// Nothing is learned.
    Off,
    /// They are shown, and a shop may put them in force.
    Propose,
}

/// What was learned of the weights of rankings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnedState {
    /// What becomes of it.
    pub learning: Learning,
    /// The weights in force, by gate and source; none for those of the start.
    pub in_force: Option<Vec<Vec<f64>>>,
    /// What it was learned from.
    pub learner: Learner,
}

/// The fewest graded events after which learned weights are in force: before, those of the start are better.
pub const ENOUGH: u64 = 1_000;

/// Changes of the model and the hour, and grades, by logical time. Each is entered before its time is complete.
pub(crate) struct ModelHistory {
    /// With the weights that each pins, if it does.
    models: BTreeMap<Time, (Model, Option<Arc<SourceWeights>>)>,
    clock: EventClock,
    learning: Learning,
    start: &'static SourceWeights,
    /// The grades of times that the learner has not come to.
    grades: BTreeMap<Time, Vec<Grade>>,
    learner: Learner,
    /// The weights that were learned, from the times on when they came; none of too few grades.
    learned: BTreeMap<Time, Option<Arc<SourceWeights>>>,
}

impl ModelHistory {
    pub(crate) fn new(learning: Learning, start: &'static SourceWeights) -> ModelHistory {
        ModelHistory {
            models: BTreeMap::new(),
            clock: EventClock::default(),
            learning,
            start,
            grades: BTreeMap::new(),
            learner: Learner::new(start),
            learned: BTreeMap::new(),
        }
    }

    /// Puts a model in force from a time on.
    pub(crate) fn set_model(&mut self, from: Time, model: Model) {
        let pinned = model.ranking.pinned.clone().and_then(table).map(Arc::new);
        self.models.insert(from, (model, pinned));
        // What was learned may have to be forgotten then, whether or not there is a grade.
        self.grades.entry(from).or_default();
    }

    /// Moves the event clock on to an hour, from a time on.
    pub(crate) fn set_hour(&mut self, time: Time, hour: u32) {
        self.clock.set(time, hour);
    }

    /// Goes on from what was learned before.
    pub(crate) fn begin(&mut self, time: Time, learner: Learner) {
        self.learner = learner.with_start(self.start);
        self.note_learned(time);
    }

    /// Adds a grade.
    pub(crate) fn add_grade(&mut self, time: Time, grade: Grade) {
        self.grades.entry(time).or_default().push(grade);
    }

    /// Learns from all grades up to a time, which is complete: those of each time together, so that what is learned
    /// depends on times alone. It is in force from the next time on.
    fn learn(&mut self, until: Time) {
        while let Some(first) = self.grades.first_entry().filter(|first| *first.key() <= until) {
            let (time, grades) = first.remove_entry();
            let wanted = self.model_at(time).map_or(0, |model| model.ranking.resets);
            if self.learner.resets() < wanted {
                self.learner.reset(wanted);
                self.note_learned(time + 1);
            }
            grades.iter().for_each(|grade| self.learner.add(grade));
            if self.learning != Learning::Off && self.learner.step(self.clock.at(time)) {
                self.note_learned(time + 1);
            }
        }
    }

    fn note_learned(&mut self, from: Time) {
        let is_enough = ENOUGH <= self.learner.seen();
        self.learned.insert(from, is_enough.then(|| self.learner.weights().clone()));
    }

    /// The weights that rankings are mixed by as of a complete time.
    pub(crate) fn weights_in_force(&mut self, time: Time) -> WeightsInForce {
        self.learn(time);
        let pinned =
            self.models.range(..=time).next_back().and_then(|(_, (_, pinned))| pinned.clone());
        let learned = self.learned.range(..=time).next_back();
        let learned = learned.filter(|_| self.learning == Learning::On);
        let learned = pinned.or_else(|| learned.and_then(|(_, weights)| weights.clone()));
        WeightsInForce { start: self.start, learned }
    }

    /// What was learned, and what is in force, as of a complete time; grades may be of a later one.
    pub(crate) fn state(&mut self, time: Time) -> LearnedState {
        let in_force = self.weights_in_force(time).learned;
        LearnedState {
            learning: self.learning,
            in_force: in_force.map(|weights| weights.map(Vec::from).into()),
            learner: self.learner.clone(),
        }
    }

    /// What was learned, as of a complete time or a later one.
    pub(crate) fn learner(&mut self, time: Time) -> &Learner {
        self.learn(time);
        &self.learner
    }

    fn model_at(&self, time: Time) -> Option<&Model> {
        self.models.range(..=time).next_back().map(|(_, (model, _))| model)
    }

    /// The model and the day as of a time. The repeat rate is not known here, and 0.
    pub(crate) fn at(&self, time: Time) -> ModelAt {
        let model = self.model_at(time).map(|model| (model.weights, model.blend));
        let (weights, blend) = model.unwrap_or_default();
        let today = u16::try_from(self.clock.at(time) / DAY_HOURS).unwrap_or(u16::MAX);
        ModelAt { scale: Scale { weights, today }, blend, repeat_rate: 0.0 }
    }

    /// The rules of the shop as of a time.
    pub(crate) fn rules_at(&self, time: Time) -> Merchandising {
        self.model_at(time).map(|model| model.rules.clone()).unwrap_or_default()
    }

    /// Forgets the changes that are needed only for earlier times than this.
    pub(crate) fn forget_before(&mut self, time: Time) {
        // Also where nobody asks, grades must not pile up. All times before one that may be asked about are complete.
        if time < Time::MAX {
            self.learn(time.saturating_sub(1));
        }
        if let Some(last) = self.learned.range(..=time).next_back().map(|(time, _)| *time) {
            self.learned = self.learned.split_off(&last);
        }
        self.clock.forget_before(time);
        if let Some(last) = self.models.range(..=time).next_back().map(|(time, _)| *time)
            && self.models.first_key_value().is_some_and(|(first, _)| *first < last)
        {
            self.models = self.models.split_off(&last);
        }
    }
}
