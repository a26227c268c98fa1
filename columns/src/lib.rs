//! Rows a column at a time: of texts, each once, and for each row its place.
//!
//! Who has ids of names needs no text to add a row, and who reads rows looks up each name once.

mod texts;
mod values;

pub use texts::{Lists, MISSING, Texts};
pub use values::{ColumnType, ColumnValues, Values, values_of};
