//! Profiles to Redis: absolute values, the latest of each key, a user's tags in one `HSET`.

mod audit;
mod encode;
mod waiting;
mod changes;
mod share;
mod sweep;
mod refused;
mod watched;
mod seal;
mod lease;
mod rivals;
mod trouble;
mod client;
mod sentinel;
mod dialer;
mod writer;
mod comparing;
mod connection;
mod sink;
mod mark;
mod question;
mod scan;
mod keeper;
mod open;

pub use audit::{Difference, Kind, Report};
pub use dialer::Dialer;
pub use lease::{HeldByAnother, Lease};
pub use open::{OpenError, Tenant, open};
pub use question::{Unanswered, ask};
pub use seal::Profiles;
pub use trouble::Trouble;
