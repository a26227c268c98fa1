//! The front over real sockets, before a scripted engine, log and store.

mod harness;
mod contract;
mod failures;
mod connections;
