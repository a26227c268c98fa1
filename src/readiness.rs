//! Tells when the process is ready: once every component that took a latch has dropped it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The latches that the process still waits for. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    awaited: Arc<Mutex<Vec<Wait>>>,
}

/// The name of the latch that is held until the views hold what the topics had when the process began.
pub const CAUGHT_UP: &str = "events";

/// Something that the process waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The latch's name.
    pub name: Arc<str>,
    /// The time from which on it was waited for.
    pub since: SystemTime,
    /// What keeps it from happening, for a person; empty when there is nothing to say.
    pub details: String,
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
        let wait = Wait { name: name.clone(), since: SystemTime::now(), details: String::new() };
        self.lock().push(wait);
        Latch { name, readiness: self.clone() }
    }

    /// The names of the latches that are held, in the order in which they were taken.
    pub fn awaited(&self) -> Vec<Arc<str>> {
        self.lock().iter().map(|wait| wait.name.clone()).collect()
    }

    /// What is waited for, in the order in which the latches were taken.
    pub fn waits(&self) -> Vec<Wait> {
        self.lock().clone()
    }

    /// What keeps a latch from being dropped, if one of this name is held.
    pub fn wait_for(&self, name: &str) -> Option<Wait> {
        self.lock().iter().find(|wait| &*wait.name == name).cloned()
    }

    /// Whether no latch is held.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Wait>> {
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

impl Latch {
    /// Tells what keeps the latch from being dropped; it replaces what was told before.
    pub fn tell(&self, details: impl Into<String>) {
        let mut awaited = self.readiness.lock();
        if let Some(wait) = awaited.iter_mut().find(|wait| Arc::ptr_eq(&wait.name, &self.name)) {
            wait.details = details.into();
        }
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        // Compared by identity, as two components may have taken the same name.
        self.readiness.lock().retain(|wait| !Arc::ptr_eq(&wait.name, &self.name));
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
        third.tell("no broker");
        drop(first);
        let details: Vec<_> = readiness.waits().into_iter().map(|wait| wait.details).collect();
        assert_eq!(details, ["", "no broker"], "only its own entry goes, or is told of");
        drop(third);
        assert!(!readiness.is_ready());
        drop(second);
        assert!(readiness.is_ready());
    }
}
