//! A made-up shop: products of unequal popularity, and visitors who look, fill a cart and pay.
//!
//! The events depend on the seed alone, so that two runs can be compared.

mod shop;
mod visitors;
mod rate_limiter;

pub use rate_limiter::RateLimiter;
pub use shop::{Item, Shop};
pub use visitors::{Step, Visitors};
