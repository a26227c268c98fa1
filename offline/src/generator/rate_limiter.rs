//! A rate of events, held on average however unevenly the caller runs.

use std::time::{Duration, Instant};

/// Counts the events that are due at a rate.
pub struct RateLimiter {
    rate: u64,
    /// The time from which events are counted.
    since: Instant,
    /// The events that have become due since then.
    done: u64,
}

impl RateLimiter {
    /// A limit of `rate` events a second, from `now` on.
    pub fn new(rate: u64, now: Instant) -> RateLimiter {
        RateLimiter { rate, since: now, done: 0 }
    }

    /// The number of events that have become due since the last call; of a longer pause, those of one
    /// second at most, as the rest would be a burst.
    pub fn due(&mut self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.since);
        let total =
            u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.rate)
                / 1_000_000;
        let due = total.saturating_sub(self.done);
        if elapsed >= Duration::from_secs(60) || due > self.rate {
            (self.since, self.done) = (now, 0);
        } else {
            self.done = total;
        }
        due.min(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_rate_and_makes_up_for_nothing() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(100, start);
        let mut at = |millis| limiter.due(start + Duration::from_millis(millis));
        let due = [0, 5, 10, 25, 1_000, 10_000, 10_010].map(&mut at);
        assert_eq!(due, [0, 0, 1, 1, 98, 100, 1]);
        let minutes: u64 = (10_010..200_000).step_by(7).map(&mut at).sum();
        assert!((18_980..=19_000).contains(&minutes), "{minutes}");
    }
}
