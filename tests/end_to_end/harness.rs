//! A process of the engine beside its services, and what a test may ask of both.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The services are one set: one test at a time.
static SERVICES: Mutex<()> = Mutex::new(());

/// The public key of RFC 8410, as OpenSSL writes it.
pub(crate) const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

pub(crate) fn services() -> MutexGuard<'static, ()> {
    SERVICES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(crate) fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run these tests by scripts/test"))
}

/// Calls `scripts/services`, which knows by its environment which set is meant.
pub(crate) fn script(arguments: &[&str]) {
    assert!(try_script(arguments), "scripts/services {arguments:?}");
}

/// The same; false if it fails.
pub(crate) fn try_script(arguments: &[&str]) -> bool {
    services_script().args(arguments).stdout(Stdio::null()).status().unwrap().success()
}

/// `scripts/services`, ended if it does not end by itself.
pub(crate) fn services_script() -> Command {
    bounded(Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services")))
}

/// The same program, which `timeout` ends after some minutes, with the status 124: a test fails, and hangs not.
pub(crate) fn bounded(program: Command) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "10", "300"]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// A port that nobody has, and nobody is given twice. It lies below those that the system gives to connections: one of
/// them could be opened there before a server is.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(number % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A prefix for topics that no other test and no other run uses.
pub(crate) fn prefix(test: &str) -> String {
    format!("{test}-{}-", std::process::id())
}

fn recsys() -> Command {
    Command::new(env!("CARGO_BIN_EXE_recsys"))
}

/// The program in a folder of its own, without any service: no workers.toml names one there.
pub(crate) fn alone(folder: &Path) -> Command {
    let mut command = recsys();
    command.current_dir(folder);
    command
}

/// The program in a folder of its own, with limits that the shell sets.
pub(crate) fn limited(limits: &str, folder: &Path) -> Command {
    let mut program = Command::new("sh");
    let exec = format!("{limits}; exec \"$0\" \"$@\"");
    program.args(["-c", &exec, env!("CARGO_BIN_EXE_recsys")]).current_dir(folder);
    program
}

/// The program with the services, and the topics of a prefix, which a start reads from their beginning.
pub(crate) fn served(prefix: &str) -> Command {
    let mut command = recsys();
    command
        .env("RECSYS_KAFKA_TOPIC_PREFIX", prefix)
        .env("RECSYS_FILES_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(prefix))
        .env("RECSYS_CHECKPOINT_URL", "")
        .env("RECSYS_KAFKA_BROKERS", service("RECSYS_TEST_KAFKA"))
        .env("RECSYS_REDIS_URL", service("RECSYS_TEST_REDIS"))
        // What a test has killed is followed soon, at whatever address.
        .env("RECSYS_REDIS_LEASE_MS", "1000")
        .env("RECSYS_ZOOKEEPER_HOSTS", service("RECSYS_TEST_ZOOKEEPER"));
    command
}

/// The program with its warnings piped, for [`Process::log`].
pub(crate) fn with_log(mut program: Command) -> Command {
    program.env("RECSYS_LOG", "warn").stderr(Stdio::piped());
    program
}

/// Makes the topics of a prefix, if need be.
pub(crate) fn create_topics(prefix: &str) {
    succeed(prefix, &["topics", "create"]);
}

/// Runs a command with the services and the topics of a prefix, which must succeed.
pub(crate) fn succeed(prefix: &str, arguments: &[&str]) {
    let status = bounded(served(prefix)).args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{arguments:?}: {status}");
}

/// Calls the front at a port; none if nobody answers there, or not in time.
pub(crate) fn try_call(
    port: u16,
    method: &str,
    path: &str,
    body: &str,
    within: Duration,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(within)).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_string()))
}

