//! Everything that touches the world: command line, configuration, sources, engine, sinks, HTTP.
//!
//! Data passes sources → engine → sinks; `http` and `sinks` never name `sources`.

pub mod access;
pub mod config;
pub mod future;
pub mod event_log;
pub mod receipt;
pub mod service_health;
pub mod refused_records;
pub mod source_health;
pub mod tls_probe;
mod wall_clock;
pub mod holder;
pub mod sources;
pub mod settings;
pub mod cluster;
pub mod engine;
pub mod persistence;
pub mod sinks;
pub mod http;
pub mod metrics;
pub mod readiness;
pub mod cli;
