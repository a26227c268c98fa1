//! Every setting with its key, default and rule, in the order of `workers.toml`.

use super::reader::SettingReader;
use super::secret::{Secret, SecretSource, without_password};
use super::{
    AccessConfig, Admission, CheckpointConfig, ClusterConfig, Config, FilesConfig, HttpConfig,
    KafkaConfig, LimitsConfig, LogConfig, LogFormat, RatesConfig, ReceiptsConfig, RedisConfig,
    SentinelConfig, TlsConfig, ViewsConfig, ZooKeeperConfig, ZooKeeperTls, log, name_and_port,
};
use crate::access::{Keyring, KeyringError, SecretFile};
use dataflows::graph::{Grading, Mode};
use dataflows::score::model_history::Learning;
use dataflows::score::start::START;
use hyper::header::HeaderName;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use redis::IntoConnectionInfo;
use rustls::pki_types::ServerName;
use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Properties that users cannot set, as the engine's guarantees depend on them; each with a reason.
const RESERVED: [(&str, &str); 7] = [
    ("acks", "an event is acknowledged when all replicas in sync have it"),
    ("auto.offset.reset", "the engine starts where its state ends"),
    ("bootstrap.servers", "set kafka.brokers"),
    ("enable.auto.commit", "offsets are kept with the state that they belong to"),
    ("enable.auto.offset.store", "offsets are kept with the state that they belong to"),
    ("group.id", "set kafka.group"),
    ("metadata.broker.list", "set kafka.brokers"),
];

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

/// Reads all settings. The reader collects what is wrong; a wrong setting has a stand-in here, and
/// the configuration is not used.
pub(super) fn config(reader: &mut SettingReader) -> Config {
    let workers = reader.number("workers", 1, 1..=1024);
    let process = reader.number("process", 0, 0..=1023);
    let hosts = reader.list("hosts", &[], host_port);
    if hosts.iter().collect::<HashSet<_>>().len() < hosts.len() {
        reader.refuse("hosts", "must name each process once");
    }
    let processes = hosts.len().max(1);
    if process >= processes {
        reader
            .refuse("process", format!("must be below the number of hosts, which is {processes}"));
    }
    let (cluster, log, kafka) = (cluster(reader), log(reader), kafka(reader));
    let dir: PathBuf = reader.text("files.dir", "data", filled).unwrap_or_default().into();
    // Topic files have checkpoints beside them.
    let beside = kafka.is_none().then(|| dir.join("checkpoints"));
    let beside = beside.as_deref().and_then(Path::to_str).unwrap_or_default();
    Config {
        workers,
        process,
        hosts,
        cluster,
        log,
        kafka,
        files: FilesConfig { dir: dir.clone() },
        redis: redis(reader),
        zookeeper: zookeeper(reader),
        http: http(reader),
        limits: limits(reader),
        views: views(reader),
        grading: grading(reader),
        checkpoint: checkpoint(reader, beside),
        receipts: ReceiptsConfig { key_file: file(reader, "receipts.key_file") },
    }
}

fn checkpoint(reader: &mut SettingReader, beside: &str) -> CheckpointConfig {
    let url = reader.text("checkpoint.url", beside, anything).filter(|url| !url.is_empty());
    let interval = reader.number("checkpoint.interval_s", 30, 1..=86_400);
    let forget = reader.number("checkpoint.forget_s", 43_200, 0..=86_000);
    let rebuild = reader.boolean("checkpoint.rebuild", false);
    let [interval, forget] =
        [interval, forget].map(|it| Duration::from_secs(it.try_into().unwrap_or(u64::MAX)));
    CheckpointConfig { url, interval, forget, rebuild }
}

fn cluster(reader: &mut SettingReader) -> ClusterConfig {
    let connect_timeout = reader.millis("cluster.connect_timeout_ms", 0, 0..=86_400_000);
    let peer_timeout = reader.millis("cluster.peer_timeout_ms", 5_000, 1_000..=600_000);
    ClusterConfig {
        connect_timeout: (!connect_timeout.is_zero()).then_some(connect_timeout),
        peer_timeout,
    }
}

