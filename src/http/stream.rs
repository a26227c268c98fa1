//! A client's stream that gives up on a client which does not read, or does not send what it began.

use crate::http::transport::Transport;
use crate::http::turn::Turn;
use hyper::StatusCode;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The longest times that a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From its connection, or an answer, to the first byte of a request.
    pub(super) idle: Duration,
    /// From the first byte of a request to the end of its head.
    pub(super) head: Duration,
    /// From the first write that has to wait until all is taken.
    pub(super) write: Duration,
}

/// A stream whose reads and writes fail once the client has kept one waiting for too long.
pub(super) struct ClientStream {
    stream: Transport,
    patience: Patience,
    turn: Arc<Turn>,
    /// The head that is awaited.
    awaited: Option<Awaited>,
    /// Ends the wait for it; made when it is first needed.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether it did not come in time.
    late: bool,
    /// The head that was awaited when all answers were written.
    written_up_to: usize,
    /// The status of the answer that hyper made itself, which is held back.
    refused: Option<StatusCode>,
    /// Set while the client has not taken all that there is to write.
    given_up: Option<Pin<Box<Sleep>>>,
}

/// A request of which the head is not complete.
struct Awaited {
    /// Which head of the connection it is, as the turn counts.
    number: usize,
    /// Whether a byte of it has come.
    begun: bool,
    deadline: Instant,
}

impl ClientStream {
    pub(super) fn new(stream: Transport, patience: Patience, turn: Arc<Turn>) -> ClientStream {
        ClientStream {
            stream,
            patience,
            turn,
            awaited: None,
            alarm: None,
            late: false,
            written_up_to: 0,
            refused: None,
            given_up: None,
        }
    }

    /// Returns whether the client was idle for too long, or took too long to send a head.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    /// Returns the status of the answer that hyper made itself, if it did. The client has not got it.
    pub(super) fn refused(&self) -> Option<StatusCode> {
        self.refused
    }

    /// Holds an answer back that hyper makes itself, to a head that it cannot read: it has no body. Its
    /// own are those that it writes while a head is awaited and the answers to all others are written.
    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        let is_own = self.turn.awaited_head() == Some(self.written_up_to);
        if is_own && self.refused.is_none() && bytes.starts_with(b"HTTP/1.") {
            self.refused = bytes.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok());
        }
        is_own && self.refused.is_some()
    }

    /// Returns what it is made of, whose client is waited for no longer.
    pub(super) fn into_transport(self) -> Transport {
        self.stream
    }

    /// Notes that a byte has come: the first one of a request starts the time that its head may take.
    fn note_bytes(&mut self) {
        let Some(number) = self.turn.awaited_head() else { return };
        let begun = |awaited: &Awaited| awaited.number == number && awaited.begun;
        if !self.awaited.as_ref().is_some_and(begun) {
            let deadline = Instant::now() + self.patience.head;
            self.awaited = Some(Awaited { number, begun: true, deadline });
        }
    }

    /// Waits for the deadline of the head that is awaited. While none is there is no deadline.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(number) = self.turn.awaited_head() else { return Poll::Pending };
        if self.awaited.as_ref().is_none_or(|awaited| awaited.number != number) {
            // NB: the start of a request that came along with the one before is in hyper's buffer. Its
            // time begins with the next byte, and until then it counts as idle.
            let deadline = Instant::now() + self.patience.idle;
            self.awaited = Some(Awaited { number, begun: false, deadline });
        }
        let awaited = self.awaited.as_ref().expect("it was just set, if it was not there");
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(awaited.deadline)));
        if alarm.deadline() != awaited.deadline {
            alarm.as_mut().reset(awaited.deadline);
        }
        alarm.as_mut().poll(context)
    }

    /// Passes a write's outcome on, unless the write has to wait and time is up.
    fn patiently<T>(
        &mut self,
        write: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            return write;
        }
        let patience = self.patience.write;
        let given_up = self.given_up.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(given_up.as_mut().poll(context));
        // The kernel would go on trying to send what it has, for minutes.
        let reset = self.stream.throw_away_the_rest();
        Poll::Ready(Err(reset.err().unwrap_or_else(|| io::ErrorKind::TimedOut.into())))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.note_bytes();
        }
        // A client that has to read first is held to the time for that.
        if read.is_pending() && self.given_up.is_none() {
            ready!(self.poll_late(context));
            self.late = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.holds_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patiently(write, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.holds_back(slices.first().map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.patiently(write, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// NB: hyper flushes once it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.given_up = None;
        self.written_up_to = self.turn.awaited_head().unwrap_or(self.written_up_to);
        // hyper does not always read again after an answer, but it does when the alarm wakes it.
        let _ = self.poll_late(context);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Leaves the stream open: there may be something to say yet.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
