//! The configuration, read in two steps.
//!
//! [`Layers`] holds settings as they were typed: a file, overridden by the environment, overridden
//! by flags. [`Layers::check`] makes a [`Config`] of them, or reports everything that is wrong at
//! once. Code that has a `Config` never meets a bad setting.

mod secret;
mod origin;
mod typed;
mod problem;
mod layers;
mod reader;
mod log;
mod build;
mod check;
#[cfg(test)]
mod tests;

pub use layers::Layers;
pub use log::{LogConfig, LogFormat, log_filter};
pub use origin::Origin;
pub use problem::{ConfigError, Problem};
pub use reader::EffectiveSetting;
pub use secret::{Secret, SecretSource};

use crate::access::{Keyring, SecretFile};
use dataflows::graph::{Grading, Mode};
use dataflows::ids::hash::stable_hash;
use dataflows::time::DAY_HOURS;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "workers.toml";

/// All settings of a process. `workers.toml` explains each.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of worker threads in this process, and in each other.
    pub workers: usize,
    /// This process's index; below [`Config::processes`].
    pub process: usize,
    /// `host:port` of every process, for their own network; with fewer than two there is one
    /// process.
    pub hosts: Vec<String>,
    /// How long the processes wait for each other.
    pub cluster: ClusterConfig,
    /// The log.
    pub log: LogConfig,
    /// The Kafka cluster; `None` reads topic files.
    pub kafka: Option<KafkaConfig>,
    /// The files that stand for Kafka or ZooKeeper where there is none.
    pub files: FilesConfig,
    /// The Redis that profiles are written to; `None` writes none.
    pub redis: Option<RedisConfig>,
    /// The ZooKeeper that holds settings; `None` keeps them in files.
    pub zookeeper: Option<ZooKeeperConfig>,
    /// The HTTP server.
    pub http: HttpConfig,
    /// Bounds on what waits.
    pub limits: LimitsConfig,
    /// The views that are kept, and how much of the past they hold.
    pub views: ViewsConfig,
    /// How rankings are graded, and what becomes of it.
    pub grading: Grading,
    /// Where the state goes, so that a start goes on from it.
    pub checkpoint: CheckpointConfig,
    /// The receipts of forgets.
    pub receipts: ReceiptsConfig,
}

/// Checkpoints.
#[derive(Clone, Debug)]
pub struct CheckpointConfig {
    /// Where they are, if there are any.
    pub url: Option<String>,
    /// The time from one to the next.
    pub interval: Duration,
    /// The time after a forget at which all is written anew, so that nothing is left of who was forgotten.
    pub forget: Duration,
    /// Whether to begin without those that are there.
    pub rebuild: bool,
}

/// How long the processes wait for each other.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The longest wait for all processes at the start; `None` waits for ever.
    pub connect_timeout: Option<Duration>,
    /// Another process counts as lost after a silence of this length.
    pub peer_timeout: Duration,
}

/// The Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port` of the brokers to connect to first; never empty.
    pub brokers: Vec<String>,
    /// The consumer group's name.
    pub group: String,
    /// A prefix of every topic's name.
    pub topic_prefix: String,
    /// Whether reading goes on behind records that were deleted before they were read.
    pub accept_loss: bool,
    /// librdkafka properties for all clients; this build of librdkafka knows all of them.
    pub properties: BTreeMap<String, Secret>,
    /// The files that hold the secrets of further ones.
    pub secret_files: BTreeMap<String, SecretFile>,
}

/// The files that stand for services.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// The folder that holds topic files and, below `config/`, settings.
    pub dir: PathBuf,
}

/// The Redis that profiles are written to.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://`, with user, password and database as needed. With sentinels, and with a cluster, its
    /// host counts for nothing.
    pub url: Secret,
    /// The file of the password, where the URL has none.
    pub password_file: Option<SecretFile>,
    /// The sentinels that know which Redis is the master.
    pub sentinels: Option<SentinelConfig>,
    /// `host:port` of some nodes of a Redis Cluster; empty for a Redis that is none.
    pub cluster: Vec<String>,
    /// The file of the certificate authorities that its certificate may come from, in PEM; `None` stands for
    /// the public ones.
    pub ca_file: Option<PathBuf>,
    /// The files of this client's certificate and key, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The longest time that a worker writes to Redis between two of its steps.
    pub slice: Duration,
    /// The size of a pipeline, in bytes, at which it is sent.
    pub pipeline_bytes: usize,
    /// The longest wait for a connection, or for an answer.
    pub timeout: Duration,
    /// The time after which the lease on Redis runs out unless it is renewed.
    pub lease: Duration,
    /// The most profiles of each worker that are compared with Redis a second; 0 for none.
    pub compared_per_second: usize,
}

