//! JSON records to events, merges, forgets and catalogue rows, or the reason why not.
//!
//! An event's texts are borrowed from its record. A text that can't be borrowed (one with escapes, or
//! a number taken as its decimal text) is written into a [`Scratch`], which is used again for the next
//! record. So an event costs one allocation when it has tags, and none when it has not.

#![forbid(unsafe_code)]

mod reason;
mod id;
mod confluent;
mod time;
mod written;
mod field;
mod flat;
mod json;
mod object;
mod event;
mod merge;
mod forget;
mod catalogue;
mod explain;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod properties;

pub use catalogue::{is_field as is_row_field, parse_row, unknown_fields as unknown_row_fields};
pub use event::parse_event;
pub use explain::{Explanation, RecordKind, beginning, brief, explain, shown, syntax};
pub use field::Scratch;
pub use forget::parse_forget;
pub use id::{decimal, is_id, without_byte_order_mark};
pub use merge::parse_merge;
pub use object::MAX_RECORD;
pub use reason::Reason;
pub use time::{TimeError, milliseconds};
pub use written::{MAX_AHEAD, Written, stamped};
