//! The services that are killed, and come back.

use crate::harness::{script, try_script};
use std::collections::{BTreeMap, BTreeSet};

/// The services that are away, until the fault of this index.
#[derive(Default)]
pub(super) struct Services {
    pub(super) away: BTreeMap<&'static str, usize>,
    brokers: BTreeSet<usize>,
}

impl Services {
    pub(super) fn kill(&mut self, service: &'static str, until: usize) {
        if !self.away.contains_key(service) {
            script(&["kill", service]);
            self.away.insert(service, until);
        }
    }

    /// Brokers come back together: fewer than two may not answer.
    pub(super) fn kill_brokers(&mut self, first: usize, count: usize, until: usize) {
        for broker in (0..count).map(|index| (first + index) % 3 + 1) {
            if self.brokers.insert(broker) {
                script(&["kill-broker", &broker.to_string()]);
            }
        }
        self.away.entry("kafka").or_insert(until);
    }

    /// Starts again what is not to be away any more.
    pub(super) fn heal(&mut self, index: usize) {
        let due: Vec<_> = self.away.extract_if(.., |_, until| *until <= index).collect();
        for (service, _) in due {
            script(&["up", service]);
            if service == "kafka" {
                self.brokers.clear();
            }
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        try_script(&["up", "kafka", "redis", "zookeeper"]);
    }
}
