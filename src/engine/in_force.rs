//! The model that the workers of this process score with, for whoever shows it or answers by it.

use dataflows::score::model::Model;
use dataflows::time::Time;
use std::sync::{Arc, PoisonError, RwLock};

/// The model in force in this process. There is none at first: a score by defaults that nobody has
/// chosen must not leave the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ModelInForce(Arc<RwLock<Option<InForce>>>);

/// A model that is in force, and since when there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The newest model.
    pub model: Model,
    /// The logical time from which the first model held. Answers as of an earlier time were scored
    /// without any.
    pub since: Time,
    /// The logical time from which the newest model holds.
    newest: Time,
}

impl ModelInForce {
    /// Returns the model; `None` until the first one is known.
    pub fn get(&self) -> Option<InForce> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts in a model that holds from a time on. Each worker does it, in any order.
    pub fn set(&self, from: Time, model: Model) {
        let mut in_force = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = in_force.as_ref().map(|known| (known.since, known.newest));
        let (since, newest) = known.unwrap_or((from, from));
        if newest <= from {
            *in_force = Some(InForce { model, since, newest: from });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::score::weights::{Score, Weights};

    #[test]
    fn the_newest_model_counts_whichever_worker_tells_it_first() {
        let in_force = ModelInForce::default();
        assert_eq!(in_force.get(), None);
        let model = |view| Model { weights: Weights([Score(view); 3]), ..Model::default() };
        for (from, view, expected) in [(5, 1, 1), (5, 1, 1), (9, 2, 2), (5, 1, 2), (9, 2, 2)] {
            in_force.set(from, model(view));
            let known = in_force.get().unwrap();
            assert_eq!((known.model, known.since), (model(expected), 5));
        }
    }
}
