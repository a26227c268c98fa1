//! The sockets: accepts connections, bounds their number, and lets requests finish at the end.

use crate::config::HttpConfig;
use crate::http::Front;
use crate::http::connection;
use crate::http::descriptors::Descriptors;
use crate::http::doors::{self, Doors};
use crate::http::peer::Peer;
use crate::http::service::Service;
use crate::http::slots::{Full, Slots};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

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
    doors: Doors,
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
    let service = Arc::new(Service::new(front, doors, http));
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
    let http = &service.http;
    let slots = Slots::new(http.max_connections, http.max_connections_per_address);
    let reserved = Slots::new(RESERVED, RESERVED_PER_ADDRESS);
    // Every connection holds a receiver, so the channel closes when all have ended.
    let (stop, _) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    let mut threads = threads.iter().cycle();
    let mut descriptors = Descriptors::new(&service.front);
    let watched = service.clone();
    let watch = tokio::spawn(async move {
        let changed = || watched.listeners.end_all();
        doors::watch(&watched.doors, changed).await
    });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = descriptors.recovered() => continue,
            () = &mut shutdown => break,
        };
        let (stream, from) = match accepted {
            Ok((stream, from)) => (stream, Peer(from.ip())),
            Err(error) => {
                descriptors.failed(error).await;
                continue;
            }
        };
        let service = service.clone();
        let slot = if descriptors.are_short() { Err(Full::Descriptors) } else { slots.take(from) };
        match slot {
            Ok(slot) => {
                let thread = threads.next().expect("there is at least one, again and again");
                let stop = stop.subscribe();
                thread.runtime.spawn(async move {
                    // It was accepted on another runtime. If it cannot be moved to this one, it is
                    // closed.
                    if let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) {
                        connection::serve(stream, from, service, stop, slot).await;
                    }
                });
            }
            Err(full) => {
                service.front.metrics.http.connections_refused.inc();
                // On this thread, as those that serve may be busy.
                if let Ok(slot) = reserved.take(from) {
                    tokio::spawn(connection::serve_reserved(stream, from, service, full, slot));
                }
            }
        }
    }
    drop(listener);
    watch.abort();
    service.listeners.close();
    stop.send_replace(());
    if timeout(service.http.request_timeout, stop.closed()).await.is_err() {
        tracing::warn!("requests that took too long were cut off by the shutdown");
    }
}

/// The most connections, for a single request each, beside those that may be kept. They answer
/// whoever asks for the process's health while all others, or all file descriptors, are taken; further
/// ones are just closed.
const RESERVED: usize = 64;
/// The most of these from one address.
const RESERVED_PER_ADDRESS: usize = 16;
