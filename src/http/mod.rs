//! The HTTP front: what it serves from, and the routes, each a question to something else.
//!
//! It runs on threads of its own and keeps no state. Reads are questions to the dataflow
//! ([`Asker`]), events go to the [`EventLog`], settings to the [`Store`].

mod limits;
mod routes;
mod json;
mod reply;
mod fault;
mod request;
mod cors;
mod measure;
mod call;
mod reads;
mod rankings;
mod behavior;
mod config;
mod operations;
mod service;
mod server;
#[cfg(test)]
mod tests;

pub use limits::HttpLimits;
pub use server::{Server, serve};

use crate::engine::question::Asker;
use crate::event::log::EventLog;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::settings::Store;
use std::sync::Arc;
use std::time::Instant;

/// What the front serves from.
#[derive(Clone)]
pub struct Front {
    /// Answers from the dataflow.
    pub asker: Asker,
    /// Takes new events.
    pub log: Arc<dyn EventLog>,
    /// Holds the weights and the other settings.
    pub settings: Arc<dyn Store>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/api/status` and `/readyz` show.
    pub status: Status,
}

/// What a process says of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it still waits for.
    pub readiness: Readiness,
    /// When it started.
    pub started: Instant,
    /// Its number in the cluster.
    pub process: usize,
    /// How many processes the cluster has.
    pub processes: usize,
    /// How many workers run in each.
    pub workers: usize,
}
