//! The fast path: a record of the common shape, read in one pass over its bytes. That shape is a flat
//! object of texts without escapes, whole numbers and lists of these.
//!
//! It reads the same as the [`json`](crate::json) reader or nothing at all: a record with an escape, a
//! fraction, an object inside or any error is left to that. It takes a third of the time.

use crate::field::{Field, FieldOf, FieldValue, Text};

/// Shows the known fields of a record in their order. Returns `None` when the record has another
/// shape, possibly after some fields have been shown.
pub(crate) fn read<'a>(
    record: &'a [u8],
    field_of: FieldOf,
    mut show: impl FnMut(Field, FieldValue<'a>),
) -> Option<()> {
    let mut rest = Rest { record: str::from_utf8(record).ok()?, at: 0 };
    rest.expect(b'{')?;
    loop {
        let key = rest.text()?;
        rest.expect(b':')?;
        let value = rest.value()?;
        if let Some(field) = field_of(key) {
            show(field, value);
        }
        if !rest.goes_on(b'}')? {
            break;
        }
    }
    rest.is_over().then_some(())
}

/// The part of a record that is still to be read.
struct Rest<'a> {
    record: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    /// The next byte after any white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.record.as_bytes();
        while let b' ' | b'\n' | b'\t' | b'\r' = *bytes.get(self.at)? {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a comma (`true`) or the end (`false`).
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let goes_on = match self.peek()? {
            b',' => true,
            byte if byte == end => false,
            _ => return None,
        };
        self.at += 1;
        Some(goes_on)
    }

    fn is_over(&mut self) -> bool {
        self.peek().is_none()
    }

    #[inline]
    fn value(&mut self) -> Option<FieldValue<'a>> {
        match self.peek()? {
            b'[' => self.list(),
            _ => self.scalar().map(FieldValue::Text),
        }
    }

    fn list(&mut self) -> Option<FieldValue<'a>> {
        self.expect(b'[')?;
        let mut list = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(FieldValue::List(list));
        }
        loop {
            list.push(self.scalar()?);
            if !self.goes_on(b']')? {
                return Some(FieldValue::List(list));
            }
        }
    }

    #[inline]
    fn scalar(&mut self) -> Option<Text<'a>> {
        let text = match self.peek()? {
            b'"' => self.text()?,
            b'0'..=b'9' => self.number()?,
            _ => return None,
        };
        Some(Text::Borrowed(text))
    }

    /// A text without escapes.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        let length = plain(&self.record.as_bytes()[start..])?;
        self.at += length + 1;
        self.record.get(start..start + length)
    }

    /// A whole number, if it is written as its own decimal text: 64 bits, and no leading zero.
    fn number(&mut self) -> Option<&'a str> {
        /// Every number of so many digits fits into 64 bits.
        const DIGITS: usize = 19;
        let rest = &self.record.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = !matches!(rest.get(digits)?, b'.' | b'e' | b'E');
        let canonical = digits == 1 || rest[0] != b'0';
        let number = self.record.get(self.at..self.at + digits);
        self.at += digits;
        number.filter(|_| whole && canonical && digits <= DIGITS)
    }
}

/// The length of a text up to its closing quote; `None` if an escape or a control character comes
/// first. In simple words, of which this reads eight bytes at once:
///
/// ```text
/// let at = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
/// (text[at] == b'"').then_some(at)
/// ```
///
/// The tests of a word are those of "Bit Twiddling Hacks". They may also mark bytes above one that
/// they mark rightly, so only the lowest mark is looked at.
#[inline]
fn plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let below = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGHS;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, tail) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marked = is(word, b'"') | is(word, b'\\') | below(word, b' ');
        if marked != 0 {
            let at = index * 8 + marked.trailing_zeros() as usize / 8;
            return (text[at] == b'"').then_some(at);
        }
    }
    let at = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    (tail[at] == b'"').then_some(words.len() * 8 + at)
}
