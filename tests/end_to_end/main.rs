//! The whole program, from outside: alone with topic files, and against real Kafka, Redis and
//! ZooKeeper.
//!
//! What needs the services is ignored by default. `scripts/test` starts them, says where they are,
//! and runs it; without them it fails.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;
#[path = "../alerts/panels.rs"]
mod dashboards;
#[path = "../documents/blocks.rs"]
mod blocks;
// Alone.
mod redis_queries;
mod recommendation_service;
mod settings_alone;
mod rules;
mod grades;
mod checkpoints;
mod chaos;
mod demo;
mod exit_codes;
mod asking;
mod doors;
mod clients;
mod guides;
mod log;
mod full_disk;
mod descriptors;
mod forgets;
mod replay;
mod changed_sources;
mod cluster;
mod partitions;
mod start;
mod supervisor;
mod memory;
mod metrics;
mod script;
// With services.
mod kafka;
mod topics;
mod lost_records;
mod events;
mod guests;
mod removals;
mod settings;
mod last_good;
mod outages;
mod freshness;
mod redis_keys;
mod redis_lease;
mod redis_seal;
mod redis_compare;
mod redis_tls;
mod secure;
mod refused;
mod zookeeper_tls;
mod password_files;
mod redis_sentinel;
mod redis_cluster;
mod crash;
mod processes;
mod alerts;
mod panels;
mod console;
