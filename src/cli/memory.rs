//! The limits of the process's memory: from the soft one on sources pause, and at the hard one it ends.

use crate::config::LimitsConfig;
use crate::sources::SourcePause;
use anyhow::bail;
use std::time::{Duration, Instant};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(200);
const MIB: u64 = 1 << 20;

/// Watches the memory of the process.
pub(super) struct MemoryWatch {
    /// In MiB.
    soft: Option<u64>,
    hard: Option<u64>,
    pause: SourcePause,
    looked: Option<Instant>,
}

impl MemoryWatch {
    /// Sources are told to pause by `pause`.
    pub(super) fn new(limits: &LimitsConfig, pause: SourcePause) -> MemoryWatch {
        let (soft, hard) = (limits.memory_soft_mb, limits.memory_hard_mb);
        MemoryWatch { soft, hard, pause, looked: None }
    }

    /// Looks, if it is time.
    ///
    /// # Errors
    /// When the process has more than the hard limit allows.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        if self.soft.or(self.hard).is_none()
            || self.looked.is_some_and(|at| at.elapsed() < INTERVAL)
        {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let Some(bytes) = resident() else { return Ok(()) };
        self.note(bytes / MIB)
    }

    fn note(&self, has: u64) -> anyhow::Result<()> {
        if let Some(limit) = self.hard.filter(|limit| *limit <= has) {
            bail!("the process has {has} MiB of memory, and limits.memory_hard_mb is {limit}");
        }
        let Some(limit) = self.soft else { return Ok(()) };
        let is_over = limit <= has;
        if is_over != self.pause.is_set() {
            self.pause.set(is_over);
            match is_over {
                true => tracing::warn!(
                    has,
                    limit,
                    "sources pause: the process has limits.memory_soft_mb; questions go on"
                ),
                false => tracing::info!(has, limit, "sources go on: memory is below its limit"),
            }
        }
        Ok(())
    }
}

/// The bytes that the process has in memory; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_pause_from_the_soft_limit_on_and_the_hard_one_is_an_error() {
        let pause = SourcePause::default();
        let (soft, hard) = (Some(100), Some(200));
        let watch = MemoryWatch { soft, hard, pause: pause.clone(), looked: None };
        for (has, paused) in [(99, false), (100, true), (199, true), (99, false)] {
            watch.note(has).unwrap();
            assert_eq!(pause.is_set(), paused, "{has}");
        }
        let error = watch.note(200).unwrap_err().to_string();
        assert_eq!(error, "the process has 200 MiB of memory, and limits.memory_hard_mb is 200");
        let none = MemoryWatch { soft: None, hard: None, ..watch };
        none.note(u64::MAX).unwrap();
    }

    #[test]
    fn a_process_has_memory() {
        assert!(resident().unwrap() > MIB);
    }
}
