//! A front on a free port, what it serves from, and a client that sees every byte.

use crate::engine::intake::Partition;
use crate::engine::question::{
    Activity, Answer, Asked, Asker, Body, Question, Reason, RecentEvent, Recommendation,
};
use crate::event::log::{BoxFuture, EventLog, LogError, NewEvent, Position};
use crate::http::{Front, HttpLimits, Server, Status, serve};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::settings::{Store, StoreError};
use crossbeam_channel::{Receiver, bounded};
use dataflows::catalogue::Product;
use dataflows::event::Kind;
use dataflows::weights::Score;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The logical time of every scripted answer.
pub(super) const AS_OF: u64 = 1_743_508_800_000_000;

/// A running front and what stands behind it.
pub(super) struct Fixture {
    pub(super) address: SocketAddr,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Arc<MemoryLog>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) readiness: Readiness,
    /// Questions that the script leaves to the test.
    pub(super) questions: Receiver<Asked>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<Server>,
}

/// Who answers questions.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Engine {
    /// The script below.
    Scripted,
    /// The test, through [`Fixture::questions`].
    ByHand,
    /// Nobody: the queue is always full.
    Full,
    /// Nobody: the workers have ended.
    Ended,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture::with(Engine::Scripted, HttpLimits::default())
    }

    pub(super) fn with(engine: Engine, limits: HttpLimits) -> Fixture {
        let (queue, questions) = bounded(if engine == Engine::Full { 0 } else { 64 });
        let script = questions.clone();
        let worker = std::thread::spawn(move || {
            if engine == Engine::Scripted {
                for Asked { question, reply } in script {
                    // A client that has hung up takes no answer.
                    let _ = reply.send(Answer { as_of: AS_OF, body: scripted(&question) });
                }
            }
        });
        let asker = Asker::new(vec![(queue, worker.thread().clone())]);
        let questions = if engine == Engine::Ended {
            worker.join().unwrap();
            drop(questions);
            crossbeam_channel::never()
        } else {
            questions
        };
        let (log, store) = (Arc::<MemoryLog>::default(), Arc::<MemoryStore>::default());
        let (metrics, readiness) = (Arc::new(Metrics::new()), Readiness::new());
        let status = Status {
            readiness: readiness.clone(),
            started: Instant::now(),
            process: 0,
            processes: 1,
            workers: 2,
        };
        let front = Front {
            asker,
            log: log.clone(),
            settings: store.clone(),
            metrics: metrics.clone(),
            status,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let server = serve(front, listener, limits, shutdown).unwrap();
        let address = server.address();
        let (stop, server) = (Some(stop), Some(server));
        Fixture { address, metrics, log, store, readiness, questions, stop, server }
    }

    /// Tells the front to end.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has.
    pub(super) fn join(&mut self) {
        self.server.take().unwrap().join();
    }

    pub(super) fn connect(&self) -> Client {
        Client::new(self.address)
    }

    /// One request on a connection of its own: `GET /path`, then any header lines, and a body.
    pub(super) fn send(&self, request: &str, body: &str) -> Reply {
        let mut client = self.connect();
        client.send(request, body);
        client.receive(request.starts_with("HEAD "))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop();
        if let Some(server) = self.server.take() {
            server.join();
        }
    }
}

/// What the scripted engine says: `user1` is known, nobody else.
fn scripted(question: &Question) -> Body {
    let profile = |user: &String| match user.as_str() {
        "user1" => {
            vec![("electronics".into(), Score(9_000_000)), ("audio".into(), Score(1_500_000))]
        }
        "a/b ü" => vec![("found".into(), Score(1_000_000))],
        _ => Vec::new(),
    };
    match question {
        Question::Profiles(users) => Body::Profiles(users.iter().map(profile).collect()),
        Question::Activity(user) => Body::Activity(
            (user == "user1").then_some(Activity { last: 1_743_508_800_000, totals: [3, 2, 1] }),
        ),
        Question::Recommend { user, n } => Body::Products(products(user, *n)),
        Question::Trending { tag, n } => {
            Body::Products(products(tag.as_deref().unwrap_or("overall"), *n))
        }
        Question::Recent { limit } => Body::Events(vec![event(); (*limit).min(2)]),
        Question::Positions(partitions) => Body::Positions(vec![8; partitions.len()]),
    }
}

fn products(id: &str, n: usize) -> Vec<Recommendation> {
    let known = Product {
        name: "Radio".into(),
        category: "Audio".into(),
        tags: vec!["audio".into()],
        price: Some(19_990_000),
    };
    let tag = Reason::Tag { tag: "audio".into(), score: 1.5 };
    let reasons = vec![tag, Reason::Popular { score: 0.5 }];
    let first = Recommendation { id: id.into(), product: Some(known), score: 2.0, reasons };
    let rest = Recommendation { id: "bare".into(), product: None, score: 0.0, reasons: Vec::new() };
    [first, rest].into_iter().take(n).collect()
}

fn event() -> RecentEvent {
    RecentEvent {
        kind: Kind::AddToCart,
        time: 1_743_508_800_123,
        user: "user1".into(),
        product: "product1".into(),
        category: "Audio".into(),
        session: String::new(),
        id: String::new(),
        tags: vec!["audio".into()],
    }
}

/// A log in memory: all of it is one partition, and offsets start at 7.
#[derive(Default)]
pub(super) struct MemoryLog {
    pub(super) events: Mutex<Vec<NewEvent>>,
    pub(super) failure: Mutex<Option<LogError>>,
}

impl EventLog for MemoryLog {
    fn append(&self, new: Vec<NewEvent>) -> BoxFuture<Result<Vec<Position>, LogError>> {
        if let Some(error) = self.failure.lock().unwrap().take() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let mut events = self.events.lock().unwrap();
        let partition = Partition { topic: "view-events".into(), index: 0 };
        let position = |index| Position { partition: partition.clone(), offset: index as i64 + 7 };
        let positions = (events.len()..events.len() + new.len()).map(position).collect();
        events.extend(new);
        Box::pin(std::future::ready(Ok(positions)))
    }
}

/// A store in memory.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) nodes: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(super) failure: Mutex<Option<StoreError>>,
}

impl MemoryStore {
    fn failing<T: Send + 'static>(&self) -> Option<BoxFuture<Result<T, StoreError>>> {
        let error = self.failure.lock().unwrap().take()?;
        Some(Box::pin(std::future::ready(Err(error))))
    }
}

impl Store for MemoryStore {
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
        let value = self.nodes.lock().unwrap().get(path).cloned();
        self.failing().unwrap_or_else(|| Box::pin(std::future::ready(Ok(value))))
    }

    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        self.failing().unwrap_or_else(|| {
            self.nodes.lock().unwrap().insert(path.into(), value);
            Box::pin(std::future::ready(Ok(())))
        })
    }

    fn changed(&self, _path: &str) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }
}

/// One connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// `name: value` lines, names in lower case.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        // Nothing here takes long; a test that would hang fails instead.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub(super) fn send_raw(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn send(&mut self, request: &str, body: &str) {
        let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
        let mut text = format!("{line} HTTP/1.1\r\nHost: recsys.test\r\n");
        for header in headers.lines() {
            text.push_str(&format!("{}\r\n", header.trim()));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.send_raw(&format!("{text}\r\n{body}"));
    }

    pub(super) fn receive(&mut self, bodiless: bool) -> Reply {
        let status = self.line();
        let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {status:?}"));
        let status = status.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if bodiless { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    /// Whether the front has closed the connection without saying more.
    pub(super) fn is_closed(&mut self) -> bool {
        self.stream.fill_buf().unwrap().is_empty()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