fn log(reader: &mut SettingReader) -> LogConfig {
    // The settings store logs what the ZooKeeper client would warn of.
    let default = "info,librdkafka=warn,zookeeper_client=off";
    LogConfig {
        level: reader.text("log.level", default, log::level).unwrap_or_default(),
        format: reader.text("log.format", "text", log::format).unwrap_or(LogFormat::Text),
    }
}

fn kafka(reader: &mut SettingReader) -> Option<KafkaConfig> {
    let brokers = reader.list("kafka.brokers", &[], host_port);
    let group = reader.text("kafka.group", "recsys", filled).unwrap_or_default();
    let topic_prefix = reader.text("kafka.topic_prefix", "", topic_name).unwrap_or_default();
    let accept_loss = reader.boolean("kafka.accept_loss", false);
    let (properties, secret_files) = properties(reader);
    let kafka = KafkaConfig { brokers, group, topic_prefix, accept_loss, properties, secret_files };
    (!kafka.brokers.is_empty()).then_some(kafka)
}

/// Reads the librdkafka properties, and the files of secret ones. librdkafka itself checks each name and value.
fn properties(
    reader: &mut SettingReader,
) -> (BTreeMap<String, Secret>, BTreeMap<String, SecretFile>) {
    let (mut properties, mut files) = (BTreeMap::new(), BTreeMap::new());
    for name in reader.names("kafka.properties", property_name) {
        let key = format!("kafka.properties.{name}");
        if let Some(property) = name.strip_suffix(FILE).filter(|property| is_secret(property)) {
            let file = secret_file(reader, &key);
            let Some(file) = file else { continue };
            match ClientConfig::new().set(property, "secret").create_native_config() {
                Ok(_) => drop(files.insert(property.to_owned(), file)),
                Err(_) => reader.refuse(&key, "librdkafka has no such property"),
            }
            continue;
        }
        let secret = is_secret(&name);
        let show =
            if secret { |_: &str| "***".into() } else { str::to_owned as fn(&str) -> String };
        let Some(value) = reader.secret(&key, |text| Ok(Secret::new(text)), show) else { continue };
        if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
            reader.refuse(&key, format!("is not to be set: {reason}"));
        } else if let Err(error) =
            ClientConfig::new().set(&name, value.expose()).create_native_config()
        {
            let rule = match error {
                KafkaError::ClientConfig(_, rule, _, _) if !secret => rule,
                _ => "librdkafka refuses it".into(),
            };
            reader.refuse(&key, rule);
        } else {
            properties.insert(name, value);
        }
    }
    for property in properties.keys().filter(|property| files.contains_key(*property)) {
        let (key, file) = (format!("kafka.properties.{property}"), format!("{property}{FILE}"));
        reader.refuse(&key, format!("must not be set beside kafka.properties.{file}"));
    }
    (properties, files)
}

/// What stands behind the name of a secret setting in that of its file's.
const FILE: &str = "_file";

/// The name of a property, given that of its variable with dots: that of a secret's file has no dot at its end.
fn property_name(dotted: String) -> String {
    match dotted.strip_suffix(".file") {
        Some(property) if is_secret(property) => format!("{property}{FILE}"),
        _ => dotted,
    }
}

fn is_secret(property: &str) -> bool {
    let marks = ["password", "secret", "key.pem", "token", "jaas", "oauthbearer.config"];
    marks.iter().any(|mark| property.contains(mark))
}

