//! The lines of a file, however they end, and however the file is compressed.

use flate2::bufread::MultiGzDecoder;
use memchr::memchr2;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use zstd::stream::read::Decoder;

const BUFFER: usize = 1 << 20;

/// The longest line, in bytes. What is no text has no lines, and would be held whole.
const MAX_LINE: usize = 64 << 20;

/// The lines of a file, which end with a newline, a carriage return, or both.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    line: Vec<u8>,
    /// The last line ended with a carriage return, and a newline is still a part of its end.
    after_return: bool,
}

impl Lines {
    /// Opens a file. Its first bytes tell whether it is compressed, with gzip or zstd.
    pub(super) fn open(path: &Path) -> io::Result<Lines> {
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let input: Box<dyn BufRead> = match file.fill_buf()? {
            [0x1f, 0x8b, ..] => buffered(MultiGzDecoder::new(file)),
            // A frame, or one that is skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                buffered(Decoder::with_buffer(file)?)
            }
            _ => Box::new(file),
        };
        Ok(Lines { input, line: Vec::new(), after_return: false })
    }

    /// Reads the next line, without its end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        loop {
            let bytes = match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                return Ok(Some(&*self.line).filter(|line| !line.is_empty()));
            }
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                self.input.consume(1);
                continue;
            }
            let end = memchr2(b'\n', b'\r', bytes);
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            self.after_return = end.is_some_and(|end| bytes[end] == b'\r');
            let read = end.map_or(bytes.len(), |end| end + 1);
            self.input.consume(read);
            if end.is_some() {
                return Ok(Some(&self.line));
            }
            if self.line.len() > MAX_LINE {
                let told = format!("a line has more than {} MiB", MAX_LINE >> 20);
                return Err(io::Error::new(ErrorKind::InvalidData, told));
            }
        }
    }
}

fn buffered(decoder: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(BUFFER, decoder))
}
