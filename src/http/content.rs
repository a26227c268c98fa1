//! The body of an answer: whole, or told bit by bit for as long as there is somebody who listens.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

/// The body of an answer.
pub(super) enum Content {
    Whole(Full<Bytes>),
    /// Ends with its sender.
    Told {
        bits: Receiver<Bytes>,
        /// What must know when it has ended.
        guards: Vec<Box<dyn Send>>,
    },
}

impl Content {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Content {
        Content::Whole(Full::new(bytes.into()))
    }

    pub(super) fn told(bits: Receiver<Bytes>) -> Content {
        Content::Told { bits, guards: Vec::new() }
    }

    /// Drops a guard when all was told, or nobody listens any more; at once, if the content is whole.
    pub(super) fn guard(&mut self, guard: impl FnOnce() -> Box<dyn Send>) {
        if let Content::Told { guards, .. } = self {
            guards.push(guard());
        }
    }
}

impl Default for Content {
    /// An empty body.
    fn default() -> Content {
        Content::Whole(Full::default())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Content::Whole(whole) => Pin::new(whole).poll_frame(context),
            Content::Told { bits, .. } => {
                bits.poll_recv(context).map(|bit| bit.map(|bit| Ok(Frame::data(bit))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::Whole(whole) => whole.is_end_stream(),
            Content::Told { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(whole) => whole.size_hint(),
            Content::Told { .. } => SizeHint::default(),
        }
    }
}
