//! One connection of HTTP/2, from its beginning to its end: requests side by side.

use crate::http::last_answer::MAX_HEAD;
use crate::http::peer::Peer;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::http::transport::Transport;
use crate::http::turn::Turn;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The most requests of a connection that are answered at a time.
const MOST_STREAMS: u32 = 64;
/// The most bytes of an answer that wait in memory until the client takes them.
const MOST_WAITING: usize = 256 << 10;
/// How often a client is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// The longest time that a client may keep a shutdown waiting, beyond the requests under way.
const LAST_TURN: Duration = Duration::from_secs(1);

/// The requests of a connection: those under way, and how many there were.
#[derive(Default)]
struct Requests {
    under_way: AtomicUsize,
    all: AtomicUsize,
}

/// Counts a request until it is answered, or its client has given it up, which drops it.
struct UnderWay(Arc<Requests>);

impl UnderWay {
    fn new(requests: Arc<Requests>) -> UnderWay {
        requests.under_way.fetch_add(1, Ordering::Relaxed);
        requests.all.fetch_add(1, Ordering::Relaxed);
        UnderWay(requests)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until the client, the shutdown or the idle client's time ends it.
pub(super) async fn serve(
    stream: Transport,
    peer: Peer,
    service: Arc<Service>,
    stop: &mut watch::Receiver<()>,
) {
    let http = &service.http;
    let (idle, write) = (http.keep_alive, http.write_timeout);
    let last = http.request_timeout + LAST_TURN;
    let requests = Arc::new(Requests::default());
    let counted = requests.clone();
    let handler = service_fn(move |request: Request<Incoming>| {
        let (service, requests) = (service.clone(), counted.clone());
        async move {
            let under_way = UnderWay::new(requests);
            let mut reply = service.serve(request, peer, &Turn::default(), None).await;
            reply.body_mut().guard(|| Box::new(under_way));
            Ok::<Reply, Infallible>(reply)
        }
    });
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_send_buf_size(MOST_WAITING)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(write)
            .serve_connection(TokioIo::new(stream), handler)
    );
    tokio::select! {
        // Whatever ends it, the client knows.
        _ = connection.as_mut() => return,
        _ = stop.changed() => {}
        () = idled(&requests, idle) => {}
    }
    Pin::as_mut(&mut connection).graceful_shutdown();
    let _ = timeout(last, connection).await;
}

/// Waits until there was no request for so long.
async fn idled(requests: &Requests, idle: Duration) {
    loop {
        let before = requests.all.load(Ordering::Relaxed);
        sleep(idle).await;
        let is_idle = requests.under_way.load(Ordering::Relaxed) == 0;
        if is_idle && requests.all.load(Ordering::Relaxed) == before {
            return;
        }
    }
}
