//! A large body, decoded a piece at a time as it comes.

use crate::http::body::{is_gzip, not_gzip};
use crate::http::call::Call;
use crate::http::fault::Fault;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use std::io::Write;
use tokio::time::{Instant, timeout_at};

/// The most bytes of a piece that is sent as it is.
const PIECE: usize = 16 << 10;
/// The most bytes that are decoded at once: gzip makes up to a thousand times as many of them.
const CODED: usize = 64;
/// How much of a body has to come within the time of a request.
const STRIDE: usize = 1 << 20;

/// Reads a body piece by piece.
pub(super) struct Pieces<'a> {
    call: &'a Call<'a>,
    incoming: Incoming,
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    /// What has come and was not given yet.
    rest: Bytes,
    /// The numbers of bytes as they were sent and as they were decoded.
    sent: usize,
    decoded: usize,
    limit: usize,
    /// When the present stride must have come.
    deadline: Instant,
    /// Where it ends, as the body is sent.
    stride: usize,
    is_over: bool,
}

impl<'a> Pieces<'a> {
    /// Reads a body that has at most so many bytes, as it is sent and as it is decoded.
    ///
    /// # Errors
    /// When it is encoded in another way than by gzip.
    pub(super) fn new(
        call: &'a Call<'a>,
        incoming: Incoming,
        limit: usize,
    ) -> Result<Pieces<'a>, Fault> {
        let decoder = is_gzip(call.headers)?.then(|| MultiGzDecoder::new(Vec::new()));
        let (rest, deadline, is_over) = (Bytes::new(), call.deadline, false);
        let (sent, decoded, stride) = (0, 0, STRIDE);
        Ok(Pieces {
            call,
            incoming,
            decoder,
            rest,
            sent,
            decoded,
            limit,
            deadline,
            stride,
            is_over,
        })
    }

    /// The next piece, which may be empty; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        // A body that announces too large a size is refused before it is read.
        if self.sent == 0 && self.incoming.size_hint().lower() > self.limit as u64 {
            return Err(Fault::TooLarge { limit: self.limit });
        }
        if self.rest.is_empty() && !self.is_over {
            match self.frame().await? {
                Some(bytes) => self.rest = bytes,
                None => self.is_over = true,
            }
        }
        let piece = match &mut self.decoder {
            None if self.is_over => return Ok(None),
            None => self.rest.split_to(PIECE.min(self.rest.len())),
            Some(decoder) => {
                let coded = self.rest.split_to(CODED.min(self.rest.len()));
                let done =
                    if self.is_over { decoder.try_finish() } else { decoder.write_all(&coded) };
                done.map_err(|error| not_gzip(&error))?;
                let decoded = std::mem::take(decoder.get_mut());
                if self.is_over && decoded.is_empty() {
                    return Ok(None);
                }
                decoded.into()
            }
        };
        self.decoded += piece.len();
        if self.decoded > self.limit {
            return Err(Fault::TooLarge { limit: self.limit });
        }
        Ok(Some(piece))
    }

    /// Waits for what comes next; `None` at the body's end.
    async fn frame(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            self.call.turn.wait_for_body(true);
            let frame = timeout_at(self.deadline, self.incoming.frame()).await;
            self.call.turn.wait_for_body(false);
            let Some(frame) = frame.map_err(|_| Fault::SlowBody)? else { return Ok(None) };
            let frame =
                frame.map_err(|error| Fault::Bad(format!("the body broke off: {error}")))?;
            // Trailers say nothing.
            let Ok(bytes) = frame.into_data() else { continue };
            self.sent += bytes.len();
            if self.sent > self.limit {
                return Err(Fault::TooLarge { limit: self.limit });
            }
            if self.sent >= self.stride {
                self.stride = self.sent + STRIDE;
                self.deadline = Instant::now() + self.call.http.request_timeout;
            }
            return Ok(Some(bytes));
        }
    }

    /// Reads what is left and throws it away, up to a few times the limit: a client that is still sending when the connection closes
    /// may never see the answer.
    pub(super) async fn throw_away(&mut self) {
        // One that waits for leave to send is not to get it.
        if self.sent == 0 && self.call.headers.contains_key(EXPECT) {
            return;
        }
        let mut left = self.limit.saturating_mul(4);
        let deadline = Instant::now() + self.call.http.request_timeout;
        self.call.turn.wait_for_body(true);
        while let (1.., Ok(Some(Ok(frame)))) =
            (left, timeout_at(deadline, self.incoming.frame()).await)
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
        self.call.turn.wait_for_body(false);
    }
}
