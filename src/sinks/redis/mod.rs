//! Profiles to Redis: absolute values, the latest of each key, a user's tags in one `HSET`.

mod encode;
mod waiting;
mod changes;
mod sweep;
mod refused;
mod client;
mod trouble;
mod writer;
mod connection;
mod sink;
mod open;

pub use client::client;
pub use open::{OpenError, open};
pub use trouble::{Trouble, trouble};
