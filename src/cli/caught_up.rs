//! The moment at which the views have caught up with the source.

use crate::engine::Engine;
use crate::readiness::Latch;
use crate::sources::SourceProgress;
use dataflows::time::Time;

/// Opens a latch once the views hold everything that the source had read when it caught up.
pub(super) struct CaughtUp {
    latch: Option<Latch>,
    awaited: AwaitedEpochs,
}

/// The epochs that hold what the source had read when it caught up.
///
/// NB: logical times are compared with each other alone. They go by the clock of whichever process
/// opens an epoch first, so that this process's clock tells nothing about them.
#[derive(Default)]
struct AwaitedEpochs(Option<Time>);

impl CaughtUp {
    pub(super) fn new(latch: Latch) -> CaughtUp {
        CaughtUp { latch: Some(latch), awaited: AwaitedEpochs::default() }
    }

    /// Opens the latch if the time has come.
    pub(super) fn check(&mut self, engine: &Engine, progress: &SourceProgress) {
        let Some(latch) = &self.latch else { return };
        if !progress.caught_up() {
            return latch.tell(progress.awaits());
        }
        // Read first: what has left the queues is in epochs that count as opened.
        let is_empty = engine.inlets.iter().all(|inlet| inlet.held() == 0);
        if self.awaited.are_closed(is_empty, engine.opened(), engine.closed()) {
            self.latch = None;
            tracing::info!("caught up");
        }
    }
}

impl AwaitedEpochs {
    /// Tells whether the epochs are closed that were open when the queues were first seen empty.
    fn are_closed(&mut self, is_empty: bool, opened: Time, closed: Time) -> bool {
        if self.0.is_none() && is_empty {
            self.0 = Some(opened);
        }
        self.0.is_some_and(|end| end <= closed)
    }
}

#[cfg(test)]
mod tests {
    use super::AwaitedEpochs;

    #[test]
    fn epochs_are_awaited_by_their_own_times() {
        // Whatever the clock of the process that opens epochs shows.
        for there in [0, 1_743_508_800_000_000, u64::MAX / 2] {
            let mut awaited = AwaitedEpochs::default();
            for (is_empty, opened, closed, expected) in [
                (false, there + 10, there, false),
                // The queues are empty: the epochs up to 20 must close.
                (true, there + 20, there + 10, false),
                (false, there + 30, there + 19, false),
                (true, there + 40, there + 20, true),
            ] {
                assert_eq!(awaited.are_closed(is_empty, opened, closed), expected);
            }
        }
    }

    #[test]
    fn without_input_there_is_nothing_to_wait_for() {
        assert!(AwaitedEpochs::default().are_closed(true, 0, 0));
    }
}
