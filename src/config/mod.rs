//! The configuration: what was typed becomes, in two steps, what is true.
//!
//! [`Layers`] holds settings as they were typed, from the defaults up: file, environment, flags.
//! [`Layers::check`] makes a [`Config`] of them or tells everything that is wrong at once. After
//! that no later code can meet a bad setting.

mod secret;
mod origin;
mod typed;
mod problem;
mod layers;
mod reader;
mod build;
mod check;
#[cfg(test)]
mod tests;

pub use layers::Layers;
pub use origin::Origin;
pub use problem::{ConfigError, Problem};
pub use reader::EffectiveSetting;
pub use secret::Secret;

use dataflows::block::stable_hash;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "workers.toml";

/// Everything that can be set. One for each process; see `workers.toml` for what each means.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker threads in this process, and in every other.
    pub workers: usize,
    /// Which of the processes this is; below [`Config::processes`].
    pub process: usize,
    /// `host:port` of every process, for their own network; fewer than two are a single process.
    pub hosts: Vec<String>,
    /// How the processes find each other, and miss one that is lost.
    pub cluster: ClusterConfig,
    /// The Kafka cluster; none when events come from topic files.
    pub kafka: Option<KafkaConfig>,
    /// Where topic files and settings lie when there is no Kafka or no ZooKeeper.
    pub files: FilesConfig,
    /// Where profiles are written; none when nobody wants them there.
    pub redis: Option<RedisConfig>,
    /// The settings store; none when settings are files.
    pub zookeeper: Option<ZooKeeperConfig>,
    /// The HTTP front.
    pub http: HttpConfig,
    /// Bounds on what waits.
    pub limits: LimitsConfig,
    /// Which dataflows are built beside the profile.
    pub views: ViewsConfig,
}

/// The processes among themselves.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// How long to wait for all processes at the start; none waits for ever.
    pub connect_timeout: Option<Duration>,
    /// After how long a silence another process counts as lost.
    pub peer_timeout: Duration,
}

/// The Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port` of brokers to begin with; never empty.
    pub brokers: Vec<String>,
    /// The consumer group, under which offsets are committed for lag tools only.
    pub group: String,
    /// What stands before every topic's name.
    pub topic_prefix: String,
    /// librdkafka's properties, for all clients; all known to this build of it.
    pub properties: BTreeMap<String, Secret>,
}

/// Files in the place of services.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// The folder that holds topic files and, below `config/`, settings.
    pub dir: PathBuf,
}

/// The Redis that profiles are written to.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://`, with user, password and database as needed.
    pub url: Secret,
    /// How long one slice of a flush may take from a worker.
    pub slice: Duration,
    /// About how many bytes are sent before an answer is awaited.
    pub pipeline_bytes: usize,
    /// How long to wait for a connection, or for an answer.
    pub timeout: Duration,
}

/// The ZooKeeper ensemble.
#[derive(Clone, Debug)]
pub struct ZooKeeperConfig {
    /// `host:port` of servers; never empty.
    pub hosts: Vec<String>,
    /// Below which node everything lies: "" or an absolute path.
    pub chroot: String,
    /// Scheme and credentials to add to each session.
    pub auth: Option<(String, Secret)>,
    /// How long a session outlives its connection.
    pub session_timeout: Duration,
    /// How often settings are read again, should a watch have gone lost.
    pub poll: Duration,
}

/// The HTTP front.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its threads, apart from the workers.
    pub threads: usize,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// Connections at a time.
    pub max_connections: usize,
    /// Questions that may wait for each worker; beyond that the answer is 503.
    pub max_waiting: usize,
    /// Web origins that may read and write; `*` lets any read.
    pub cors_origins: Vec<String>,
}

/// Bounds on what waits.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// Bytes that may wait for each worker; full queues pause the sources.
    pub intake_bytes: usize,
    /// The most events that a worker puts into one epoch.
    pub epoch_events: usize,
    /// How many epochs may be open at a time.
    pub open_epochs: usize,
    /// How much merging a step does when there is no input.
    pub idle_merge_effort: usize,
}

/// Which dataflows are built beside the profile, which always is.
#[derive(Clone, Debug)]
pub struct ViewsConfig {
    /// The most popular products, overall and by tag.
    pub popularity: bool,
    /// What each user has bought, to leave it out of recommendations.
    pub bought: bool,
    /// When each user was last active, and their totals.
    pub activity: bool,
    /// What each user did, and so what goes with what.
    pub history: bool,
    /// For how many days, in the events' own time, history and popularity are kept.
    pub horizon_days: u32,
    /// How many events of one user and day the history keeps.
    pub kept_events: u32,
    /// How many of these say what goes with what.
    pub paired_events: u32,
}

impl KafkaConfig {
    /// A topic's name in this cluster.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }
}

impl RedisConfig {
    /// The URL without its password.
    pub fn shown_url(&self) -> String {
        secret::without_password(self.url.expose())
    }
}

impl Config {
    /// How many processes form the cluster.
    pub fn processes(&self) -> usize {
        self.hosts.len().max(1)
    }

    /// How many workers the whole cluster has.
    pub fn peers(&self) -> usize {
        self.workers * self.processes()
    }

    /// A stable hash of what must be equal in all processes of a cluster: the number of workers,
    /// who they are, and what each of them builds. Addresses of services may differ, as they do
    /// when the processes see them through different networks.
    pub fn fingerprint(&self) -> u64 {
        let topics = self.kafka.as_ref().map(|kafka| &kafka.topic_prefix);
        let services = (self.redis.is_some(), self.zookeeper.is_some());
        let shared = (self.workers, &self.hosts, topics, services, &self.views);
        stable_hash(format!("{shared:?}").as_bytes())
    }
}
