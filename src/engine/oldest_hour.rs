//! The hour before which no record of any process is left to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The hour, counted from the Unix epoch, before which no record of any process is left to read, as far as
/// this one knows. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct OldestHour(Arc<AtomicU32>);

impl OldestHour {
    /// One that is known from the beginning.
    pub fn known(hour: u32) -> OldestHour {
        let oldest = OldestHour::default();
        oldest.set(hour);
        oldest
    }

    /// The hour; 0 before it is known.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Moves it on. It never goes back.
    pub fn set(&self, hour: u32) {
        self.0.fetch_max(hour, Ordering::AcqRel);
    }
}
