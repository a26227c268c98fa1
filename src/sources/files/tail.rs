//! Reads the lines of a growing file, each once it has its newline.

use super::topic_file;
use parser::{MAX_RECORD, without_byte_order_mark};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The most bytes of one read.
const CHUNK: usize = 256 * 1024;

/// The number of bytes before the next one to read that are remembered.
const REMEMBERED: usize = 64;

/// Whether the file had anything new when it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// It has more bytes, and they were read.
    Grew,
    /// It has nothing new.
    Unchanged,
}

/// Why a file was not read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    /// The file cannot be read now; it is as it was.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not the one that was read: its offsets mean other bytes now.
    #[error(transparent)]
    Changed(#[from] Changed),
}

/// Why a file is not the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Changed {
    /// It is shorter than what was read of it.
    #[error("it was truncated: {read} bytes were read, and it has {length}")]
    Truncated { read: u64, length: u64 },
    /// It has other bytes before the next one to read.
    #[error("it was overwritten: it has other bytes before offset {read} than were read there")]
    Overwritten { read: u64 },
    /// Its path leads to another file.
    #[error("it was replaced: inode {read} was read, and inode {there} is in its place")]
    Replaced { read: u64, there: u64 },
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
    /// The number of its bytes without the newline, all of them.
    pub(super) fn length(&self) -> usize {
        // A line does not end before it begins.
        usize::try_from(self.after - self.offset - 1).unwrap_or(0)
    }

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
    /// The last bytes that were read, [`REMEMBERED`] at most.
    remembered: Vec<u8>,
    /// The number of bytes, after the buffer's, of a line that is too long; they are not kept.
    skipped: u64,
}

impl Tail {
    pub(super) fn new(path: PathBuf, offset: u64) -> Tail {
        let chunk = vec![0; CHUNK];
        let (buffer, remembered) = (Vec::new(), Vec::new());
        Tail { path, file: None, offset, buffer, chunk, remembered, skipped: 0 }
    }

    /// The number of bytes that have been read.
    pub(super) fn reached(&self) -> u64 {
        self.offset + self.buffer.len() as u64 + self.skipped
    }

