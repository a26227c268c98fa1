//! Rows that are a line of JSON each.

use super::found::{Take, too_long};

/// Splits a body into lines. An empty one is no row.
#[derive(Debug)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// Whether that has too many bytes, of which the first alone are kept.
    is_too_long: bool,
    line: usize,
    largest: usize,
}

impl Lines {
    /// Begins at a line, none of which may have more bytes than `largest`.
    pub(super) fn new(line: usize, largest: usize) -> Lines {
        Lines { begun: Vec::new(), is_too_long: false, line, largest }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], take: &mut Take<'_>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.add(&bytes[..end]);
            self.end(take);
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    /// Ends the last line, which need not have a newline.
    pub(super) fn finish(&mut self, take: &mut Take<'_>) {
        self.end(take);
    }

    fn add(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.begun.len() + bytes.len() > self.largest;
        if !self.is_too_long {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, take: &mut Take<'_>) {
        let row = self.begun.trim_ascii();
        if self.is_too_long {
            take(self.line, Err(too_long(self.largest)));
        } else if !row.is_empty() {
            take(self.line, Ok(row));
        }
        self.begun.clear();
        self.is_too_long = false;
        self.line += 1;
    }
}
