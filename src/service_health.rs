//! What is wrong with the services that the process needs, in words, for those who ask about them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Kafka's name.
pub const KAFKA: &str = "kafka";
/// Redis's name.
pub const REDIS: &str = "redis";
/// The name of what holds the settings.
pub const SETTINGS: &str = "settings";

/// What is wrong with each service now, by its name and by who of the process has found it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ServiceHealth(Arc<Mutex<BTreeMap<(&'static str, usize), String>>>);

impl ServiceHealth {
    /// Notes what a user of a service found to be wrong with it; it replaces what was found before.
    pub fn fails(&self, service: &'static str, user: usize, reason: impl Into<String>) {
        self.lock().insert((service, user), reason.into());
    }

    /// Notes that a service works, for one of its users.
    pub fn works(&self, service: &'static str, user: usize) {
        self.lock().remove(&(service, user));
    }

    /// What is wrong with a service, if anything is: the first of what its users have found.
    pub fn reason(&self, service: &'static str) -> Option<String> {
        let reasons = self.lock();
        let mut found = reasons.range((service, 0)..=(service, usize::MAX));
        found.next().map(|(_, reason)| reason.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, usize), String>> {
        // A panic cannot leave an insertion or a removal half done, so a poisoned map is intact.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_well_when_all_its_users_find_so() {
        let health = ServiceHealth::default();
        health.fails(REDIS, 1, "wrong password");
        health.fails(REDIS, 2, "away");
        assert_eq!(
            (health.reason(KAFKA), health.reason(REDIS)),
            (None, Some("wrong password".into()))
        );
        health.works(REDIS, 1);
        assert_eq!(health.reason(REDIS), Some("away".into()));
        health.works(REDIS, 2);
        assert_eq!(health.reason(REDIS), None);
    }
}
