//! Reads the lines of a growing file, each once it has its newline.

use super::topic_file;
use parser::{MAX_RECORD, without_byte_order_mark};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The most bytes of one read.
const CHUNK: usize = 256 * 1024;

/// What became of the file since it was last read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// It has more bytes, and they were read.
    Grew,
    /// It has nothing new.
    Unchanged,
    /// It is shorter than before, or another file; it is read from its beginning.
    Replaced,
}

/// One line, or where one is that is too long to keep.
pub(super) struct Line<'a> {
    /// The bytes without the newline; of a line that is too long, the first [`MAX_RECORD`].
    pub(super) bytes: &'a [u8],
    /// Whether it is too long.
    pub(super) too_long: bool,
    /// The offset of its first byte.
    pub(super) offset: i64,
    /// The offset of the byte after its newline.
    pub(super) after: i64,
}

impl Line<'_> {
    /// Whether the line has nothing but white space, and perhaps a byte-order mark before it.
    pub(super) fn is_blank(&self) -> bool {
        without_byte_order_mark(self.bytes).trim_ascii().is_empty()
    }
}

/// A file that is read as it grows.
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// The offset of the buffer's first byte.
    offset: u64,
    /// The bytes that were read after the last whole line.
    buffer: Vec<u8>,
    chunk: Vec<u8>,
    /// The number of bytes, after the buffer's, of a line that is too long; they are not kept.
    skipped: u64,
}

impl Tail {
    pub(super) fn new(path: PathBuf, offset: u64) -> Tail {
        Tail { path, file: None, offset, buffer: Vec::new(), chunk: vec![0; CHUNK], skipped: 0 }
    }

    /// The number of bytes that have been read.
    pub(super) fn reached(&self) -> u64 {
        self.offset + self.buffer.len() as u64 + self.skipped
    }

    /// The number of bytes that have not been read.
    pub(super) fn behind(&self) -> u64 {
        let length = self.file.as_ref().and_then(|file| file.metadata().ok());
        length.map_or(0, |file| file.len().saturating_sub(self.reached()))
    }