/// The path of a file, if one is set.
fn file(reader: &mut SettingReader, key: &str) -> Option<PathBuf> {
    reader.text(key, "", anything).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The file of a secret, if one is set. It must hold one by now: a start that could not log in is refused.
fn secret_file(reader: &mut SettingReader, key: &str) -> Option<SecretFile> {
    let file = SecretFile::new(key, file(reader, key)?);
    if let Err(error) = file.read() {
        reader.refuse(key, error.why.to_string());
    }
    Some(file)
}

/// A secret that one setting has, or another one names the file of.
fn secret_source(reader: &mut SettingReader, key: &str) -> Option<SecretSource> {
    let secret = reader.secret(key, anything, hidden).filter(|secret| !secret.is_empty());
    let file_key = format!("{key}{FILE}");
    match (secret, secret_file(reader, &file_key)) {
        (Some(_), Some(_)) => {
            reader.refuse(key, format!("must not be set beside {file_key}"));
            None
        }
        (Some(secret), None) => Some(SecretSource::Setting(Secret::new(secret))),
        (None, file) => file.map(SecretSource::File),
    }
}

/// The files of a client's certificate and key, which come together.
fn certificate(reader: &mut SettingReader, section: &str) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (format!("{section}cert_file"), format!("{section}key_file"));
    match (file(reader, &certificate), file(reader, &key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            reader.refuse(&certificate, format!("must come with {key}, and it with this"));
            None
        }
    }
}

fn redis(reader: &mut SettingReader) -> Option<RedisConfig> {
    let url = reader.secret("redis.url", redis_url, without_password).flatten();
    let password_file = secret_file(reader, "redis.password_file");
    let ca_file = file(reader, "redis.ca_file");
    let certificate = certificate(reader, "redis.");
    let sentinels = sentinels(reader);
    let cluster = reader.list("redis.cluster", &[], host_port);
    let connection = url.as_ref().and_then(|url| url.expose().into_connection_info().ok());
    let database = connection.as_ref().map(|it| it.redis_settings().db());
    let has_password = connection.is_some_and(|it| it.redis_settings().password().is_some());
    if password_file.is_some() && has_password {
        reader.refuse("redis.url", "must have no password beside redis.password_file");
    }
    if url.is_none() && sentinels.is_some() {
        reader.refuse("redis.sentinels", "need redis.url, for the login and the database");
    }
    if !cluster.is_empty() {
        if url.is_none() {
            reader.refuse("redis.cluster", "needs redis.url, for the login");
        }
        if sentinels.is_some() {
            reader.refuse("redis.cluster", "must not be set beside redis.sentinels");
        }
        if database.is_some_and(|database| database != 0) {
            reader.refuse("redis.url", "must name no database but 0 beside redis.cluster");
        }
    }
    let slice = reader.millis("redis.slice_ms", 2, 1..=1_000);
    let pipeline_bytes = reader.number("redis.pipeline_bytes", MIB, 1_024..=64 * MIB);
    let timeout = reader.millis("redis.timeout_ms", 5_000, 10..=600_000);
    let is_plain = url.as_ref().is_some_and(|url| !url.expose().starts_with("rediss:"));
    if is_plain && (ca_file.is_some() || certificate.is_some()) {
        reader.refuse("redis.url", "must begin with rediss:// where certificates are set");
    }
    let lease = reader.millis("redis.lease_ms", 10_000, 1_000..=600_000);
    let compared_per_second = reader.number("redis.compared_per_second", 200, 0..=1_000_000);
    url.map(|url| RedisConfig {
        url,
        password_file,
        sentinels,
        cluster,
        ca_file,
        certificate,
        slice,
        pipeline_bytes,
        timeout,
        lease,
        compared_per_second,
    })
}

fn sentinels(reader: &mut SettingReader) -> Option<SentinelConfig> {
    let addresses = reader.list("redis.sentinels", &[], host_port);
    let master = reader.text("redis.sentinel_master", "mymaster", filled).unwrap_or_default();
    let user = reader.text("redis.sentinel_user", "", anything).filter(|user| !user.is_empty());
    let password = secret_source(reader, "redis.sentinel_password");
    if user.is_some() && password.is_none() {
        reader.refuse("redis.sentinel_user", "needs redis.sentinel_password, or its file");
    }
    if addresses.is_empty() && password.is_some() {
        reader.refuse("redis.sentinel_password", "needs redis.sentinels");
    }
    (!addresses.is_empty()).then_some(SentinelConfig { addresses, master, user, password })
}