/// A process of the engine, killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    /// Starts a program, which is to be [`alone`] or to have services.
    pub(crate) fn spawn(program: Command, workers: &str, more: &[&str]) -> Process {
        Process::begin(program, &[&["-w", workers], more].concat())
    }

    /// The same with no more than these arguments.
    pub(crate) fn begin(mut program: Command, arguments: &[&str]) -> Process {
        let port = free_port();
        let listen = format!("http.listen=127.0.0.1:{port}");
        program.args(["run", "--set", &listen]).args(arguments);
        Process { child: program.spawn().unwrap(), port }
    }

    /// Starts a process with services, on the topics of a prefix, which are made if need be.
    pub(crate) fn start(prefix: &str, workers: &str, more: &[&str]) -> Process {
        create_topics(prefix);
        Process::spawn(served(prefix), workers, more)
    }

    /// A process with services that has caught up, and whose log can be read.
    pub(crate) fn ready_with_log(prefix: &str, workers: &str) -> Process {
        create_topics(prefix);
        let process = Process::spawn(with_log(served(prefix)), workers, &[]);
        process.wait_ready();
        process
    }

    /// A process with services that has caught up.
    pub(crate) fn ready(prefix: &str, workers: &str) -> Process {
        let process = Process::start(prefix, workers, &[]);
        process.wait_ready();
        process
    }

    /// Starts a process on the topic files of a folder, with Redis, and with these ZooKeeper servers.
    pub(crate) fn on_files(folder: &Path, zookeeper: &str) -> Process {
        let mut program = alone(folder);
        program
            .env("RECSYS_REDIS_URL", service("RECSYS_TEST_REDIS"))
            .env("RECSYS_REDIS_LEASE_MS", "1000")
            .env("RECSYS_ZOOKEEPER_HOSTS", zookeeper);
        Process::spawn(program, "2", &[])
    }

    /// A process without services, quiet, that has caught up with the files of a folder.
    pub(crate) fn embedded(folder: &Path, workers: &str) -> Process {
        Process::quiet(alone(folder), workers)
    }

    /// A process whose files cannot grow beyond some kilobytes, as on a disk that is full.
    pub(crate) fn on_a_small_disk(folder: &Path, kilobytes: u32) -> Process {
        // Without its signal the limit is an error of the write.
        let limit = format!("trap '' XFSZ; ulimit -f {}", 2 * kilobytes);
        Process::quiet(limited(&limit, folder), "2")
    }

    pub(crate) fn quiet(mut program: Command, workers: &str) -> Process {
        program.env("RECSYS_LOG", "warn");
        let process = Process::spawn(program, workers, &[]);
        process.wait_ready();
        process
    }

    pub(crate) fn wait_ready(&self) {
        eventually("ready", || self.try_call("GET", "/readyz", "").is_some_and(|r| r.0 == 200));
    }

    /// The answer of `/readyz`; none is 0.
    pub(crate) fn readiness(&self) -> (u16, String) {
        self.try_call("GET", "/readyz", "").unwrap_or_default()
    }

    /// The records that it says are lost.
    pub(crate) fn lost(&self) -> Vec<Value> {
        self.get("/api/status")["lost"].as_array().unwrap().clone()
    }

    pub(crate) fn try_call(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        try_call(self.port, method, path, body, Duration::from_secs(30))
    }

    /// Calls, and takes nothing but success.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.try_call(method, path, body).expect("the front answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.call("GET", path, "")
    }

    /// A user's profile.
    pub(crate) fn profile(&self, user: &str) -> Value {
        self.get(&format!("/api/user-profile/{user}"))
    }

    /// The profiles of many users.
    pub(crate) fn profiles(&self, users: &[String]) -> Value {
        self.call("POST", "/api/user-profiles", &json!({ "userIds": users }).to_string())
    }

    /// Posts events and waits until they are visible.
    pub(crate) fn post(&self, events: &Value) {
        self.call("POST", "/api/user-behavior?wait=visible", &events.to_string());
    }

    /// Tells that a guest has signed in, and waits until that is visible.
    pub(crate) fn merge(&self, account: &str, guest: &str) {
        let path = format!("/api/users/{account}/merge?wait=visible");
        self.call("POST", &path, &json!({ "from": guest }).to_string());
    }

    /// Sets the weights over HTTP.
    pub(crate) fn set_weights(&self, weights: &Value) {
        self.call("POST", "/api/recommendation/weights", &weights.to_string());
    }

    /// Sets them to a view's, 3 and 5.
    pub(crate) fn weigh(&self, view: u32) {
        self.set_weights(&json!({"view": view, "add_to_cart": 3, "purchase": 5}));
    }

    /// What Prometheus gets of it.
    pub(crate) fn scrape(&self) -> String {
        self.try_call("GET", "/metrics", "").expect("the front answers").1
    }

    /// The sum of a metric over the lines that hold all of these.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.scrape()
            .lines()
            .filter(|line| {
                line.starts_with(name) && labels.iter().all(|label| line.contains(label))
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// What a user's profile must become, over HTTP.
    pub(crate) fn reads(&self, user: &str, profile: &Value) {
        eventually(&format!("{user} over HTTP: {profile}"), || self.profile(user) == *profile);
    }

    /// What it must become over HTTP and in Redis.
    pub(crate) fn settles(&self, user: &str, profile: &Value) {
        self.reads(user, profile);
        let texts =
            profile.as_object().unwrap().iter().map(|(tag, score)| (tag, score.to_string()));
        let written = Value::from_iter(texts.map(|(tag, score)| (tag.clone(), score)));
        eventually(&format!("{user} in Redis: {written}"), || {
            redis_hash(user) == Some(written.clone())
        });
    }

    /// Its log, when it was spawned with standard error piped; it can be taken once.
    pub(crate) fn log(&mut self) -> impl Iterator<Item = String> + 'static {
        let log = self.child.stderr.take().expect("it is piped, and was not taken");
        BufReader::new(log).lines().map(Result::unwrap)
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it as nothing can be prepared for.
    pub(crate) fn kill(mut self) {
        self.signal("KILL");
        self.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process answers at a path; nothing while it does not.
pub(crate) fn told(process: &Process, path: &str) -> Value {
    let answer = process.try_call("GET", path, "").unwrap_or_default().1;
    serde_json::from_str(&answer).unwrap_or_default()
}

/// A Redis server without TLS, killed when dropped.
pub(crate) struct PlainRedis {
    server: Child,
    pub(crate) port: u16,
}

impl PlainRedis {
    pub(crate) fn start(folder: &Path) -> PlainRedis {
        let port = free_port();
        let mut server = Command::new("redis-server");
        server.current_dir(folder).stdout(Stdio::null()).args([
            "--save",
            "",
            "--bind",
            "127.0.0.1",
        ]);
        let server = server.args(["--port", &port.to_string()]).spawn();
        let server = server.expect("redis-server is installed by scripts/test");
        let server = PlainRedis { server, port };
        eventually("Redis", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connection(&self, login: &str) -> redis::Connection {
        let url = format!("redis://{login}127.0.0.1:{}", self.port);
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    /// Sends a command, given as words.
    pub(crate) fn send<T: redis::FromRedisValue>(&self, line: &str) -> T {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>()).query(&mut self.connection("")).unwrap()
    }

    /// The fields of a user's hash.
    pub(crate) fn hash(&self, user: &str) -> Value {
        let fields: BTreeMap<String, String> = self.send(&format!("HGETALL user:profile:{user}"));
        json!(fields)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.server.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Has it want a password from now on, of clients that are connected as well; none wants any.
    pub(crate) fn want(&self, login: &str, password: &str) {
        let mut connection = self.connection(login);
        let set = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(password).clone();
        set.exec(&mut connection).unwrap();
        let kill = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").clone();
        kill.exec(&mut connection).unwrap();
    }
}

impl Drop for PlainRedis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Asks again until it holds; what is awaited has no other sign.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// A connection to Redis, which may be away.
pub(crate) fn redis() -> redis::RedisResult<redis::Connection> {
    redis::Client::open(service("RECSYS_TEST_REDIS")).unwrap().get_connection()
}

/// What Redis holds of a user; none when it does not answer.
pub(crate) fn redis_hash(user: &str) -> Option<Value> {
    let fields: BTreeMap<String, String> =
        redis::cmd("HGETALL").arg(format!("user:profile:{user}")).query(&mut redis().ok()?).ok()?;
    Some(json!(fields))
}

pub(crate) fn event(kind: &str, user: &str, product: &str, tags: &[&str]) -> Value {
    json!({"eventType": kind, "userId": user, "product": product, "tags": tags})
}
