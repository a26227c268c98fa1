//! The views: of users, of pairs of products, of tags, and of the input itself.

pub mod retention;
pub mod by_day;
pub mod removals;
pub mod history;
pub mod tags;
pub mod by_user;
pub mod pairs;
pub mod popularity;
pub mod expand;
pub mod product_tags;
pub mod product_words;
pub mod positions;
pub mod recent;
