//! The moment at which the views have caught up with the source.

use crate::engine::{Engine, Report};
use crate::readiness::Latch;
use crate::sources::{HistoryRead, SourceProgress};
use dataflows::time::Time;
use std::time::{Duration, Instant};

/// Opens a latch once the views hold everything that the sources of all processes had read when they caught up.
pub(super) struct CaughtUp {
    latch: Option<Latch>,
    /// This process, until it has told that it has caught up.
    process: Option<usize>,
    awaited: AwaitedEpochs,
    history: HistoryLog,
}

/// The time between two lines of the log about how far the history has been read.
const PACE: Duration = Duration::from_secs(5);

/// Tells the log's readers how long the history will take.
struct HistoryLog {
    /// `offsets` or `bytes`.
    unit: &'static str,
    begun: Instant,
    /// When it was told last, and how many records had been read by then.
    told: (Instant, u64),
}

/// The epochs that hold what the source had read when it caught up.
///
/// NB: logical times are compared with each other alone. They go by the clock of whichever process
/// opens an epoch first, so that this process's clock tells nothing about them.
#[derive(Default)]
struct AwaitedEpochs(Option<Time>);

impl CaughtUp {
    /// What is read, by a process, is counted in this unit.
    pub(super) fn new(latch: Latch, unit: &'static str, process: usize) -> CaughtUp {
        let (awaited, history) = (AwaitedEpochs::default(), HistoryLog::new(unit, Instant::now()));
        CaughtUp { latch: Some(latch), process: Some(process), awaited, history }
    }

    /// Opens the latch if the time has come.
    pub(super) fn check(&mut self, engine: &Engine, progress: &SourceProgress) {
        let Some(latch) = &self.latch else { return };
        let (history, now) = (progress.history(), Instant::now());
        if !progress.caught_up() {
            if let Some(per_second) = self.history.due(history.records, now) {
                let (HistoryRead { records, read, length }, unit) = (history, self.history.unit);
                tracing::info!(records, per_second, read, of = length, unit, "reading the history");
            }
            return latch.tell(progress.awaits());
        }
        // Read first: what has left the queues is in epochs that count as opened.
        let is_empty = engine.inlets.iter().all(|inlet| inlet.held() == 0);
        if self.awaited.are_closed(is_empty, engine.opened(), engine.closed()) {
            if let Some(process) = self.process.take() {
                let took = now.duration_since(self.history.begun);
                let (records, per_second) = (history.records, rate(history.records, took));
                tracing::info!(records, per_second, ?took, "caught up");
                engine.reporter()(Report::CaughtUp(process));
            }
            if engine.has_caught_up() {
                self.latch = None;
            } else {
                latch.tell("other processes have not caught up yet");
            }
        }
    }
}

impl HistoryLog {
    fn new(unit: &'static str, now: Instant) -> HistoryLog {
        HistoryLog { unit, begun: now, told: (now, 0) }
    }

    /// Returns the records a second since the last line, if it is time for another.
    fn due(&mut self, records: u64, now: Instant) -> Option<u64> {
        let (at, before) = self.told;
        let since = now.duration_since(at);
        (since >= PACE).then(|| {
            self.told = (now, records);
            rate(records - before, since)
        })
    }
}

/// So many records in this time, by the second.
fn rate(records: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(records) * 1_000_000 / micros).unwrap_or(u64::MAX)
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
    use super::{AwaitedEpochs, HistoryLog, rate};
    use std::time::{Duration, Instant};

    #[test]
    fn the_history_is_told_every_five_seconds_with_the_rate_since() {
        let begun = Instant::now();
        let mut log = HistoryLog::new("offsets", begun);
        for (seconds, records, due) in [
            (1, 90_000, None),
            (5, 100_000, Some(20_000)),
            (9, 120_000, None),
            (15, 150_000, Some(5_000)),
            (20, 150_000, Some(0)),
        ] {
            assert_eq!(log.due(records, begun + Duration::from_secs(seconds)), due, "{seconds}");
        }
        assert_eq!(rate(5, Duration::ZERO), 5_000_000);
    }

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