/// The sentinels of a Redis.
#[derive(Clone, Debug)]
pub struct SentinelConfig {
    /// `host:port` of each; never empty.
    pub addresses: Vec<String>,
    /// The master's name among them.
    pub master: String,
    /// Whom they know the engine as; `None` is their default user.
    pub user: Option<String>,
    /// The password that they want, which is none of Redis itself.
    pub password: Option<SecretSource>,
}

/// The ZooKeeper ensemble.
#[derive(Clone, Debug)]
pub struct ZooKeeperConfig {
    /// `host:port` of the servers; never empty.
    pub hosts: Vec<String>,
    /// The node that all paths are below: "" or an absolute path.
    pub chroot: String,
    /// The scheme and the credentials of each session.
    pub auth: Option<(String, SecretSource)>,
    /// The certificates; without them there is no TLS.
    pub tls: Option<ZooKeeperTls>,
    /// The time that a session outlives its connection.
    pub session_timeout: Duration,
    /// The interval at which settings are read again, in case a watch was lost.
    pub poll: Duration,
}

/// The certificates for TLS with ZooKeeper, in PEM.
#[derive(Clone, Debug)]
pub struct ZooKeeperTls {
    /// The file of the authorities that the servers' certificates may come from.
    pub ca_file: PathBuf,
    /// The files of this client's certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The address that it listens on.
    pub listen: SocketAddr,
    /// The number of its threads, which are not the workers'.
    pub threads: usize,
    /// The largest request body, in bytes; a larger one is answered 413.
    pub max_body_bytes: usize,
    /// The most memory, in bytes, that the bodies of all requests under way take together; one that
    /// does not fit is answered 503.
    pub body_budget_bytes: usize,
    /// The largest body with rows of the catalogue, in bytes. It is stored as it comes, and holds no more memory than
    /// another body.
    pub max_catalogue_bytes: usize,
    /// The longest time that a connection may be idle: from its beginning, or an answer, to the first
    /// byte of a request.
    pub keep_alive: Duration,
    /// The longest time from the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// The longest time from a request's head to its answer; beyond it the answer is 408 while the
    /// body is awaited, and 504 after that. A shutdown waits this long for requests in flight.
    pub request_timeout: Duration,
    /// The longest time that a client may take to read an answer; then its connection is cut off.
    pub write_timeout: Duration,
    /// The most connections at a time; one more is answered 503, unless it asks for the process's
    /// health.
    pub max_connections: usize,
    /// The same for connections from one address.
    pub max_connections_per_address: usize,
    /// The most questions that may wait for a worker; one more is answered 503.
    pub max_waiting: usize,
    /// The names under which the server may be called, besides `localhost` and addresses; `*` is any.
    pub hosts: Vec<String>,
    /// The origins whose pages may use every route, such as `https://shop.example`. `*` stands for
    /// any origin, and opens the routes that only read.
    pub cors_origins: Vec<String>,
    /// The names of headers that these pages may send, besides those that the routes and usual clients
    /// have.
    pub cors_headers: Vec<String>,
    /// Who may ask and change what.
    pub access: AccessConfig,
    /// How often.
    pub rates: RatesConfig,
    /// The files of the certificate and of its private key, in PEM; without them there is no TLS.
    pub tls: Option<TlsConfig>,
}

/// Who may ask and change what.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    /// Who may ask.
    pub reads: Admission,
    /// Who may change something.
    pub writes: Admission,
    /// The tokens and signing secrets that the settings have.
    pub tokens: Keyring,
    /// The file of further ones.
    pub tokens_file: Option<PathBuf>,
}

/// Who needs no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Nobody does.
    Anyone,
    /// Whoever asks from this machine.
    Loopback,
    /// Everyone needs one.
    Token,
}

