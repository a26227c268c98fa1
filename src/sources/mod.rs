//! Where events come from: Kafka topics, or topic files.
//!
//! A source hands [`Unit`](crate::engine::intake::Unit)s to the workers' inlets. Its other end, for
//! whoever posts events, is an [`EventLog`](crate::event::log::EventLog).

pub mod kafka;
pub mod files;