fn zookeeper(reader: &mut SettingReader) -> Option<ZooKeeperConfig> {
    let hosts = reader.list("zookeeper.hosts", &[], host_port);
    let chroot = reader.text("zookeeper.chroot", "", node_path).unwrap_or_default();
    let scheme = reader.text("zookeeper.auth_scheme", "", anything).unwrap_or_default();
    let auth = secret_source(reader, "zookeeper.auth");
    if scheme.is_empty() != auth.is_none() {
        reader.refuse("zookeeper.auth", "must come with zookeeper.auth_scheme, and it with this");
    }
    let tls = zookeeper_tls(reader, &hosts);
    let session_timeout = reader.millis("zookeeper.session_timeout_ms", 10_000, 1_000..=600_000);
    let poll = reader.millis("zookeeper.poll_ms", 3_000, 100..=600_000);
    let auth = auth.map(|auth| (scheme, auth));
    let zookeeper = ZooKeeperConfig { hosts, chroot, auth, tls, session_timeout, poll };
    (!zookeeper.hosts.is_empty()).then_some(zookeeper)
}

fn zookeeper_tls(reader: &mut SettingReader, hosts: &[String]) -> Option<ZooKeeperTls> {
    let ca_file = file(reader, "zookeeper.ca_file");
    let certificate = certificate(reader, "zookeeper.");
    let Some(ca_file) = ca_file else {
        if certificate.is_some() {
            reader.refuse("zookeeper.cert_file", "needs zookeeper.ca_file, by which there is TLS");
        }
        return None;
    };
    // A certificate is of a name, which has no underscores and such.
    let is_good = |host: &String| ServerName::try_from(name_and_port(host).0).is_ok();
    if let Some(bad) = hosts.iter().find(|host| !is_good(host)) {
        let rule = format!(
            "must be names or addresses that a certificate may be of, which {bad:?} is not"
        );
        reader.refuse("zookeeper.hosts", rule);
    }
    Some(ZooKeeperTls { ca_file, certificate })
}

fn http(reader: &mut SettingReader) -> HttpConfig {
    let stand_in = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listen = reader.text("http.listen", "127.0.0.1:8080", address).unwrap_or(stand_in);
    let threads = reader.number("http.threads", 2, 1..=256);
    let max_body_bytes = reader.number("http.max_body_bytes", MIB, 1_024..=64 * MIB);
    let body_budget_bytes = reader.number("http.body_budget_bytes", 64 * MIB, 1_024..=16 * GIB);
    if body_budget_bytes < max_body_bytes {
        let rule = format!("must be at least http.max_body_bytes, which is {max_body_bytes}");
        reader.refuse("http.body_budget_bytes", rule);
    }
    HttpConfig {
        listen,
        threads,
        max_body_bytes,
        body_budget_bytes,
        max_catalogue_bytes: reader.number("http.max_catalogue_bytes", 100 * MIB, 1_024..=16 * GIB),
        keep_alive: reader.millis("http.keep_alive_ms", 75_000, 10..=3_600_000),
        header_timeout: reader.millis("http.header_timeout_ms", 5_000, 10..=600_000),
        request_timeout: reader.millis("http.request_timeout_ms", 10_000, 10..=600_000),
        write_timeout: reader.millis("http.write_timeout_ms", 10_000, 10..=600_000),
        max_connections: reader.number("http.max_connections", 1_024, 1..=1_000_000),
        max_connections_per_address: reader.number(
            "http.max_connections_per_address",
            512,
            1..=1_000_000,
        ),
        max_waiting: reader.number("http.max_waiting", 1_024, 1..=1_000_000),
        hosts: reader.list("http.hosts", &[], host_name),
        cors_origins: reader.list("http.cors_origins", &["*"], origin),
        cors_headers: reader.list("http.cors_headers", &[], header_name),
        access: access(reader),
        rates: rates(reader),
        tls: tls(reader),
    }
}

