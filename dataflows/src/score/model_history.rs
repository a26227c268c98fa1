//! The model and the day as of any time that questions may still ask about.

use super::merchandising::Merchandising;
use super::model::{Model, ModelAt};
use crate::time::{DAY_HOURS, EventClock, Time};
use std::collections::BTreeMap;

/// Changes of the model and the hour, by logical time. Each is entered before its time is complete.
#[derive(Default)]
pub(crate) struct ModelHistory {
    models: BTreeMap<Time, Model>,
    clock: EventClock,
}

impl ModelHistory {
    /// Puts a model in force from a time on.
    pub(crate) fn set_model(&mut self, from: Time, model: Model) {
        self.models.insert(from, model);
    }

    /// Moves the event clock on to an hour, from a time on.
    pub(crate) fn set_hour(&mut self, time: Time, hour: u32) {
        self.clock.set(time, hour);
    }

    /// The model and the day as of a time. The repeat rate is not known here, and 0.
    pub(crate) fn at(&self, time: Time) -> ModelAt {
        let model = self.models.range(..=time).next_back();
        let model = model.map(|(_, model)| (model.weights, model.blend));
        let (weights, blend) = model.unwrap_or_default();
        let today = u16::try_from(self.clock.at(time) / DAY_HOURS).unwrap_or(u16::MAX);
        ModelAt { weights, blend, today, repeat_rate: 0.0 }
    }

    /// The rules of the shop as of a time.
    pub(crate) fn rules_at(&self, time: Time) -> Merchandising {
        let model = self.models.range(..=time).next_back();
        model.map(|(_, model)| model.rules.clone()).unwrap_or_default()
    }

    /// Forgets the changes that [`ModelHistory::at`] and [`ModelHistory::rules_at`] need only for earlier times than this.
    pub(crate) fn forget_before(&mut self, time: Time) {
        self.clock.forget_before(time);
        if let Some(last) = self.models.range(..=time).next_back().map(|(time, _)| *time)
            && self.models.first_key_value().is_some_and(|(first, _)| *first < last)
        {
            self.models = self.models.split_off(&last);
        }
    }
}
