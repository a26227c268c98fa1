//! When the process is ready: once every component that others wait for has let go of its latch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the process still waits for. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    awaited: Arc<Mutex<Vec<Arc<str>>>>,
}

impl Readiness {
    /// A process that waits for nothing yet, and so counts as ready: take the latches first.
    pub fn new() -> Readiness {
        Readiness::default()
    }

    /// Makes the process wait until the latch is dropped. Its name, such as `catch up with Kafka`,
    /// is what the operator reads meanwhile.
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
        // A push or a removal is whole or has not happened, so a poisoned list is still good.
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
        // By identity: two components may have taken the same name.
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