fn access(reader: &mut SettingReader) -> AccessConfig {
    let reads = reader.text("http.reads", "anyone", admission).unwrap_or(Admission::Token);
    let writes = reader.text("http.writes", "loopback", admission).unwrap_or(Admission::Token);
    let tokens = reader.secret("http.tokens", keyring, hidden).unwrap_or_default();
    let tokens_file = file(reader, "http.tokens_file");
    let has_tokens = !tokens.is_empty() || tokens_file.is_some();
    for (key, admission) in [("http.reads", reads), ("http.writes", writes)] {
        if admission == Admission::Token && !has_tokens {
            reader.refuse(key, "needs http.tokens or http.tokens_file: nobody could do anything");
        }
    }
    AccessConfig { reads, writes, tokens, tokens_file }
}

fn keyring(text: &str) -> Result<Keyring, String> {
    text.parse().map_err(|error: KeyringError| error.to_string())
}

fn admission(text: &str) -> Result<Admission, String> {
    match text {
        "anyone" => Ok(Admission::Anyone),
        "loopback" => Ok(Admission::Loopback),
        "token" => Ok(Admission::Token),
        _ => Err("must be \"anyone\", \"loopback\" or \"token\"".into()),
    }
}

fn rates(reader: &mut SettingReader) -> RatesConfig {
    let mut rate = |key: &str, default| NonZeroU32::new(count(reader, key, default, 0..=1_000_000));
    RatesConfig {
        per_address: rate("http.requests_per_address_s", 0),
        per_token: rate("http.requests_per_token_s", 0),
        public: rate("http.public_requests_s", 20),
    }
}

fn tls(reader: &mut SettingReader) -> Option<TlsConfig> {
    match (file(reader, "http.tls_cert_file"), file(reader, "http.tls_key_file")) {
        (Some(certificate), Some(key)) => Some(TlsConfig { certificate, key }),
        (None, None) => None,
        _ => {
            reader
                .refuse("http.tls_cert_file", "must come with http.tls_key_file, and it with this");
            None
        }
    }
}

fn limits(reader: &mut SettingReader) -> LimitsConfig {
    let dedup_hours = count(reader, "limits.dedup_hours", 1, 0..=720);
    let mut memory = |key: &str| {
        let limit = reader.number(key, 0, 0..=1 << 32);
        (limit > 0).then_some(limit as u64)
    };
    let memory_soft_mb = memory("limits.memory_soft_mb");
    let memory_hard_mb = memory("limits.memory_hard_mb");
    if memory_hard_mb.is_some_and(|hard| memory_soft_mb.is_some_and(|soft| hard <= soft)) {
        reader.refuse("limits.memory_hard_mb", "must be more than limits.memory_soft_mb");
    }
    LimitsConfig {
        intake_bytes: reader.number("limits.intake_bytes", 32 * MIB, MIB..=16 * GIB),
        epoch_events: reader.number("limits.epoch_events", 20_000, 1..=1_000_000),
        open_epochs: reader.number("limits.open_epochs", 2, 1..=64),
        idle_merge_effort: reader.number("limits.idle_merge_effort", 1_000, 0..=100_000_000),
        dedup_hours,
        memory_soft_mb,
        memory_hard_mb,
    }
}

