//! Names and their dense ids: owners, dictionaries, and the exchange of ids between workers.

pub mod hash;
pub mod secret;
pub mod tag_sets;
pub mod dictionary;
pub(crate) mod by_id;
pub mod exchange;
