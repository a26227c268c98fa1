//! The bodies of requests: decoded, each within its limit, and all within one budget.

use crate::http::fault::Fault;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, EXPECT, HeaderMap};
use std::io::{self, Write};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that the bodies of all requests under way may take together.
#[derive(Debug)]
pub(super) struct BodyBudget {
    bytes: usize,
    taken: AtomicUsize,
}

impl BodyBudget {
    pub(super) fn new(bytes: usize) -> BodyBudget {
        BodyBudget { bytes, taken: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> Result<(), Fault> {
        let within = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.bytes);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::Unavailable("the bodies of other requests take all room".into())),
        }
    }
}

/// A part of the budget, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    taken: usize,
    budget: Arc<BodyBudget>,
}

impl Held {
    /// Takes so much of a budget.
    pub(super) fn of(budget: &Arc<BodyBudget>, taken: usize) -> Result<Held, Fault> {
        let mut held = Held { taken: 0, budget: budget.clone() };
        held.grow(taken)?;
        Ok(held)
    }

    /// Takes more, up to so much in all.
    fn grow(&mut self, taken: usize) -> Result<(), Fault> {
        self.budget.take(taken - self.taken)?;
        self.taken = taken;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// A body, decoded. It counts against the budget until it is dropped.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    held: Held,
    limit: usize,
}

impl Body {
    fn new(limit: usize, budget: &Arc<BodyBudget>) -> Body {
        let held = Held { taken: 0, budget: budget.clone() };
        Body { bytes: Vec::new(), held, limit }
    }

    /// Adds bytes. They are copied, as hyper's own may be a small part of a large buffer.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let length = self.bytes.len() + bytes.len();
        if length > self.limit {
            return Err(Fault::TooLarge { limit: self.limit });
        }
        if length > self.held.taken {
            let room = length.max(2 * self.held.taken).min(self.limit);
            self.held.grow(room)?;
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a whole body, if it and what it decodes to are within the limit.
///
/// What is left of one that is too large is thrown away, up to a few times the limit: a client that is still
/// sending when the connection closes may never see the answer.
pub(super) async fn read(
    mut incoming: Incoming,
    headers: &HeaderMap,
    limit: usize,
    budget: &Arc<BodyBudget>,
) -> Result<Body, Fault> {
    let body = read_and_decode(&mut incoming, headers, limit, budget).await;
    // One that waits for leave to send is not to get it.
    if matches!(body, Err(Fault::TooLarge { .. })) && !headers.contains_key(EXPECT) {
        let mut left = 4 * limit;
        while let (1.., Some(Ok(frame))) = (left, incoming.frame().await) {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
        }
    }
    body
}

async fn read_and_decode(
    incoming: &mut Incoming,
    headers: &HeaderMap,
    limit: usize,
    budget: &Arc<BodyBudget>,
) -> Result<Body, Fault> {
    let body = Body::new(limit, budget);
    let mut decoder = if is_gzip(headers)? {
        Decoder::Gzip(Box::new(MultiGzDecoder::new(Decoded { body, fault: None })))
    } else {
        Decoder::Plain(body)
    };
    // A body that announces too large a size is refused before it is read.
    if incoming.size_hint().lower() > limit as u64 {
        return Err(Fault::TooLarge { limit });
    }
    let mut read = 0;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Fault::Bad(format!("the body broke off: {error}")))?;
        // Trailers say nothing.
        let Ok(bytes) = frame.into_data() else { continue };
        read += bytes.len();
        if read > limit {
            return Err(Fault::TooLarge { limit });
        }
        decoder.push(&bytes)?;
    }
    decoder.finish()
}

/// Whether a body is compressed with gzip.
///
/// # Errors
/// When it is encoded in any other way.
pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, Fault> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let encodings = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let encodings = encodings.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    match encodings.trim() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(Fault::Encoding(encodings)),
    }
}

/// Decodes a body as it arrives.
enum Decoder {
    Plain(Body),
    Gzip(Box<MultiGzDecoder<Decoded>>),
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Decoder::Plain(body) => body.push(bytes),
            Decoder::Gzip(gzip) => {
                let written = gzip.write_all(bytes);
                written.map_err(|error| gzip.get_mut().fault(&error))
            }
        }
    }

    fn finish(self) -> Result<Body, Fault> {
        match self {
            Decoder::Plain(body) => Ok(body),
            Decoder::Gzip(mut gzip) => {
                gzip.try_finish().map_err(|error| gzip.get_mut().fault(&error))?;
                gzip.finish().map(|decoded| decoded.body).map_err(|error| not_gzip(&error))
            }
        }
    }
}

/// Takes what is decoded. It fails where the limit or the budget ends, so that no more is decoded
/// than fits.
struct Decoded {
    body: Body,
    /// Why the last write has failed.
    fault: Option<Fault>,
}

impl Decoded {
    /// The fault behind an error of the decoder: that of a write, or else what was to be decoded.
    fn fault(&mut self, error: &io::Error) -> Fault {
        self.fault.take().unwrap_or_else(|| not_gzip(error))
    }
}

pub(super) fn not_gzip(error: &io::Error) -> Fault {
    Fault::Bad(format!("the body is not gzip, which Content-Encoding says it is: {error}"))
}

impl Write for Decoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.body.push(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(fault) => {
                self.fault = Some(fault);
                Err(io::Error::other("the body does not fit"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
