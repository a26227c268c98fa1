//! The beginning: opens the store, reads where the cluster goes on, and starts what writes.

use crate::config::{CheckpointConfig, Config};
use crate::engine::{Announcement, Beginning, Engine, Report, Restored, Storage, Stored};
use crate::metrics::CheckpointMetrics;
use crate::persistence::compactor::Kept;
use crate::persistence::coordinator::{Begun, Cluster, Coordinator, Request, Requests};
use crate::persistence::messages::{State, Told};
use crate::persistence::open_store::OpenStore;
use crate::persistence::status::CheckpointStatus;
use crate::persistence::{restorer, tables, writer};
use checkpoints::{Content, Error, Run, Store};
use crossbeam_channel::{Receiver, bounded, unbounded};
use dataflows::graph::Mode;
use dataflows::ids::secret::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::Duration;

/// Why there are no checkpoints to begin with, or none can be written.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The store does not answer, or what it has can't be used.
    #[error(transparent)]
    Store(#[from] Error),
    /// The checkpoint is not one of these views.
    #[error("checkpoint {number} in {url} {why}; set that, or begin without it by --rebuild")]
    Foreign {
        /// Its number.
        number: u64,
        /// Where it is.
        url: String,
        /// What differs.
        why: String,
    },
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

/// Where the state goes, before the workers run.
pub struct Persistence {
    store: Option<OpenStore>,
    config: CheckpointConfig,
    mode: &'static str,
    status: CheckpointStatus,
    /// The hours for which rows of some tables are kept.
    kept: Kept,
    begun: Option<Begun>,
    stored: Option<Receiver<(usize, Stored)>>,
    requests: Requests,
    requested: Receiver<Request>,
}

impl Persistence {
    /// Opens the store, if there is to be one. Nothing is asked of it.
    ///
    /// # Errors
    /// The URL is bad, or no thread can be started.
    pub fn open(config: &Config) -> Result<Persistence, BeginError> {
        let (requests, requested) = unbounded();
        let store = config.checkpoint.url.as_deref().map(Store::open).transpose()?;
        Ok(Persistence {
            store: store.map(OpenStore::new).transpose()?,
            mode: match config.views.mode {
                Mode::Profile => "profile",
                Mode::All => "all",
            },
            status: CheckpointStatus::new(config.checkpoint.url.as_deref()),
            kept: Kept::new(config),
            config: config.checkpoint.clone(),
            begun: None,
            stored: None,
            requests: Requests::new(requests),
            requested,
        })
    }

    /// What is known of checkpoints.
    pub fn status(&self) -> CheckpointStatus {
        self.status.clone()
    }

    /// Asks for checkpoints.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Reads what the workers of this process begin with: for the whole cluster in the first process, nothing in others.
    ///
    /// # Errors
    /// The store does not answer, another run claims it, or no checkpoint of it can be used.
    pub fn begin(&mut self, workers: Range<usize>) -> Result<Storage, BeginError> {
        let Some(store) = self.store.clone() else {
            let secret = Secret::new(random());
            let storage = Storage::none(secret, workers.len());
            return Ok(if workers.start == 0 { beginning(storage) } else { storage });
        };
        let key = store.block_on(checkpoints::key(&store.store))?;
        let [low, high] = [key, key >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)));
        let secret = Secret::new([low, high].map(Result::unwrap_or_default));
        let (sender, stored) = unbounded();
        self.stored = Some(stored);
        let storage = Storage { stored: Some(sender), ..Storage::none(secret, workers.len()) };
        if workers.start > 0 {
            return Ok(storage);
        }
        let mut run = store.block_on(Run::claim(&store.store))?;
        let restored = match self.config.rebuild {
            true => None,
            false => store.block_on(run.restore(tables::TABLES, |_| true))?,
        };
        let Some(restored) = restored else {
            let (content, state) = (Content::default(), State::default());
            self.begun = Some(Begun { run, number: 0, content, state });
            return Ok(beginning(storage));
        };
        for refusal in &restored.refused {
            tracing::error!(%refusal, "a checkpoint cannot be used; the one before is");
        }
        let content = restored.manifest.content.clone();
        let number = restored.manifest.number;
        let foreign = |why| BeginError::Foreign { number, url: store.store.url().to_owned(), why };
        let state: State = serde_json::from_value(content.state.clone())
            .map_err(|error| foreign(format!("has a state of another form ({error})")))?;
        if state.mode != self.mode {
            return Err(foreign(format!("was written with views.mode = {:?}", state.mode)));
        }
        self.status.restores(number);
        let receivers = restorer::restore(restored, state.clone(), workers.len(), &self.status)?;
        self.begun = Some(Begun { run, number, content, state });
        Ok(Storage { restored: receivers, ..storage })
    }

    /// Starts to write checkpoints, each after the dead letters that were sent before it, for which `letters_are_written`
    /// waits, and with the ids that `topics` tells. In the first process this also tells when all have caught up.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        self,
        engine: &Engine,
        config: &Config,
        metrics: &CheckpointMetrics,
        (letters_are_written, topics): (
            impl Fn(Duration) -> bool + Send + 'static,
            impl Fn() -> BTreeMap<String, String> + Send + 'static,
        ),
    ) -> Result<(), BeginError> {
        let Persistence { store, mode, status, begun, stored, kept, requested, .. } = self;
        let times = (self.config.interval, self.config.forget);
        if let (Some(store), Some(stored)) = (store.clone(), stored) {
            let report = engine.reporter();
            let tell = move |told: Told| {
                let text = serde_json::to_string(&told);
                report(Report::Stored(
                    text.expect("its keys are texts, and nothing else can fail"),
                ));
            };
            let observers = (status.clone(), letters_are_written, tell);
            let writer = move || writer::write(&stored, &store, mode, observers);
            thread::Builder::new().name("checkpoint-writer".into()).spawn(writer)?;
        }
        if let Some(announce) = engine.announcer() {
            let accepts_loss = config.kafka.as_ref().is_some_and(|kafka| kafka.accept_loss);
            let cluster =
                Cluster { peers: config.peers(), processes: config.processes(), accepts_loss };
            let coordinator = Coordinator::new(
                (store, kept),
                times,
                begun,
                cluster,
                (status, metrics.clone()),
                (announce, topics),
            );
            let reports = engine.reports();
            let run = move || coordinator.run(&reports, &requested);
            thread::Builder::new().name("checkpoints".into()).spawn(run)?;
        }
        Ok(())
    }
}

/// A cluster begins with nothing: its first worker tells all that there are no positions.
fn beginning(mut storage: Storage) -> Storage {
    if let Some(first) = storage.restored.first_mut() {
        let (sender, receiver) = bounded(1);
        let announcement = Announcement::Begun(Beginning::default());
        sender.send(Restored::Announcement(announcement)).expect("there is room for it");
        *first = receiver;
    }
    storage
}

fn random() -> [u64; 2] {
    let mut bytes = [[0; 8]; 2];
    for half in &mut bytes {
        SystemRandom::new().fill(half).expect("the system has random numbers");
    }
    bytes.map(u64::from_le_bytes)
}
