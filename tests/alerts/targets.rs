//! What Prometheus scrapes: the targets in containers, and on a host.

use crate::exporters::EXPORTERS;
use crate::rules::RULES;
use std::collections::BTreeSet;

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const IN_CONTAINERS: &str = include_str!("../../ops/prometheus/targets/compose.yml");
const ALERTMANAGERS: &str = include_str!("../../ops/prometheus/alertmanagers/compose.yml");
const ON_A_HOST: &str = include_str!("../../scripts/services.d/prometheus.sh");

/// The texts that stand between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> BTreeSet<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

#[test]
fn jobs_that_alerts_and_exporters_name_are_scraped_in_containers_and_on_a_host() {
    let mut named = between(RULES, "job=\"", "\"");
    named.extend(EXPORTERS.map(|(job, _)| job));
    assert!(named.len() > 1, "{named:?}");
    for targets in [IN_CONTAINERS, ON_A_HOST] {
        let jobs = between(targets, "job: ", " ");
        assert!(named.is_subset(&jobs), "{named:?} of {jobs:?}");
    }
    assert_eq!(between(IN_CONTAINERS, "job: ", " "), between(ON_A_HOST, "job: ", " "));
}

#[test]
fn targets_in_containers_are_services_of_docker_compose() {
    let hosts = [IN_CONTAINERS, ALERTMANAGERS].map(|targets| between(targets, "[\"", ":"));
    for host in hosts.iter().flatten().filter(|host| **host != "localhost") {
        assert!(COMPOSE.contains(&format!("\n  {host}:\n")), "there is no service {host}");
    }
}
