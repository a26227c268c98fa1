//! The blocks of code of a page.

/// A block: what its fence says, and its lines.
pub(crate) struct Block<'a> {
    pub(crate) kind: &'a str,
    pub(crate) text: &'a str,
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    // Fences stand at the beginning of lines, by turns before a block and behind it.
    page.split("\n```").skip(1).step_by(2).map(|block| {
        let (kind, text) = block.split_once('\n').unwrap();
        Block { kind, text }
    })
}
