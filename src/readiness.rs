//! Tells when the process is ready: once every component that took a latch has dropped it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latches that the process still waits for. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    awaited: Arc<Mutex<Vec<Arc<str>>>>,
}

impl Readiness {
    /// Makes a process that waits for nothing, and so counts as ready: take the latches first.
    pub fn new() -> Readiness {
        Readiness::default()
    }

    /// Takes a latch, which keeps the process from being ready until it is dropped. Operators see
    /// its name, such as `catch up with Kafka`, meanwhile.
    pub fn latch(&self, name: impl Into<Arc<str>>) -> Latch {
        let name = name.into();
        self.lock().push(name.clone());
        Latch { name, readiness: self.clone() }
    }

    /// The names of the latches that are held, in the order in which they were taken.
    pub fn awaited(&self) -> Vec<Arc<str>> {
        self.lock().clone()
    }

    /// Whether no latch is held.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<str>>> {
        // A panic cannot leave a push or a removal half done, so a poisoned list is intact.
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the process from being ready until it is dropped.
#[derive(Debug)]
pub struct Latch {
    name: Arc<str>,
    readiness: Readiness,
}

impl Drop for Latch {
    fn drop(&mut self) {
        // Compared by identity, as two components may have taken the same name.
        self.readiness.lock().retain(|name| !Arc::ptr_eq(name, &self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_latches_are_dropped() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        let latches = ["kafka", "redis", "kafka"].map(|name| readiness.latch(name));
        assert_eq!(
            readiness.awaited().iter().map(|name| &**name).collect::<Vec<_>>(),
            ["kafka", "redis", "kafka"]
        );
        let [first, second, third] = latches;
        drop(first);
        assert_eq!(readiness.awaited().len(), 2, "only its own entry goes");
        drop(third);
        assert!(!readiness.is_ready());
        drop(second);
        assert!(readiness.is_ready());
    }
}
