//! The front over real sockets, before a scripted engine, log and store.

mod fixture;
mod fakes;
mod client;
mod contract;
mod failures;
mod connections;
mod bodies;
mod ready;
mod ids;