    /// Reads on, and calls `show` with every line that is whole now.
    pub(super) fn read(&mut self, show: impl FnMut(&Line<'_>)) -> io::Result<Growth> {
        let Some(file) = self.open()? else { return Ok(Growth::Unchanged) };
        let from = self.reached();
        let read = topic_file::read_at(&file, &mut self.chunk, from);
        self.file = Some(file);
        let read = read?;
        let searched = self.buffer.len();
        self.buffer.extend_from_slice(&self.chunk[..read]);
        self.show_lines(searched, show);
        Ok(if read > 0 { Growth::Grew } else { Growth::Unchanged })
    }

    /// Checks whether the file was cut or replaced, and if so starts over from its beginning.
    pub(super) fn check(&mut self) -> io::Result<Growth> {
        let Some(file) = &self.file else { return Ok(Growth::Unchanged) };
        let there = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Growth::Unchanged),
            there => there?,
        };
        if file.metadata()?.ino() == there.ino() && there.len() >= self.reached() {
            return Ok(Growth::Unchanged);
        }
        *self = Tail::new(std::mem::take(&mut self.path), 0);
        Ok(Growth::Replaced)
    }

    fn open(&mut self) -> io::Result<Option<File>> {
        match self.file.take().map_or_else(|| File::open(&self.path), Ok) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn show_lines(&mut self, searched: usize, mut show: impl FnMut(&Line<'_>)) {
        let (mut begin, mut search) = (0, searched);
        while let Some(found) = memchr::memchr(b'\n', &self.buffer[search..]) {
            let end = search + found;
            // Only the first line can be one that began before this read.
            let skipped = if begin == 0 { std::mem::take(&mut self.skipped) } else { 0 };
            let kept = &self.buffer[begin..end];
            let after = self.offset + (end - begin) as u64 + 1 + skipped;
            show(&Line {
                bytes: &kept[..kept.len().min(MAX_RECORD)],
                too_long: skipped > 0 || kept.len() > MAX_RECORD,
                offset: signed(self.offset),
                after: signed(after),
            });
            self.offset = after;
            (begin, search) = (end + 1, end + 1);
        }
        self.buffer.drain(..begin);
        if let Some(excess) = self.buffer.len().checked_sub(MAX_RECORD).filter(|&more| more > 0) {
            self.buffer.truncate(MAX_RECORD);
            self.skipped += excess as u64;
        }
    }
}

/// An offset as positions have it, which may move back.
fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Growth, Tail};
    use parser::MAX_RECORD;
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};
    use std::fs::OpenOptions;
    use std::io::Write;

    /// Lines as `(bytes, too long, offset, after)`.
    type Lines = Vec<(Vec<u8>, bool, i64, i64)>;

    fn look(tail: &mut Tail) -> (Growth, Lines) {
        let mut lines = Lines::new();
        let looked = tail.read(|line| {
            lines.push((line.bytes.to_vec(), line.too_long, line.offset, line.after));
        });
        (looked.unwrap(), lines)
    }

    fn append(path: &std::path::Path, bytes: &[u8]) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn a_line_is_a_line_once_it_has_its_newline() {
        let dir = crate::sources::files::tests::Dir::new();
        let path = dir.path("x");
        let mut tail = Tail::new(path.clone(), 0);
        assert_eq!(look(&mut tail), (Growth::Unchanged, vec![]));
        append(&path, b"one\ntw");
        assert_eq!(look(&mut tail), (Growth::Grew, vec![(b"one".to_vec(), false, 0, 4)]));
        assert_eq!(look(&mut tail), (Growth::Unchanged, vec![]));
        append(&path, b"o\n\n");
        let lines = vec![(b"two".to_vec(), false, 4, 8), (vec![], false, 8, 9)];
        assert_eq!(look(&mut tail), (Growth::Grew, lines));
        assert_eq!(tail.reached(), 9);
        let mut again = Tail::new(path, 4);
        assert_eq!(look(&mut again).1.len(), 2);
    }

    #[test]
    fn a_file_that_was_cut_or_replaced_is_read_anew() {
        let dir = crate::sources::files::tests::Dir::new();
        let path = dir.path("x");
        append(&path, b"one\ntwo\n");
        let mut tail = Tail::new(path.clone(), 0);
        look(&mut tail);
        assert_eq!(tail.check().unwrap(), Growth::Unchanged);
        std::fs::write(&path, b"3\n").unwrap();
        assert_eq!(tail.check().unwrap(), Growth::Replaced);
        assert_eq!(look(&mut tail).1, [(b"3".to_vec(), false, 0, 2)]);
        std::fs::rename(&path, dir.path("y")).unwrap();
        assert_eq!(tail.check().unwrap(), Growth::Unchanged);
        append(&path, b"four\n");
        assert_eq!(tail.check().unwrap(), Growth::Replaced);
        assert_eq!(look(&mut tail).1, [(b"four".to_vec(), false, 0, 5)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_in_bounded_memory() {
        let dir = crate::sources::files::tests::Dir::new();
        let path = dir.path("x");
        for length in [MAX_RECORD - 1, MAX_RECORD, MAX_RECORD + 1, 2 * MAX_RECORD + 77] {
            append(&path, &vec![b'x'; length]);
            append(&path, b"\nafter\n");
        }
        let (mut tail, mut lines, mut largest) = (Tail::new(path, 0), Lines::new(), 0);
        loop {
            let (looked, more) = look(&mut tail);
            lines.extend(more);
            largest = largest.max(tail.buffer.capacity());
            if looked == Growth::Unchanged {
                break;
            }
        }
        let seen: Vec<_> = lines.iter().map(|line| (line.0.len(), line.1)).collect();
        let (whole, after) = (MAX_RECORD, (5, false));
        assert_eq!(
            seen,
            [
                (whole - 1, false),
                after,
                (whole, false),
                after,
                (whole, true),
                after,
                (whole, true),
                after,
            ]
        );
        let mut expected = 0;
        for (index, (_, _, offset, end)) in lines.iter().enumerate() {
            let length =
                [MAX_RECORD - 1, MAX_RECORD, MAX_RECORD + 1, 2 * MAX_RECORD + 77][index / 2];
            let length = if index % 2 == 0 { length } else { 5 };
            assert_eq!((*offset, *end), (expected, expected + i64::try_from(length).unwrap() + 1));
            expected = *end;
        }
        assert!(largest <= 2 * (MAX_RECORD + CHUNK), "{largest}");
    }

    proptest! {
        #[test]
        fn however_it_grows_the_lines_are_the_same(
            bytes in vec(proptest::sample::select(&b"ab\n"[..]), 0..200),
            cuts in vec(any::<proptest::sample::Index>(), 0..6),
        ) {
            let dir = crate::sources::files::tests::Dir::new();
            let path = dir.path("x");
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let (mut tail, mut lines, mut from) = (Tail::new(path.clone(), 0), Lines::new(), 0);
            for cut in cuts {
                append(&path, &bytes[from..cut]);
                from = cut;
                lines.extend(look(&mut tail).1);
            }
            let mut expected: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
            expected.pop();
            let seen: Vec<&[u8]> = lines.iter().map(|line| &*line.0).collect();
            assert_eq!(seen, expected);
            for (_, _, offset, after) in &lines {
                assert_eq!(bytes[usize::try_from(*after).unwrap() - 1], b'\n');
                assert!(*offset == 0 || bytes[usize::try_from(*offset).unwrap() - 1] == b'\n');
            }
        }
    }
}