fn views(reader: &mut SettingReader) -> ViewsConfig {
    let horizon_days = count(reader, "views.horizon_days", 30, 1..=10_000);
    let pairs_days = 180.max(horizon_days as usize);
    let pairs_days = count(reader, "views.pairs_days", pairs_days, 1..=10_000);
    if pairs_days < horizon_days {
        reader.refuse("views.pairs_days", "must be at least views.horizon_days");
    }
    let kept_events = count(reader, "views.kept_events", 1_000, 1..=1_000_000);
    let paired_events = count(reader, "views.paired_events", 100, 1..=10_000);
    for old in ["views.popularity", "views.bought", "views.activity", "views.history"] {
        reader.renamed(old, "views.mode = \"profile\" or \"all\"");
    }
    let mode = reader.text("views.mode", "all", mode).unwrap_or(Mode::All);
    let profile_days = count(reader, "views.profile_days", 0, 0..=100_000);
    let profile_days = (profile_days > 0).then_some(profile_days);
    if profile_days.is_some_and(|days| days < horizon_days) {
        reader.refuse("views.profile_days", "must be at least views.horizon_days");
    }
    if profile_days.is_some() && mode == Mode::Profile {
        let why = "needs views.mode = \"all\": with profiles alone no user's activity is known";
        reader.refuse("views.profile_days", why);
    }
    ViewsConfig { mode, horizon_days, pairs_days, profile_days, kept_events, paired_events }
}

/// Reads a whole number of a range that is within `u32`.
fn count(
    reader: &mut SettingReader,
    key: &str,
    default: usize,
    range: RangeInclusive<usize>,
) -> u32 {
    u32::try_from(reader.number(key, default, range)).expect("the range is within u32")
}

fn grading(reader: &mut SettingReader) -> Grading {
    let share = reader.share("grading.share", 0.05);
    let learning = reader.text("ranking.learning", "on", learning).unwrap_or_default();
    let per_second = Some(count(reader, "grading.per_second", 10, 1..=1_000_000));
    Grading { share, per_second, learning, start: &START }
}

fn learning(text: &str) -> Result<Learning, String> {
    match text {
        "on" => Ok(Learning::On),
        "off" => Ok(Learning::Off),
        "propose" => Ok(Learning::Propose),
        _ => Err("must be \"on\", \"off\" or \"propose\"".into()),
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "profile" => Ok(Mode::Profile),
        "all" => Ok(Mode::All),
        _ => Err("must be \"profile\" or \"all\"".into()),
    }
}

fn anything(text: &str) -> Result<String, String> {
    Ok(text.into())
}

fn hidden(text: &str) -> String {
    if text.is_empty() { String::new() } else { "***".into() }
}

fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.into()) }
}

fn host_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    // An IPv6 address has colons of its own, so it needs its brackets.
    let host_is_good = !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c == '/' || c == ',')
        && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')));
    match port.parse::<u16>() {
        Ok(1..) if host_is_good => Ok(text.into()),
        _ => Err(format!("must be host:port, which {text:?} is not")),
    }
}

/// A host's name, perhaps with a port, or `*`.
fn host_name(text: &str) -> Result<String, String> {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let host_is_good = !host.is_empty() && host.chars().all(good);
    match port.parse::<u16>() {
        _ if text == "*" => Ok(text.into()),
        Ok(1..) if host_is_good => Ok(text.into()),
        _ => {
            Err(format!("must be *, or a host's name, perhaps with a port, which {text:?} is not"))
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, as 127.0.0.1:8080".into())
}

fn topic_name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.len() <= 200 && text.chars().all(good) {
        Ok(text.into())
    } else {
        Err("must be at most 200 letters, digits, '.', '_' and '-'".into())
    }
}

fn node_path(text: &str) -> Result<String, String> {
    let rooted = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
    if text.is_empty() || rooted {
        Ok(text.into())
    } else {
        Err("must be empty, or begin with / and not end with it".into())
    }
}

/// An empty text is no Redis.
fn redis_url(text: &str) -> Result<Option<Secret>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let good = text.starts_with("redis://") || text.starts_with("rediss://");
    match text.into_connection_info() {
        Ok(_) if good => Ok(Some(Secret::new(text))),
        _ => Err("must be redis://[user:password@]host[:port][/database], or rediss://…".into()),
    }
}

fn header_name(text: &str) -> Result<String, String> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) if text != "*" => Ok(name.as_str().into()),
        _ => Err(format!("must be a header's name, which {text:?} is not")),
    }
}

fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(text.into()),
        _ if text == "*" => Ok(text.into()),
        _ => Err("must be *, or an origin as https://shop.example".into()),
    }
}