/// The most requests in a second; a burst may be twice as many. `None` is no limit.
#[derive(Clone, Debug)]
pub struct RatesConfig {
    /// Of an address, without a token.
    pub per_address: Option<NonZeroU32>,
    /// Of a program's token.
    pub per_token: Option<NonZeroU32>,
    /// Of a public token at one address, and of a visitor's key.
    pub public: Option<NonZeroU32>,
}

/// The certificate of the server.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The file of the chain of certificates, the server's own first.
    pub certificate: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
}

/// Bounds on what waits.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// The most bytes that may wait for a worker; a full queue pauses the sources.
    pub intake_bytes: usize,
    /// The most events that a worker puts into one epoch.
    pub epoch_events: usize,
    /// The most epochs that may be open at a time.
    pub open_epochs: usize,
    /// The updates that a step merges when there is no input.
    pub idle_merge_effort: usize,
    /// The hours within which an event with the user and the id of another is a copy of it, which does not
    /// count; 0 to count all.
    pub dedup_hours: u32,
    /// The memory of the process, in MiB, from which on sources pause, if there is such a limit.
    pub memory_soft_mb: Option<u64>,
    /// The same at which the process ends.
    pub memory_hard_mb: Option<u64>,
}

/// The views that are kept, and how much of the past they hold.
#[derive(Clone, Debug)]
pub struct ViewsConfig {
    /// The profiles alone, or all views.
    pub mode: Mode,
    /// The days, in the events' own time, for which the history is kept.
    pub horizon_days: u32,
    /// Likewise, for which pairs and popularity are, at least those of the history.
    pub pairs_days: u32,
    /// The days after which an account that has been idle leaves, if it ever does.
    pub profile_days: Option<u32>,
    /// The most events of one user and day that the history keeps.
    pub kept_events: u32,
    /// The most of these that count for which products go together.
    pub paired_events: u32,
}

/// The receipts of forgets.
#[derive(Clone, Debug)]
pub struct ReceiptsConfig {
    /// The file of the private key that they are signed with.
    pub key_file: Option<PathBuf>,
}

impl ViewsConfig {
    /// The hours for which the history is kept.
    pub fn horizon_hours(&self) -> u32 {
        self.horizon_days.saturating_mul(DAY_HOURS)
    }

    /// The hours that an account stays after its last day of activity, if it ever leaves.
    pub fn stay_hours(&self) -> Option<u32> {
        self.profile_days.map(|days| days.saturating_mul(DAY_HOURS))
    }
}

/// The name, or the address without brackets, and the port of a `host:port` that the configuration has checked.
pub fn name_and_port(checked: &str) -> (&str, u16) {
    let (host, port) = checked.rsplit_once(':').unwrap_or((checked, ""));
    let name = host.trim_start_matches('[').trim_end_matches(']');
    (name, port.parse().unwrap_or_default())
}

impl KafkaConfig {
    /// Returns a topic's name in this cluster.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }
}

impl RedisConfig {
    /// Returns the URL without its password.
    pub fn shown_url(&self) -> String {
        let url = secret::without_password(self.url.expose());
        match &self.sentinels {
            None if self.cluster.is_empty() => url,
            None => format!("{url}, a cluster of {}", self.cluster.join(",")),
            Some(sentinels) => {
                format!("{url}, {} of {}", sentinels.master, sentinels.addresses.join(","))
            }
        }
    }
}

impl Config {
    /// The number of processes in the cluster.
    pub fn processes(&self) -> usize {
        self.hosts.len().max(1)
    }

    /// The number of workers in the whole cluster.
    pub fn peers(&self) -> usize {
        self.workers * self.processes()
    }

    /// A stable hash of the settings that must be equal in all processes of a cluster: the workers,
    /// the hosts, the views that are built, what is graded and learned, and which events are copies. Addresses of services may differ, as they do when
    /// processes see them through different networks.
    pub fn fingerprint(&self) -> u64 {
        let topics = self.kafka.as_ref().map(|kafka| &kafka.topic_prefix);
        let services = (self.redis.is_some(), self.zookeeper.is_some());
        let copies = self.limits.dedup_hours;
        let rankings = (&self.views, self.grading);
        let shared = (self.workers, &self.hosts, topics, services, rankings, copies);
        stable_hash(format!("{shared:?}").as_bytes())
    }
}
