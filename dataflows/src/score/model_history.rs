//! The model and the day as of any time that may still be asked about.

use super::model::ModelAt;
use crate::score::model::Model;
use crate::time::{Clock, DAY_HOURS, Time};
use std::collections::BTreeMap;

/// All changes of the model and the hour, by time. A change is entered before its time is complete.
#[derive(Default)]
pub(crate) struct ModelHistory {
    models: BTreeMap<Time, Model>,
    clock: Clock,
}

impl ModelHistory {
    /// Puts a model in force from a time on.
    pub(crate) fn set_model(&mut self, from: Time, model: Model) {
        self.models.insert(from, model);
    }

    /// Sets the hour from a time on, unless it was later already.
    pub(crate) fn set_hour(&mut self, time: Time, hour: u32) {
        self.clock.set(time, hour);
    }

    /// The model_at as of a time; how often visitors come back is not known here.
    pub(crate) fn at(&self, time: Time) -> ModelAt {
        let model = self.models.range(..=time).next_back();
        let model = model.map_or_else(Model::default, |(_, model)| *model);
        let today = u16::try_from(self.clock.at(time) / DAY_HOURS).unwrap_or(u16::MAX);
        ModelAt { model, today, repeat_rate: 0.0 }
    }

    /// Forgets all that is not needed to tell the model as of this time or later.
    pub(crate) fn forget_before(&mut self, time: Time) {
        self.clock.forget_before(time);
        if let Some(last) = self.models.range(..=time).next_back().map(|(time, _)| *time)
            && self.models.first_key_value().is_some_and(|(first, _)| *first < last)
        {
            self.models = self.models.split_off(&last);
        }
    }
}
