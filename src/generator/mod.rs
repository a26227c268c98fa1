//! A believable shop: products that some people love, and visitors who look, fill a cart and pay.
//!
//! What comes out depends on the seed alone, so that two runs can be compared.

mod shop;
mod crowd;
mod pace;

pub use crowd::{Crowd, Step};
pub use pace::Pace;
pub use shop::{Item, Shop};
