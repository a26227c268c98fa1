//! The moment at which the views have caught up with the source.

use crate::engine::{self, Engine};
use crate::readiness::Latch;
use crate::sources::SourceProgress;
use dataflows::time::Time;

/// Opens a latch once the views hold everything that the source had read when it caught up.
pub(super) struct CaughtUp {
    latch: Option<Latch>,
    /// The time at which the queues were first seen empty.
    since: Option<Time>,
}

impl CaughtUp {
    pub(super) fn new(latch: Latch) -> CaughtUp {
        CaughtUp { latch: Some(latch), since: None }
    }

    /// Opens the latch if the time has come.
    pub(super) fn check(&mut self, engine: &Engine, progress: &SourceProgress) {
        if self.latch.is_none() || !progress.caught_up() {
            return;
        }
        // Units that have left the queues are in epochs that were open when the queues were empty. All
        // of these must close, not the first alone.
        let is_empty = engine.inlets.iter().all(|inlet| inlet.held() == 0);
        match self.since {
            None if is_empty => self.since = Some(engine::now()),
            Some(since) if engine.closed() > since || engine.is_idle() => {
                self.latch = None;
                tracing::info!("caught up");
            }
            _ => {}
        }
    }
}
