//! Rows that are the items of a JSON array.

use super::found::{Take, too_long};
use crate::http::fault::Fault;

/// Splits an array into its items, each of which is held alone. What is wrong within an item is for whoever reads it; where
/// brackets or quotes do not match, nobody knows where the next one begins.
#[derive(Debug)]
pub(super) struct Array {
    state: State,
    item: Vec<u8>,
    is_too_long: bool,
    /// How many brackets are open within the item.
    depth: usize,
    /// Whether it is in a text, and whether the next byte is escaped there.
    in_text: bool,
    is_escaped: bool,
    index: usize,
    largest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Before,
    Inside,
    After,
}

impl Array {
    /// No item may have more bytes than `largest`.
    pub(super) fn new(largest: usize) -> Array {
        Array {
            state: State::Before,
            item: Vec::new(),
            is_too_long: false,
            depth: 0,
            in_text: false,
            is_escaped: false,
            index: 0,
            largest,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<(), Fault> {
        bytes.iter().try_for_each(|&byte| self.push_byte(byte, take))
    }

    fn push_byte(&mut self, byte: u8, take: &mut Take<'_>) -> Result<(), Fault> {
        match self.state {
            State::Before if byte == b'[' => self.state = State::Inside,
            State::Before | State::After if byte.is_ascii_whitespace() => {}
            State::Before => return Err(Fault::Bad("the body is no JSON array".into())),
            State::After => return Err(Fault::Bad("something follows the array".into())),
            State::Inside if self.in_text => {
                self.add(byte);
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
            }
            State::Inside => match byte {
                b',' if self.depth == 0 => self.end(take),
                b']' if self.depth == 0 => {
                    if self.index > 0 || !self.item.trim_ascii().is_empty() || self.is_too_long {
                        self.end(take);
                    }
                    self.state = State::After;
                }
                _ => {
                    match byte {
                        b'"' => self.in_text = true,
                        b'{' | b'[' => self.depth += 1,
                        b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    self.add(byte);
                }
            },
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When the array has no end.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.state {
            State::After => Ok(()),
            _ => Err(Fault::Bad(format!("the array does not end: item {} is open", self.index))),
        }
    }

    fn add(&mut self, byte: u8) {
        self.is_too_long |= self.item.len() >= self.largest;
        if !self.is_too_long {
            self.item.push(byte);
        }
    }

    fn end(&mut self, take: &mut Take<'_>) {
        let row = self.item.trim_ascii();
        take(
            self.index,
            match row {
                _ if self.is_too_long => Err(too_long(self.largest)),
                [] => Err("there is no row between two commas".into()),
                row => Ok(row),
            },
        );
        self.item.clear();
        self.is_too_long = false;
        self.index += 1;
    }
}
