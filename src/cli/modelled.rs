//! The moment at which the model is known.

use crate::engine::Engine;
use crate::readiness::Latch;
use crate::settings::registry::SETTINGS;
use crate::settings::status::{SettingsStatus, Stored};

/// Opens a latch once the workers score with a model, and tells until then what keeps them from it.
pub(super) struct Modelled {
    latch: Option<Latch>,
    status: SettingsStatus,
}

impl Modelled {
    pub(super) fn new(latch: Latch, status: SettingsStatus) -> Modelled {
        Modelled { latch: Some(latch), status }
    }

    /// Opens the latch if the time has come.
    pub(super) fn check(&mut self, engine: &Engine) {
        let Some(latch) = &self.latch else { return };
        if engine.in_force().get().is_some() {
            self.latch = None;
            return;
        }
        let missing =
            SETTINGS.iter().filter_map(|setting| match self.status.of(setting.name).stored {
                Stored::Good(_) => None,
                stored => Some(format!("{} {stored}", setting.path)),
            });
        latch.tell(missing.collect::<Vec<_>>().join(", "));
    }
}
