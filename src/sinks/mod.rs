//! The destinations of profiles.

pub mod redis;
