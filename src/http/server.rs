//! The sockets: accepts connections, bounds their number, and lets requests finish at the end.

use crate::config::HttpConfig;
use crate::http::Front;
use crate::http::reply::Reply;
use crate::http::service::Service;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};

/// A running HTTP server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    thread: JoinHandle<()>,
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has ended: after its `shutdown`, when the requests in flight are
    /// answered.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the thread that accepts HTTP connections has panicked");
        }
    }
}

/// Serves on threads of its own until `shutdown` completes. Then it stops accepting, closes idle
/// connections, and finishes the requests in flight within the request timeout.
///
/// # Errors
/// When the listener cannot be used, or a thread cannot be started.
pub fn serve(
    front: Front,
    listener: std::net::TcpListener,
    http: HttpConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let threads =
        (0..http.threads.max(1)).map(ServingThread::start).collect::<io::Result<Vec<_>>>()?;
    let runtime = runtime()?;
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let service = Arc::new(Service::new(front, http));
    let thread = std::thread::Builder::new().name("http-accept".into()).spawn(move || {
        runtime.block_on(accept(listener, &threads, service, shutdown));
        // Connections that have not ended by now end with the threads.
    })?;
    Ok(Server { address, thread })
}

/// A thread that serves connections, each from its beginning to its end. As none moves between
/// threads, there is no work stealing, and an answer wakes one thread.
struct ServingThread {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl ServingThread {
    fn start(number: usize) -> io::Result<ServingThread> {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name(format!("http-{number}")).spawn(move || {
            // Nothing is ever sent: this waits until the sender is dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(ServingThread { runtime: handle, _stop: stop })
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()
}

async fn accept(
    listener: TcpListener,
    threads: &[ServingThread],
    service: Arc<Service>,
    shutdown: impl Future<Output = ()>,
) {
    let slots = service.http.max_connections.min(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(slots));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE));
    // Every connection holds a receiver, so the channel closes when all have ended.
    let (stop, _) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    let mut threads = threads.iter().cycle();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // Without file descriptors, say, the next accept would fail at once.
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            let thread = threads.next().expect("there is at least one, again and again");
            let (service, stop) = (service.clone(), stop.subscribe());
            thread.runtime.spawn(async move {
                // It was accepted on another runtime. If it cannot be moved to this one, it is
                // closed.
                if let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) {
                    connection(stream, service, stop, slot).await;
                }
            });
        } else if let Ok(slot) = turned_away.clone().try_acquire_owned() {
            tokio::spawn(turn_away(stream, slot));
        }
    }
    drop(listener);
    stop.send_replace(());
    if timeout(service.http.request_timeout, stop.closed()).await.is_err() {
        tracing::warn!("requests that took too long were cut off by the shutdown");
    }
}

/// Serves one connection until the client or the shutdown ends it.
async fn connection(
    stream: TcpStream,
    service: Arc<Service>,
    mut stop: watch::Receiver<()>,
    _slot: OwnedSemaphorePermit,
) {
    // Without this a small answer waits until the client has acknowledged the one before.
    if stream.set_nodelay(true).is_err() {
        return; // The connection is closed already.
    }
    let header_timeout = service.http.header_timeout;
    let handler = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move { Ok::<Reply, Infallible>(service.serve(request).await) }
    });
    // NB: hyper's `pipeline_flush` is off: it holds answers back while part of another request is
    // in the buffer, for ever if that is not HTTP.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), handler);
    let outcome = tokio::select! {
        biased;
        outcome = &mut connection => outcome,
        _ = stop.changed() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let late = outcome.is_err_and(|error| error.is_timeout());
    let parts = connection.into_parts();
    // An idle connection is closed in silence; an unfinished head is answered.
    if late && !parts.read_buf.is_empty() {
        // The client may be gone.
        let _ = parts.io.into_inner().write_all(SLOW_HEAD).await;
    }
}

/// Tells a client that there are too many connections, then reads and discards its request: closing
/// before that could reset the connection, and the client would lose the answer.
async fn turn_away(mut stream: TcpStream, _slot: OwnedSemaphorePermit) {
    let turned_away = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        let mut thrown_away = [0; 1024];
        while stream.read(&mut thrown_away).await? > 0 {}
        io::Result::Ok(())
    };
    // A client that has hung up needs no answer.
    let _ = timeout(TURN_AWAY, turned_away).await;
}

/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// The longest time for turning a client away.
const TURN_AWAY: Duration = Duration::from_secs(1);
/// The most clients that are turned away at a time; the connections of others are just closed.
const TURNED_AWAY_AT_ONCE: usize = 64;

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n\
    content-length: 80\r\n\r\n\
    {\"error\":\"unavailable now, try again\",\"details\":\"too many connections are open\"}";

const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json\r\nconnection: close\r\n\
    content-length: 80\r\n\r\n\
    {\"error\":\"the request's head did not arrive in time\",\"details\":\"send it sooner\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_written_by_hand_count_their_bytes() {
        for answer in [TOO_MANY, SLOW_HEAD] {
            let answer = std::str::from_utf8(answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
        }
    }
}
