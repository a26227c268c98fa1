//! The settings of a process: where they are stored, and the monitors that feed them to the dataflow.

use crate::config::Config;
use crate::engine::{Engine, ModelChange};
use crate::holder::Holder;
use crate::metrics::{Metrics, SettingsMetrics};
use crate::readiness::{Latch, Readiness};
use crate::service_health::ServiceHealth;
use crate::settings::files::FileStore;
use crate::settings::last_good::LastGood;
use crate::settings::monitor::{Monitor, Role};
use crate::settings::status::SettingsStatus;
use crate::settings::zookeeper::{Membership, ZooKeeperStore};
use crate::settings::{Setting, Store};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Opens the store that a configuration names, for a command that is no member of the engine.
pub(super) fn open(config: &Config, runtime: &Handle) -> Arc<dyn Store> {
    match &config.zookeeper {
        Some(zookeeper) => {
            let health = ServiceHealth::default();
            Arc::new(ZooKeeperStore::new(zookeeper, runtime.clone(), health))
        }
        None => local(config, runtime),
    }
}

fn local(config: &Config, runtime: &Handle) -> Arc<dyn Store> {
    Arc::new(FileStore::new(config.files.dir.clone(), runtime.clone()))
}

/// Where the settings of a running process are, before anybody watches them.
pub(super) struct SettingsStores {
    pub(super) store: Arc<dyn Store>,
    pub(super) status: SettingsStatus,
    zookeeper: Option<Arc<ZooKeeperStore>>,
    local: Arc<dyn Store>,
}

impl SettingsStores {
    /// Starts to connect, and returns at once.
    pub(super) fn open(
        config: &Config,
        runtime: &Handle,
        health: &ServiceHealth,
    ) -> SettingsStores {
        let zookeeper = config.zookeeper.as_ref();
        let keep = |it| Arc::new(ZooKeeperStore::new(it, runtime.clone(), health.clone()));
        let zookeeper = zookeeper.map(keep);
        let local = local(config, runtime);
        let store = match &zookeeper {
            Some(store) => store.clone(),
            None => local.clone(),
        };
        SettingsStores { store, status: SettingsStatus::default(), zookeeper, local }
    }
}

/// The settings of a running process, watched until they are left.
pub(super) struct WatchedSettings {
    store: Arc<dyn Store>,
    zookeeper: Option<Arc<ZooKeeperStore>>,
    monitors: [JoinHandle<()>; 4],
}

impl WatchedSettings {
    /// Starts to watch, and to feed the dataflow if this is the first process: the others hear of
    /// the model through it. From here on others hear that this process serves.
    pub(super) fn watch(
        config: &Config,
        runtime: &Handle,
        stores: SettingsStores,
        engine: &Engine,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> WatchedSettings {
        let SettingsStores { store, status, zookeeper, local } = stores;
        let place = match &config.zookeeper {
            Some(zookeeper) => format!("ZooKeeper at {}", zookeeper.hosts.join(",")),
            None => format!("the folder {}", config.files.dir.display()),
        };
        let shared = zookeeper.clone().map(|zookeeper| {
            let process = config.process;
            let holder = Holder::this(process, config.workers, config.http.listen);
            zookeeper.register(&format!("process-{process}"), &holder);
            zookeeper as Arc<dyn Store>
        });
        let watch = Watch { store, shared, local, status, place };
        let metrics = &metrics.settings;
        let monitors = [
            runtime.spawn(watch.feed(metrics, engine, ModelChange::Weights, readiness)),
            runtime.spawn(watch.feed(metrics, engine, ModelChange::Blend, readiness)),
            runtime.spawn(watch.feed(metrics, engine, ModelChange::Rules, readiness)),
            runtime.spawn(watch.feed(metrics, engine, ModelChange::Ranking, readiness)),
        ];
        WatchedSettings { store: watch.store, zookeeper, monitors }
    }

    /// Returns how this process stands among those that share its settings.
    pub(super) fn membership(&self) -> Membership {
        self.zookeeper.as_ref().map(|zookeeper| zookeeper.membership()).unwrap_or_default()
    }

    /// Stops to watch, and takes the process off the list of members.
    pub(super) async fn leave(&self) {
        self.monitors.iter().for_each(JoinHandle::abort);
        self.store.leave().await;
    }
}

/// Where a setting is, and where its last good value is kept.
struct Watch {
    store: Arc<dyn Store>,
    /// The store as well, unless it is the local folder.
    shared: Option<Arc<dyn Store>>,
    local: Arc<dyn Store>,
    status: SettingsStatus,
    /// Where the store is, for a person.
    place: String,
}

impl Watch {
    /// Watches a setting, and feeds it to the dataflow, from the first process alone.
    fn feed<S>(
        &self,
        metrics: &SettingsMetrics,
        engine: &Engine,
        change: fn(S) -> ModelChange,
        readiness: &Readiness,
    ) -> impl Future<Output = ()> + Send + use<S>
    where
        S: Setting + Send + Sync + 'static,
        S::Error: Send,
    {
        let apply = engine.changer();
        let role = match &apply {
            Some(_) => {
                let last_good = LastGood::new(self.shared.clone(), self.local.clone());
                Role::Feeds(last_good, metrics.fed(S::NAME))
            }
            None => Role::Observes,
        };
        let mut latch: Option<Latch> = apply.as_ref().map(|_| readiness.latch(S::NAME));
        if let Some(latch) = &latch {
            latch.tell(format!("{} is read from {}", S::PATH, self.place));
        }
        let monitor = Monitor::<S>::new(self.store.clone(), role, self.status.clone());
        monitor.run(move |value| {
            if let Some(apply) = &apply {
                apply(change(value));
            }
            drop(latch.take());
        })
    }
}
