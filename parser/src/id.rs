//! Ids, whichever way they come in: one id is one text.
//!
//! A text is its own id, byte for byte. A number is its decimal text, so that `7`, `7.0` and `"7"` are
//! one id. Where all is text, as in paths and queries, `7.0` is another.

use dataflows::record::event::Event;

/// From 2^53 on, two numbers that differ in JSON may be one f64, and two users one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The mark that some editors and exports write at the beginning.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns a text without the byte-order mark at its beginning, which is no part of it.
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Tells whether a text can be the id of a user, a guest or a product, or a tag.
pub fn is_id(text: &str) -> bool {
    (1..=Event::MAX_TEXT).contains(&text.len())
}

/// Returns a number, that is no whole one of 64 bits, so that it displays as its decimal text; `None`
/// where it is not exact.
pub fn decimal(number: f64) -> Option<f64> {
    // Adding zero turns "-0" into "0".
    (number.abs() < EXACT).then_some(number + 0.0)
}
