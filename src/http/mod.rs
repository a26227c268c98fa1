//! The HTTP front: serves the routes, on threads of its own, and keeps no state.
//!
//! Reads are questions to the dataflow ([`Asker`]), events go to the [`EventLog`], settings to the
//! [`Store`].

mod json;
mod description;
mod problem;
mod content;
mod etag;
mod reply;
mod change;
mod fault;
mod request;
mod request_id;
mod peer;
mod body;
mod given;
mod query;
mod fields;
mod hosts;
mod turn;
mod lab_queue;
mod caller;
mod listeners;
mod call;
mod reads;
mod rankings;
mod lists;
mod lab;
mod stored;
mod batch;
mod behavior;
mod collect;
mod forgets;
mod catalogue_row;
mod products;
mod import;
mod config;
mod learned;
mod changes;
mod pulse;
mod live;
mod operations;
mod docs;
mod console;
mod pages;
mod settings;
mod ready;
mod routes;
mod cors;
mod guard;
mod rates;
mod audit;
mod measure;
mod tls;
mod doors;
mod descriptors;
mod slots;
mod transport;
mod stream;
mod last_answer;
mod service;
mod http2;
mod connection;
mod server;
#[cfg(test)]
mod tests;

pub use doors::{Doors, DoorsError};
pub use server::{Server, serve};
pub use tls::TlsError;

use crate::engine::ModelInForce;
use crate::engine::question::Asker;
use crate::event_log::EventLog;
use crate::metrics::Metrics;
use crate::persistence::{CheckpointStatus, Requests};
use crate::readiness::Readiness;
use crate::receipt::SigningKey;
use crate::settings::Store;
use crate::settings::status::SettingsStatus;
use crate::source_health::SourceHealth;
use std::sync::Arc;
use std::time::Instant;

/// The parts of the process that the front serves from.
#[derive(Clone)]
pub struct Front {
    /// Asks the dataflow.
    pub asker: Asker,
    /// Stores new events, merges, forgets and catalogue rows.
    pub log: Arc<dyn EventLog>,
    /// Holds the weights and the other settings.
    pub settings: Arc<dyn Store>,
    /// What the nodes of the settings hold.
    pub nodes: SettingsStatus,
    /// The model that answers are made by.
    pub in_force: ModelInForce,
    /// What is wrong with reading the topics.
    pub source_health: SourceHealth,
    /// The metrics, which `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The hours for which the history is kept; a merge or a forget of an earlier time is refused.
    pub horizon_hours: u32,
    /// The key that receipts are signed with; without one they are not.
    pub receipt_key: Option<Arc<SigningKey>>,
    /// Whether profiles are written to Redis.
    pub has_redis: bool,
    /// Asks for checkpoints.
    pub checkpoints: Requests,
    /// What is known of checkpoints.
    pub checkpoint_status: CheckpointStatus,
    /// The process's status, which `/api/status` and `/readyz` show.
    pub status: Status,
}

/// The status of a process.
#[derive(Clone, Debug)]
pub struct Status {
    /// What the process still waits for.
    pub readiness: Readiness,
    /// The time of its start.
    pub started: Instant,
    /// Its index in the cluster.
    pub process: usize,
    /// The number of processes in the cluster.
    pub processes: usize,
    /// The number of workers in each.
    pub workers: usize,
}
