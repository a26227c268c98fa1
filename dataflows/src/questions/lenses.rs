//! The model and the day, as of any time that may be asked about.

use crate::Time;
use crate::clock::{Clock, DAY_HOURS};
use crate::model::{Lens, Model};
use std::collections::BTreeMap;

/// What was told of models and hours. All that is of a time is told before the time is complete.
#[derive(Default)]
pub(crate) struct Lenses {
    models: BTreeMap<Time, Model>,
    clock: Clock,
}

impl Lenses {
    /// A model holds from a time on.
    pub(crate) fn tell_model(&mut self, from: Time, model: Model) {
        self.models.insert(from, model);
    }

    /// At a time it was an hour, or later.
    pub(crate) fn tell_hour(&mut self, time: Time, hour: u32) {
        self.clock.tell(time, hour);
    }

    /// The lens as of a time; how often visitors come back is not known here.
    pub(super) fn at(&self, time: Time) -> Lens {
        let model = self.models.range(..=time).next_back();
        let model = model.map_or_else(Model::default, |(_, model)| *model);
        let today = u16::try_from(self.clock.at(time) / DAY_HOURS).unwrap_or(u16::MAX);
        Lens { model, today, again: 0.0 }
    }

    /// Forgets what no question can ask for any more.
    pub(super) fn forget_before(&mut self, time: Time) {
        self.clock.forget_before(time);
        if let Some(last) = self.models.range(..=time).next_back().map(|(time, _)| *time)
            && self.models.first_key_value().is_some_and(|(first, _)| *first < last)
        {
            self.models = self.models.split_off(&last);
        }
    }
}
