//! What shops already send, in the words of others, as events, merges and forgets of ours.
//!
//! Each message of a body is one of four: understood, and made into records of ours, which the one parser
//! of events holds; understood but broken, and refused with the reason; not understood, and counted by its
//! name; or of a body that is none at all, which is a fault. No message is lost by another.

mod message;
mod draft;
mod collected;
mod segment;
mod ga4;
mod handlers;

pub(super) use handlers::{take_ga4, take_segment};
