//! A front on a free port, and what a test may do with it.

use super::client::{Client, Reply};
use super::described;
use super::fakes::{MemoryLog, MemoryStore, scripted};
use crate::config::{HttpConfig, Layers};
use crate::engine::ModelInForce;
use crate::engine::question::{Asker, Question};
use crate::http::{Doors, Front, Server, Status, serve};
use crate::metrics::Metrics;
use crate::persistence::{CheckpointStatus, Requests};
use crate::readiness::Readiness;
use crate::settings::status::SettingsStatus;
use crate::source_health::SourceHealth;
use crossbeam_channel::{Receiver, bounded};
use dataflows::score::model::Model;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// The logical time of every scripted answer.
pub(super) const AS_OF: u64 = 1_743_508_800_000_000;

/// The history's horizon: 20 years.
const HORIZON_HOURS: u32 = 20 * 365 * 24;

/// A running front and what stands behind it.
pub(super) struct Fixture {
    pub(super) address: SocketAddr,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Arc<MemoryLog>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) nodes: SettingsStatus,
    pub(super) in_force: ModelInForce,
    pub(super) source_health: SourceHealth,
    pub(super) readiness: Readiness,
    /// Questions that the script leaves to the test.
    pub(super) questions: Receiver<Box<dyn Question>>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<Server>,
}

/// Who answers questions.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Engine {
    /// The script of the fakes.
    Scripted,
    /// The test, through [`Fixture::questions`].
    ByHand,
    /// Nobody yet.
    NotStarted,
    /// Nobody: the queue is always full.
    Full,
    /// Nobody: the workers have ended.
    Ended,
}

/// The settings that no file sets.
pub(super) fn http_config() -> HttpConfig {
    Layers::default().check().unwrap().0.http
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture::with(Engine::Scripted, http_config())
    }

    /// With the default model in force.
    pub(super) fn with(engine: Engine, http: HttpConfig) -> Fixture {
        let fixture = Fixture::without_model(engine, http);
        fixture.in_force.set(0, Model::default());
        fixture
    }

    /// With no model in force.
    pub(super) fn without_model(engine: Engine, http: HttpConfig) -> Fixture {
        let (queue, questions) =
            bounded::<Box<dyn Question>>(if engine == Engine::Full { 0 } else { 64 });
        let script = questions.clone();
        let worker = std::thread::spawn(move || {
            if engine == Engine::Scripted {
                for question in script {
                    let found = question.queries().iter().filter_map(scripted).collect();
                    question.answer(AS_OF, found);
                }
            }
        });
        let asker = Asker::default();
        if engine != Engine::NotStarted {
            asker.start(vec![(queue, worker.thread().clone())], 0, 1);
        }
        let questions = if engine == Engine::Ended {
            worker.join().unwrap();
            drop(questions);
            crossbeam_channel::never()
        } else {
            questions
        };
        let (log, store) = (Arc::<MemoryLog>::default(), Arc::<MemoryStore>::default());
        let (metrics, readiness) = (Arc::new(Metrics::new()), Readiness::new());
        let (nodes, in_force) = (SettingsStatus::default(), ModelInForce::default());
        let source_health = SourceHealth::default();
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
            nodes: nodes.clone(),
            in_force: in_force.clone(),
            source_health: source_health.clone(),
            metrics: metrics.clone(),
            horizon_hours: HORIZON_HOURS,
            receipt_key: None,
            has_redis: true,
            checkpoints: Requests::default(),
            checkpoint_status: CheckpointStatus::default(),
            status,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let doors = Doors::open(&http).unwrap();
        let server = serve(front, doors, listener, http, shutdown).unwrap();
        let address = server.address();
        let (stop, server) = (Some(stop), Some(server));
        Fixture {
            address,
            metrics,
            log,
            store,
            nodes,
            in_force,
            source_health,
            readiness,
            questions,
            stop,
            server,
        }
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

    /// One request on a connection of its own: `GET /path`, then any header lines, and a body. The
    /// answer is as the description says.
    pub(super) fn send(&self, request: &str, body: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect();
        client.send(request, &body);
        let reply = client.receive(request.starts_with("HEAD "));
        described::check(request, body.as_ref(), &reply);
        reply
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
