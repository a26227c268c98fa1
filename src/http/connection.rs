//! One connection, from its beginning to its end.

use crate::http::http2;
use crate::http::last_answer::{MAX_HEAD, refused_head, slow_head, too_many};
use crate::http::peer::Peer;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::http::slots::{Full, Slot};
use crate::http::stream::{ClientStream, Patience};
use crate::http::transport::Transport;
use crate::http::turn::Turn;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// The longest time that a client may keep a shutdown waiting.
const LAST_TURN: Duration = Duration::from_secs(1);
/// The longest time that a client of a reserved slot may take to send the head of its request.
const RESERVED_HEAD: Duration = Duration::from_secs(1);
/// The longest time that a reserved slot is taken.
const RESERVED: Duration = Duration::from_secs(3);
/// The same of both while there are no file descriptors.
const SHORT_HEAD: Duration = Duration::from_millis(200);
const SHORT: Duration = Duration::from_secs(1);

/// Serves a connection until the client or the shutdown ends it.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    service: Arc<Service>,
    mut stop: watch::Receiver<()>,
    _slot: Slot,
) {
    let tls = service.doors.tls.as_ref();
    match Transport::accept(stream, tls, service.http.header_timeout).await {
        Some(stream) if stream.is_http2() => http2::serve(stream, peer, service, &mut stop).await,
        Some(stream) => serve_http1(stream, peer, service, stop).await,
        None => {}
    }
}

async fn serve_http1(
    stream: Transport,
    peer: Peer,
    service: Arc<Service>,
    mut stop: watch::Receiver<()>,
) {
    let patience = Patience {
        idle: service.http.keep_alive,
        head: service.http.header_timeout,
        write: service.http.write_timeout,
    };
    let turn = Arc::new(Turn::default());
    let stream = ClientStream::new(stream, patience, turn.clone());
    let connections_turn = turn.clone();
    let handler = service_fn(move |request: Request<Incoming>| {
        let (service, turn) = (service.clone(), turn.clone());
        async move {
            let mut reply = service.serve(request, peer, &turn, None).await;
            reply.body_mut().guard(|| Box::new(turn.tell()));
            Ok::<Reply, Infallible>(reply)
        }
    });
    // NB: hyper's `pipeline_flush` is off: it holds answers back while part of another request is
    // in the buffer, for ever if that is not HTTP.
    let mut connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), handler);
    let outcome = tokio::select! {
        biased;
        outcome = &mut connection => outcome,
        _ = stop.changed() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            match last_request(&mut connection, &connections_turn).await {
                Some(outcome) => outcome,
                None => return,
            }
        }
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    // An idle connection is closed in silence; an unfinished head is answered.
    let is_slow = stream.is_late() && !parts.read_buf.is_empty();
    let answer = refusal(outcome, &stream, &parts.read_buf).or(is_slow.then(slow_head));
    let mut stream = stream.into_transport();
    // The client may be gone.
    let _ = match answer {
        Some(answer) => timeout(LAST_TURN, say_last(stream, &answer)).await,
        // TLS has a word for the end, without which a client must fear that something is missing.
        None => timeout(LAST_TURN, stream.shutdown()).await,
    };
}

/// Returns the answer to a head that hyper has refused, if it has. HTTP/2 it refuses without one.
fn refusal(outcome: hyper::Result<()>, stream: &ClientStream, unread: &[u8]) -> Option<Vec<u8>> {
    let error = outcome.err()?;
    let of_version = || {
        let is_http2 = unread.starts_with(b"PRI * HTTP/2.0");
        is_http2.then_some(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
    };
    let status = stream.refused().or_else(of_version)?;
    Some(refused_head(status, &error.to_string(), unread))
}

/// Waits for a connection's end after its last request; `None` if its client takes too long to send
/// the request, or to take the answer.
async fn last_request<C>(connection: &mut C, turn: &Turn) -> Option<C::Output>
where
    C: Future + Unpin,
{
    loop {
        match timeout(LAST_TURN, &mut *connection).await {
            Ok(outcome) => return Some(outcome),
            Err(_) if turn.is_clients() => return None,
            // The answer comes before the request's own deadline.
            Err(_) => {}
        }
    }
}

/// Serves a connection for which there is no slot: a single request, of those that operators need
/// just then. Others are told that the slots are `full`.
pub(super) async fn serve_reserved(
    stream: TcpStream,
    peer: Peer,
    service: Arc<Service>,
    full: Full,
    _slot: Slot,
) {
    // What is wanted by others is not left to whoever says nothing.
    let (head, whole) =
        if full == Full::Descriptors { (SHORT_HEAD, SHORT) } else { (RESERVED_HEAD, RESERVED) };
    let head = service.http.header_timeout.min(head);
    let turn = Arc::new(Turn::default());
    let patience = Patience { idle: head, head, write: whole };
    let tls = service.doors.tls.as_ref();
    let Some(stream) = Transport::accept(stream, tls, head).await else { return };
    let stream = ClientStream::new(stream, patience, turn.clone());
    let handler = service_fn(move |request: Request<Incoming>| {
        let (service, turn) = (service.clone(), turn.clone());
        async move { Ok::<Reply, Infallible>(service.serve(request, peer, &turn, Some(full)).await) }
    });
    let mut connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), handler);
    let served = async {
        let outcome = (&mut connection).await;
        let parts = connection.into_parts();
        let stream = parts.io.into_inner();
        if stream.is_late() && full == Full::Descriptors {
            return Ok(());
        }
        let late = stream.is_late().then(|| too_many(&full.to_string()));
        let answer = late.or(refusal(outcome, &stream, &parts.read_buf));
        say_last(stream.into_transport(), &answer.unwrap_or_default()).await
    };
    // A client that has hung up needs no answer.
    let _ = timeout(whole, served).await;
}

/// Writes the last answer of a connection, and waits until the client has hung up: closing before all
/// is read could reset the connection, and the client would lose the answer.
async fn say_last(mut stream: Transport, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut thrown_away = [0; 1024];
    while stream.read(&mut thrown_away).await? > 0 {}
    Ok(())
}
