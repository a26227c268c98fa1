//! Digests of the views: in a line, what a view holds.
//!
//! A row's hash is made from names, never from ids, so that workers of any number, and other processes,
//! come to the same sum.

pub mod hash;
pub mod rows;
pub(crate) mod views;
