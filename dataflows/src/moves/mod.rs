//! Moves: a decision takes the rows of a user, in every view by user, to another user or to nobody.
//!
//! A decision of time `t` moves what its user has as of `t`, once `t` is complete, at `t + 1`. Pairs, popularity and
//! stand-ins follow, since they are made of the history. What counts for a user because of another is remembered by
//! its origin ([`ledger`]), so that a further decision moves it on, for as long as the history keeps events.

pub mod rows;
pub mod holder;
pub mod idle;
pub mod leavers;
pub mod ledger;
pub mod erasure;
pub mod mover;
pub mod receive;
