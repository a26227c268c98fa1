//! Lets sources pause, while the process has too little memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether sources are to pause. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SourcePause(Arc<AtomicBool>);

impl SourcePause {
    /// Has them pause, or go on.
    pub fn set(&self, pause: bool) {
        self.0.store(pause, Ordering::Release);
    }

    /// Whether they are to pause.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
