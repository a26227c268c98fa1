//! Timely's data connection to a peer, whose breaking timely never sees.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use timely::communication::allocator::zero_copy::stream::Stream;
use tokio::sync::Notify;

/// Timely's connection to one peer.
///
/// Timely panics when a connection breaks. This one tells the heartbeat instead, which knows
/// whether the peer has left, died, or only lost the connection, and lets the thread that asked
/// wait for the end of the process, which is near.
pub struct Wire {
    stream: TcpStream,
    broken: Arc<Notify>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, broken: Arc<Notify>) -> Wire {
        Wire { stream, broken }
    }

    /// Passes on the result of a read or a write; does not return when the connection has broken.
    fn unless_broken(&self, moved: Result<usize>) -> Result<usize> {
        match moved {
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Ok(1..) => moved,
            Ok(0) | Err(_) => {
                self.broken.notify_one();
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let read = self.stream.read(buffer);
            match self.unless_broken(read) {
                // Timely would take an interrupted read for the end of the stream.
                Err(_) => {}
                read => return read,
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = self.stream.write(bytes);
        self.unless_broken(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

impl Stream for Wire {
    fn try_clone(&self) -> Result<Wire> {
        Ok(Wire { stream: self.stream.try_clone()?, broken: self.broken.clone() })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        // A peer that is gone needs no telling.
        let _ = self.stream.shutdown(how);
        Ok(())
    }
}
