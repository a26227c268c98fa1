//! A made-up shop: products of unequal popularity, and visitors who look, fill a cart and pay.
//!
//! The events depend on the seed alone, so that two runs can be compared.

mod shop;
mod visitors;
mod pace;

pub use pace::Pace;
pub use shop::{Item, Shop};
pub use visitors::{Step, Visitors};
