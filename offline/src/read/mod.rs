//! Click sets as shops and contests publish them, one record at a time.

mod record;
mod lines;
mod csv;
mod formats;
mod file;

#[cfg(test)]
mod tests;

pub use file::{Misfit, ReadError, Tally, check_readable, read};
pub use formats::Format;
pub use record::{ClickRecord, LineError};
