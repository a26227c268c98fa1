//! The settings that may change at run time, each as it is read from the store.

use super::register::{counter, counters, float_gauges, gauge};
use dataflows::score::merchandising::ActionKind;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The metrics of all settings.
#[derive(Debug)]
pub struct SettingsMetrics {
    registry: Registry,
    /// `recsys_model_known`
    pub model_known: IntGauge,
    /// `recsys_weight{event_type}`
    pub weight: GaugeVec,
    /// `recsys_rule_hits_total{action, rule}`
    pub rule_hits: RuleHits,
}

/// How often each rule of merchandising has hit.
#[derive(Debug)]
pub struct RuleHits {
    hits: IntCounterVec,
    rules: Mutex<HashSet<String>>,
}

/// The most rules that are told apart, so that rules that come and go do not take more and more memory. With one more all
/// begin at 0 again, which Prometheus takes as it takes a restart.
const MOST_RULES: usize = 2_000;

impl RuleHits {
    fn new(registry: &Registry) -> RuleHits {
        let hits = counters(
            registry,
            "recsys_rule_hits_total",
            "Products of answered rankings that a rule of merchandising has pinned, boosted or \
             buried, and candidates that one has hidden",
            &["action", "rule"],
        );
        RuleHits { hits, rules: Mutex::default() }
    }

    /// Adds hits of a rule, by its id.
    pub fn add(&self, action: ActionKind, rule: &str, hits: u64) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if !rules.contains(rule) {
            if rules.len() == MOST_RULES {
                rules.clear();
                self.hits.reset();
            }
            rules.insert(rule.to_owned());
        }
        self.hits.with_label_values(&[action.name(), rule]).inc_by(hits);
    }
}

/// The metrics of one setting. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SettingMetrics {
    /// `recsys_<setting>_version`
    pub version: IntGauge,
    /// `recsys_<setting>_rejected_total`
    pub rejected: IntCounter,
    /// `recsys_settings_connected{setting}`
    pub connected: IntGauge,
    /// `recsys_settings_refused{setting}`
    pub refused: IntGauge,
}

impl SettingsMetrics {
    pub(super) fn new(registry: &Registry) -> SettingsMetrics {
        SettingsMetrics {
            registry: registry.clone(),
            model_known: gauge(
                registry,
                Opts::new(
                    "recsys_model_known",
                    "1 once good values of all settings are in force; while 0 nothing is answered, \
                     and no profile written",
                ),
            ),
            weight: float_gauges(
                registry,
                "recsys_weight",
                "The weight in force of each type of event; none while no model is known",
                &["event_type"],
            ),
            rule_hits: RuleHits::new(registry),
        }
    }

    /// Makes the metrics of a setting, once, in the process that feeds it to the dataflow. Others have
    /// none: how the store is seen from there says nothing about the values in force.
    pub fn fed(&self, setting: &str) -> SettingMetrics {
        SettingMetrics::new(&self.registry, setting)
    }
}

impl SettingMetrics {
    fn new(registry: &Registry, setting: &str) -> SettingMetrics {
        let of_setting =
            |name, help| gauge(registry, Opts::new(name, help).const_label("setting", setting));
        SettingMetrics {
            version: gauge(
                registry,
                Opts::new(
                    format!("recsys_{setting}_version"),
                    format!("Changes of the {setting} since the start; 0 before the first is read"),
                ),
            ),
            rejected: counter(
                registry,
                &format!("recsys_{setting}_rejected_total"),
                &format!("Values of the {setting} node that were refused"),
            ),
            connected: of_setting(
                "recsys_settings_connected",
                "1 when the setting could be read at the last try, else 0",
            ),
            refused: of_setting(
                "recsys_settings_refused",
                "1 while the setting's node holds what is no value of it, else 0",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_come_and_go_do_not_make_ever_more_series() {
        let registry = Registry::new();
        let hits = RuleHits::new(&registry);
        let series = || registry.gather().iter().map(|family| family.get_metric().len()).sum();
        for rule in 0..MOST_RULES {
            hits.add(ActionKind::Pin, &rule.to_string(), 1);
            hits.add(ActionKind::Pin, "0", 1);
        }
        let all: usize = series();
        assert_eq!(all, MOST_RULES);
        hits.add(ActionKind::Hide, "one more", 1);
        assert_eq!(series(), 1);
    }
}
