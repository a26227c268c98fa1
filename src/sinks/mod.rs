//! Where results go.

pub mod redis;
