//! The metrics of others that rules and panels read: of Prometheus itself, and of the exporters that
//! `scripts/services` and `docker-compose.yml` run.

/// Each exporter, by the job under which Prometheus scrapes it, with its metrics.
pub(crate) const EXPORTERS: [(&str, &[&str]); 2] = [
    // Made by Prometheus, for each target and each alert.
    ("prometheus", &["up", "ALERTS"]),
    (
        "redis",
        &[
            "redis_up",
            "redis_commands_processed_total",
            "redis_db_keys",
            "redis_memory_used_bytes",
            "redis_memory_max_bytes",
            "redis_total_system_memory_bytes",
        ],
    ),
];

/// Whether an exporter has a metric.
pub(crate) fn has(metric: &str) -> bool {
    EXPORTERS.iter().any(|(_, metrics)| metrics.contains(&metric))
}
