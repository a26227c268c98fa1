//! The front over real sockets, before a scripted engine, log and store.

mod fixture;
mod fakes;
mod client;
mod schema;
mod described;
mod contract;
mod lab;
mod collect;
mod lists;
mod products;
mod users;
mod settings;
mod description;
mod failures;
mod connections;
mod bodies;
mod ready;
mod live;
mod ids;
mod doors;
mod tls;
