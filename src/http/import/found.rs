//! What the readers of a body find in it, each by its own rules of where a row ends.

/// Takes rows as they are found, each with its place: the number of its line, or its index in the array. A row is JSON, or
/// the reason why none could be made of it.
pub(super) type Take<'a> = dyn FnMut(usize, Result<&[u8], String>) + 'a;

/// The reason why a row is none: it is longer than this.
pub(super) fn too_long(largest: usize) -> String {
    format!("the row has more than {largest} bytes, a quarter of http.max_body_bytes")
}