    /// The file that is read, once something of it was.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref().filter(|_| self.reached() > 0)
    }

    /// The number of bytes that have not been read.
    pub(super) fn behind(&self) -> u64 {
        let length = self.file.as_ref().and_then(|file| file.metadata().ok());
        length.map_or(0, |file| file.len().saturating_sub(self.reached()))
    }

    /// Reads on, and calls `show` with every line that is whole now.
    ///
    /// # Errors
    /// When the file cannot be read, or is shorter or has other bytes than was read of it.
    pub(super) fn read(&mut self, show: impl FnMut(&Line<'_>)) -> Result<Growth, TailError> {
        let Some(file) = self.open()? else { return Ok(Growth::Unchanged) };
        let read = self.read_chunk(&file);
        self.file = Some(file);
        let read = read?;
        let searched = self.buffer.len();
        self.buffer.extend_from_slice(&self.chunk[read.clone()]);
        // What was remembered stands before what was read.
        let remembered = read.end.saturating_sub(REMEMBERED)..read.end;
        self.remembered.clear();
        self.remembered.extend_from_slice(&self.chunk[remembered]);
        self.show_lines(searched, show);
        Ok(if read.is_empty() { Growth::Unchanged } else { Growth::Grew })
    }

    /// Fills the chunk with the bytes that are remembered, as the file has them, and those after them.
    /// Returns where the latter are.
    fn read_chunk(&mut self, file: &File) -> Result<Range<usize>, TailError> {
        let (read, length) = (self.reached(), file.metadata()?.len());
        if length < read {
            return Err(Changed::Truncated { read, length }.into());
        }
        let known = self.remembered.len();
        self.chunk[..known].copy_from_slice(&self.remembered);
        if length == read {
            return Ok(known..known);
        }
        let end = topic_file::read_at(file, &mut self.chunk, read - known as u64)?;
        if end == 0 {
            // A writer is at it.
            return Ok(known..known);
        }
        // It may have been truncated since its length was asked for.
        if end < known {
            let length = file.metadata()?.len();
            return Err(Changed::Truncated { read, length }.into());
        }
        if self.chunk[..known] != self.remembered {
            return Err(Changed::Overwritten { read }.into());
        }
        Ok(known..end)
    }

    /// Checks that the path still leads to the file that is read. A file of which nothing was read may
    /// be replaced, and one that is gone may come back.
    ///
    /// # Errors
    /// When it leads to another, or cannot be looked at.
    pub(super) fn check(&mut self) -> Result<(), TailError> {
        if self.reached() == 0 {
            self.file = None;
        }
        let Some(file) = &self.file else { return Ok(()) };
        let there = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            there => there?,
        };
        let read = file.metadata()?;
        if (read.dev(), read.ino()) == (there.dev(), there.ino()) {
            return Ok(());
        }
        Err(Changed::Replaced { read: read.ino(), there: there.ino() }.into())
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
    use super::{CHUNK, Changed, Growth, Tail, TailError};
    use parser::MAX_RECORD;
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::Path;

    /// Lines as `(bytes, too long, offset, after)`.
    type Lines = Vec<(Vec<u8>, bool, i64, i64)>;

    fn look(tail: &mut Tail) -> (Growth, Lines) {
        let mut lines = Lines::new();
        let looked = tail.read(|line| {
            lines.push((line.bytes.to_vec(), line.too_long, line.offset, line.after));
        });
        (looked.unwrap(), lines)
    }

    fn append(path: &Path, bytes: &[u8]) {
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

    /// Reads a file, lets somebody act on it, and looks at it again.
    fn after(act: impl Fn(&Path)) -> Result<Growth, Changed> {
        let dir = crate::sources::files::tests::Dir::new();
        let path = dir.path("x");
        append(&path, b"one\ntwo\nthr");
        let mut tail = Tail::new(path.clone(), 0);
        look(&mut tail);
        tail.check().unwrap();
        act(&path);
        let looked = tail.check().and_then(|()| tail.read(|_| ()));
        looked.map_err(|error| match error {
            TailError::Changed(changed) => changed,
            TailError::Io(error) => panic!("{error}"),
        })
    }

    #[test]
    fn a_file_that_is_not_the_one_that_was_read_is_told_from_one_that_grows() {
        let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).unwrap();
        let grew: &[&dyn Fn(&Path)] = &[
            &|path| append(path, b"ee\n"),
            &|path| append(path, &[b'x'; 2 * CHUNK]),
            // Rewritten with what it had.
            &|path| write(path, b"one\ntwo\nthree\n"),
        ];
        for act in grew {
            assert_eq!(after(act), Ok(Growth::Grew));
        }
        assert_eq!(after(|_| ()), Ok(Growth::Unchanged));
        assert_eq!(after(|path| std::fs::remove_file(path).unwrap()), Ok(Growth::Unchanged));
        let read = 11;
        for (held, length) in [("", 0), ("one\ntwo\nth", 10)] {
            let changed = after(|path| write(path, held.as_bytes()));
            assert_eq!(changed, Err(Changed::Truncated { read, length }), "{held:?}");
        }
        for held in ["other\nlines\n", "One\ntwo\nthree\n", "one\ntwo\nTHREE\n"] {
            let changed = after(|path| write(path, held.as_bytes()));
            assert_eq!(changed, Err(Changed::Overwritten { read }), "{held:?}");
        }
        for held in ["", "one\ntwo\nthr", "one\ntwo\nthree\n"] {
            let changed = after(|path| {
                let next = path.with_extension("next");
                std::fs::write(&next, held).unwrap();
                std::fs::rename(next, path).unwrap();
            });
            assert!(matches!(changed, Err(Changed::Replaced { .. })), "{held:?}: {changed:?}");
        }
    }

    #[test]
    fn a_file_of_which_nothing_was_read_may_be_replaced() {
        let dir = crate::sources::files::tests::Dir::new();
        let (path, next) = (dir.path("x"), dir.path("next"));
        append(&path, b"");
        let mut tail = Tail::new(path.clone(), 0);
        assert_eq!(look(&mut tail).0, Growth::Unchanged);
        append(&next, b"one\n");
        std::fs::rename(next, path).unwrap();
        tail.check().unwrap();
        assert_eq!(look(&mut tail).0, Growth::Grew);
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
