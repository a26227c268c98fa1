//! Appends to topic files, beside other writers: whole lines, all of them or none.
//!
//! Whoever writes holds the file's lock exclusively, and whoever reads holds it shared. So no reader
//! sees what is cut off again when a write fails part way. Programs that do not lock may append as
//! well: a half line of theirs is ended before ours.

use super::read_files::ReadFiles;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Why lines are not known to be in their files.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// None of them is.
    #[error("a topic file was not written: {0}")]
    NotStored(io::Error),
    /// They, or a part of them, may be.
    #[error("a topic file may have been written in part: {0}")]
    Unknown(io::Error),
}

/// Lines that are to be appended.
#[derive(Debug)]
pub struct Lines {
    /// A newline, which is written where the file ends in half a line, and the lines.
    bytes: Vec<u8>,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { bytes: vec![b'\n'] }
    }
}

impl Lines {
    /// Adds a line of JSON. Returns where it begins within the lines.
    pub fn push(&mut self, json: &[u8]) -> u64 {
        let begin = self.len();
        // In JSON a bare newline is only ever white space between tokens.
        self.bytes.extend(json.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
        self.bytes.push(b'\n');
        begin
    }

    /// The number of their bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 - 1
    }

    /// True where there is no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all lines.
    pub fn clear(&mut self) {
        self.bytes.truncate(1);
    }
}

/// A topic file that is appended to. It is made when it is missing, also when somebody has deleted it,
/// unless this process reads it.
#[derive(Debug)]
pub struct TopicFile {
    path: PathBuf,
    file: Option<File>,
    read: ReadFiles,
    /// The file's entry in the folder outlives a crash.
    entry_is_safe: bool,
}

impl TopicFile {
    /// Makes an appender of a path, which opens the file when there is something to write.
    pub fn new(path: PathBuf) -> TopicFile {
        TopicFile::beside_reader(path, ReadFiles::default())
    }

    /// The same, of a process that reads some files: of these it appends to no others.
    pub(super) fn beside_reader(path: PathBuf, read: ReadFiles) -> TopicFile {
        TopicFile { path, file: None, read, entry_is_safe: false }
    }

    /// Appends lines in one write call. Returns the offset of the first.
    ///
    /// # Errors
    /// When they are not stored, or not known to be.
    pub fn append(&mut self, lines: &Lines) -> Result<u64, AppendError> {
        let [offset] = append([self], [lines])?;
        Ok(offset)
    }

    /// Returns once what was appended outlives a crash.
    ///
    /// # Errors
    /// When the disk says that it does not.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        let synced = match &self.file {
            Some(file) => file.sync_data().and_then(|()| self.sync_entry()),
            None => Ok(()),
        };
        // Opened again after a failure, since the same file may not tell of it twice.
        synced.inspect_err(|_| self.file = None).map_err(AppendError::Unknown)
    }

    fn sync_entry(&mut self) -> io::Result<()> {
        if !self.entry_is_safe {
            self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())?;
            self.entry_is_safe = true;
        }
        Ok(())
    }

    /// Opens the file, if it is not the one at the path, and locks it.
    fn lock(&mut self) -> io::Result<Locked> {
        loop {
            // Before it would be made anew.
            self.read.check(&self.path, std::fs::metadata(&self.path))?;
            let file = match self.file.take() {
                Some(file) => file,
                None => {
                    self.entry_is_safe = false;
                    OpenOptions::new().read(true).append(true).create(true).open(&self.path)?
                }
            };
            let locked = Locked::wait(file)?;
            if is_at(&locked.file, &self.path) {
                // The reader waits from here on.
                self.read.check(&self.path, locked.file.metadata())?;
                return Ok(locked);
            }
        }
    }
}

/// Appends lines to files, to all of them or to none, in one write call each. Returns the offset of
/// each one's first line.
///
/// Files are locked in the order in which they are given, which must be the same for all writers: two
/// that wait for each other would wait for ever.
///
/// # Errors
/// When the lines are not stored, or not known to be.
pub(super) fn append<const N: usize>(
    files: [&mut TopicFile; N],
    lines: [&Lines; N],
) -> Result<[u64; N], AppendError> {
    let mut locked = Vec::with_capacity(N);
    let (mut offsets, mut written) = ([0; N], Ok(()));
    for index in 0..N {
        if lines[index].is_empty() {
            continue;
        }
        written = files[index].lock().and_then(|file| {
            locked.push((index, file));
            let (_, file) = locked.last_mut().expect("one was pushed");
            offsets[index] = file.append(&lines[index].bytes)?;
            Ok(())
        });
        if written.is_err() {
            break;
        }
    }
    let Err(error) = written else {
        for (index, file) in locked {
            files[index].file = Some(file.unlock());
        }
        return Ok(offsets);
    };
    // The files are opened again after a failure.
    let cut_back: Vec<_> = locked.iter_mut().map(|(_, file)| file.cut_back()).collect();
    match cut_back.into_iter().collect::<io::Result<()>>() {
        Ok(()) => Err(AppendError::NotStored(error)),
        Err(error) => Err(AppendError::Unknown(error)),
    }
}

/// A file that no other writer, and no reader, is at.
struct Locked {
    file: File,
    /// The number of bytes that were written to it since it was locked.
    written: u64,
}

impl Locked {
    fn wait(file: File) -> io::Result<Locked> {
        match file.lock() {
            // Some file systems have no locks: there it goes without.
            Err(error) if error.kind() != ErrorKind::Unsupported => Err(error),
            _ => Ok(Locked { file, written: 0 }),
        }
    }

    /// Appends a newline and lines, without the newline where none is due. Returns the offset of the
    /// first line.
    fn append(&mut self, lines: &[u8]) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            self.file.read_exact_at(&mut last, length - 1)?;
        }
        let mut rest = if last == [b'\n'] { &lines[1..] } else { lines };
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // After an append the position is behind it, also if others append without a lock.
        Ok(self.file.stream_position()? - (lines.len() as u64 - 1))
    }

    /// Takes back what was written.
    fn cut_back(&mut self) -> io::Result<()> {
        if self.written == 0 {
            return Ok(());
        }
        let end = self.file.stream_position()?;
        if self.file.metadata()?.len() != end {
            return Err(io::Error::other("another program has written behind it"));
        }
        self.file.set_len(end - std::mem::take(&mut self.written))?;
        self.file.sync_data()
    }

    fn unlock(self) -> File {
        // It fails where locking did not work either.
        let _ = self.file.unlock();
        self.file
    }
}

/// Reads at an offset, unless a writer is at the file: then there is nothing yet.
pub(super) fn read_at(file: &File, chunk: &mut [u8], offset: u64) -> io::Result<usize> {
    if file.metadata()?.len() <= offset {
        return Ok(0);
    }
    if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
        return Ok(0);
    }
    let read = file.read_at(chunk, offset);
    // It fails where locking did not work either.
    let _ = file.unlock();
    read
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => (file.dev(), file.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}
