//! Notices a partition whose lag does not move.

use std::time::{Duration, Instant};

/// How long a lag may stand still before it counts as stalled.
const PATIENCE: Duration = Duration::from_secs(30);

/// Since when a partition with lag has stood at an offset.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<(i64, Instant)>);

impl Stall {
    /// Takes a look at how far a partition was read, and at its end; true once it has stood still for
    /// [`PATIENCE`] with something left to read.
    pub(super) fn look(&mut self, read_to: i64, end: i64, now: Instant) -> bool {
        if end <= read_to {
            self.0 = None;
            return false;
        }
        match self.0 {
            Some((at, since)) if at == read_to => now.duration_since(since) >= PATIENCE,
            _ => {
                self.0 = Some((read_to, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stall;
    use std::time::{Duration, Instant};

    #[test]
    fn a_lag_that_does_not_move_for_half_a_minute_is_stalled() {
        let (begin, mut stall) = (Instant::now(), Stall::default());
        for (second, read_to, end, expected) in [
            (0, 5, 5, false),
            (40, 5, 9, false),
            (69, 5, 9, false),
            (70, 5, 9, true),
            (71, 6, 9, false),
            (100, 6, 20, false),
            (101, 6, 20, true),
            (102, 20, 20, false),
            (103, 20, 21, false),
        ] {
            let now = begin + Duration::from_secs(second);
            assert_eq!(stall.look(read_to, end, now), expected, "second {second}");
        }
    }
}
