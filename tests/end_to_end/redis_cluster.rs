//! A Redis Cluster: profiles are written to the nodes of their slots, and hold whatever becomes of nodes and slots.

use crate::harness::{
    PlainRedis, Process, alone, bounded, event, eventually, free_port, told, with_log,
};
use crate::secure::{Secure, said};
use redis::Value as Answer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const SET: &[&str] = &["redis-cluster"];
const PASSWORD: &str = "recsys-secret";
/// The exit code of who meets another engine.
const HELD: Option<i32> = Some(77);
/// The rights that the engine needs, as `workers.toml` has them.
const RIGHTS: &str = "~user:profile:* ~recsys:* +multi +exec +watch +unwatch +del +hset +hdel +hgetall +get +set \
                      +getset +scan +dbsize +client|setname +client|list +client|kill +cluster|slots +asking";

/// The program with the cluster, by a user of its own, and no other service.
fn program(set: &Secure, folder: &Path) -> Command {
    let mut program = alone(folder);
    // One of its nodes is enough, and the first may be away.
    let seeds = [1, set.ports.cluster[2]].map(|port| format!("127.0.0.1:{port}"));
    let password = folder.join("secret");
    if !password.exists() {
        std::fs::write(&password, "secret").unwrap();
    }
    program
        .env("RECSYS_REDIS_URL", "rediss://engine@shop")
        .env("RECSYS_REDIS_PASSWORD_FILE", password)
        .env("RECSYS_REDIS_CA_FILE", set.file("ca.pem"))
        .env("RECSYS_REDIS_CLUSTER", seeds.join(","))
        .env("RECSYS_REDIS_LEASE_MS", "3000")
        .env("RECSYS_REDIS_TIMEOUT_MS", "1000")
        // What is compared would mend what was not written.
        .env("RECSYS_REDIS_COMPARED_PER_SECOND", "0");
    with_log(program)
}

/// A cluster, and the users of a shop.
struct Shop {
    set: Secure,
    users: Vec<String>,
}

impl Shop {
    fn new() -> Shop {
        let set = Secure::start(SET);
        // Some names have a part that alone says where they are.
        let tagged = ["{user7}", "a{user8}", "b{}c", "{", "x{user9}{y}"].map(str::to_owned);
        let users = (0..400).map(|user| format!("user{user}")).chain(tagged).collect();
        let shop = Shop { set, users };
        for port in shop.set.ports.cluster {
            shop.send::<()>(port, &format!("ACL SETUSER engine reset on >secret {RIGHTS}"));
        }
        shop
    }

    /// Sends a command, given as words, to the node at a port.
    fn try_send<T: redis::FromRedisValue>(&self, port: u16, line: &str) -> redis::RedisResult<T> {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>()).query(&mut self.set.redis(port, PASSWORD)?)
    }

    fn send<T: redis::FromRedisValue>(&self, port: u16, line: &str) -> T {
        self.try_send(port, line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn start(&self, folder: &TempDir, more: &[&str]) -> Process {
        let process = Process::spawn(program(&self.set, folder.path()), "2", more);
        process.wait_ready();
        process
    }

    /// Posts an event of each user.
    fn post(&self, process: &Process, tag: &str) {
        let events = self.users.iter().map(|user| event("view", user, "cup", &["cups", tag]));
        process.post(&Value::from_iter(events));
    }

    /// What the masters hold, by user; each user is at one of them.
    fn held(&self, masters: &[u16]) -> redis::RedisResult<BTreeMap<String, (u16, Value)>> {
        let mut held = BTreeMap::new();
        for port in masters {
            let mut connection = self.set.redis(*port, PASSWORD)?;
            let keys: Vec<String> =
                redis::cmd("KEYS").arg("user:profile:*").query(&mut connection)?;
            for key in keys {
                let fields: BTreeMap<String, String> =
                    redis::cmd("HGETALL").arg(&key).query(&mut connection)?;
                let user = key.strip_prefix("user:profile:").unwrap().to_owned();
                let before = held.insert(user, (*port, json!(fields)));
                assert_eq!(before, None, "{key} is at two nodes");
            }
        }
        Ok(held)
    }

    /// The users whose key is not what the engine answers.
    fn differing(&self, process: &Process, masters: &[u16]) -> Vec<String> {
        let profiles = process.profiles(&self.users);
        let Ok(held) = self.held(masters) else { return self.users.clone() };
        let differs = |user: &&String| {
            let profile = profiles[user.as_str()].as_object().unwrap();
            let texts = profile.iter().map(|(tag, score)| (tag.clone(), json!(score.to_string())));
            held.get(*user).map(|(_, fields)| fields) != Some(&Value::from_iter(texts))
        };
        self.users.iter().filter(differs).cloned().collect()
    }

    /// Waits until the marker tells that all of before is there. By then it must be.
    fn is_marked(&self, what: &str, process: &Process, masters: &[u16]) {
        self.marker_passes(what);
        assert_eq!(self.differing(process, masters), Vec::<String>::new(), "{what}");
    }

    fn marker_passes(&self, what: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        eventually(what, || self.marked().is_some_and(|as_of| u128::from(as_of) > now));
    }

    fn marked(&self) -> Option<u64> {
        let marker = self.own("recsys:{engine}:marker")?;
        serde_json::from_str::<Value>(&marker).ok()?["asOf"].as_u64()
    }

    /// Reads a key of the engine itself, at whoever has it.
    fn own(&self, key: &str) -> Option<String> {
        let read = |port: &u16| {
            let mut connection = self.set.redis(*port, PASSWORD).ok()?;
            redis::cmd("ASKING").exec(&mut connection).ok()?;
            redis::cmd("GET").arg(key).query::<Option<String>>(&mut connection).ok()?
        };
        self.set.ports.cluster.iter().find_map(read)
    }

    fn fence(&self) -> u64 {
        let lease = self.own("recsys:{engine}:lease").unwrap();
        serde_json::from_str::<Value>(&lease).unwrap()["fence"].as_u64().unwrap()
    }

    fn checks(&self, folder: &TempDir) {
        let (done, output) = said(program(&self.set, folder.path()), &["redis", "check"]);
        let expected =
            format!("{} profiles compared: 0 missing, 0 wrong, 0 foreign", self.users.len());
        assert!(done && output.contains(&expected), "{output}");
    }

    /// The calls of a command at the nodes, since their beginning.
    fn calls(&self, command: &str) -> u64 {
        let of = |port: &u16| {
            let stats: String = self.send(*port, "INFO commandstats");
            let calls = format!("cmdstat_{command}:calls=");
            let line = stats.lines().find_map(|line| line.strip_prefix(&*calls).map(str::to_owned));
            line.map_or(0, |rest| rest.split(',').next().unwrap().parse::<u64>().unwrap())
        };
        self.set.ports.cluster[..3].iter().map(of).sum()
    }

    fn id(&self, port: u16) -> String {
        self.send(port, "CLUSTER MYID")
    }

    /// Has a slot begin to move from one node to another.
    fn begin_to_move(&self, slot: u16, from: u16, to: u16) {
        let ids = [from, to].map(|port| self.id(port));
        self.send::<()>(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0]));
        self.send::<()>(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1]));
    }

    /// Moves at most this many keys of a slot.
    fn move_keys(&self, slot: u16, from: u16, to: u16, most: usize) {
        let keys: Vec<String> = self.send(from, &format!("CLUSTER GETKEYSINSLOT {slot} {most}"));
        for key in keys {
            let line = format!("MIGRATE 127.0.0.1 {to} {key} 0 5000 AUTH {PASSWORD}");
            assert_eq!(self.send::<String>(from, &line), "OK", "{line}");
        }
    }

    /// Says that a slot is another node's: to that one first, so that nobody is sent to and fro.
    fn end_to_move(&self, slot: u16, from: u16, to: u16) {
        let id = self.id(to);
        for port in [to, from] {
            self.send::<()>(port, &format!("CLUSTER SETSLOT {slot} NODE {id}"));
        }
    }

    /// The client's own way to move slots.
    fn reshard(&self, from: u16, to: u16, slots: u16) -> Command {
        let mut reshard = bounded(Command::new("redis-cli"));
        reshard.args(["--tls", "--cacert"]).arg(self.set.file("ca.pem"));
        reshard.args(["--no-auth-warning", "-a", PASSWORD, "--cluster", "reshard"]);
        reshard.args([format!("127.0.0.1:{to}"), "--cluster-yes".into()]);
        reshard.args(["--cluster-from", &self.id(from), "--cluster-to", &self.id(to)]);
        reshard.args(["--cluster-slots", &slots.to_string()]).stdout(Stdio::null());
        reshard
    }

    fn slot(&self, key: &str) -> u16 {
        self.send(self.set.ports.cluster[0], &format!("CLUSTER KEYSLOT {key}"))
    }

    /// The node that has a slot, as the first one knows.
    fn owner(&self, slot: u16) -> u16 {
        type Range = (u16, u16, (String, u16, String, Answer));
        let ranges: Vec<Vec<Answer>> = self.send(self.set.ports.cluster[0], "CLUSTER SLOTS");
        let ranges = ranges.into_iter().map(|mut range| {
            range.truncate(3);
            redis::from_redis_value::<Range>(Answer::Array(range)).unwrap()
        });
        ranges.into_iter().find(|range| (range.0..=range.1).contains(&slot)).unwrap().2.1
    }
}

/// The exit code of a process, and the lines that it has logged.
fn end(mut process: Process) -> (Option<i32>, Vec<String>) {
    let log = process.log().collect();
    (process.wait().code(), log)
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn profiles_are_on_the_nodes_of_their_slots_and_a_clean_stop_is_gone_on_from() {
    let (shop, folder) = (Shop::new(), tempfile::tempdir().unwrap());
    let masters = &shop.set.ports.cluster[..3];
    let (done, output) = said(program(&shop.set, folder.path()), &["check", "redis"]);
    assert!(done && output.contains("Hello Redis"), "{output}");
    let process = shop.start(&folder, &[]);
    shop.post(&process, "first");
    shop.is_marked("all are written", &process, masters);
    let held = shop.held(masters).unwrap();
    assert_eq!(held.len(), shop.users.len());
    for port in masters {
        let here = held.values().filter(|(at, _)| at == port).count();
        assert!(here > 100, "{here} at {port}");
    }
    shop.checks(&folder);
    // What nobody has is found at each node, and what has changed at one of them is mended.
    for (port, (user, _)) in
        masters.iter().filter_map(|port| Some((port, held.iter().find(|it| it.1.0 == *port)?)))
    {
        shop.send::<u32>(*port, &format!("DEL user:profile:{user}"));
    }
    let foreign = shop.owner(shop.slot("user:profile:nobody"));
    shop.send::<u32>(foreign, "HSET user:profile:nobody office 1");
    let (done, output) = said(program(&shop.set, folder.path()), &["redis", "check"]);
    assert!(!done && output.contains("3 missing, 0 wrong, 1 foreign"), "{output}");
    let (done, output) = said(program(&shop.set, folder.path()), &["redis", "check", "--repair"]);
    assert!(done && output.contains("all of it is mended"), "{output}");
    shop.checks(&folder);
    shop.is_marked("all are mended", &process, masters);
    assert_eq!(told(&process, "/api/status")["services"], json!({}));
    process.signal("TERM");
    let (code, log) = end(process);
    assert_eq!((code, log), (Some(0), Vec::new()));
    // The seal tells that nothing need be written anew, also where a slot has been moved meanwhile.
    let (from, to) = (shop.set.ports.cluster[1], shop.set.ports.cluster[2]);
    let (user, _) = held.iter().find(|(_, (port, _))| *port == from).unwrap();
    let slot = shop.slot(&format!("user:profile:{user}"));
    shop.begin_to_move(slot, from, to);
    shop.move_keys(slot, from, to, 1_000);
    shop.end_to_move(slot, from, to);
    let before = shop.calls("hset");
    let process = shop.start(&folder, &[]);
    process.post(&json!([event("view", user, "cup", &["cups", "last"])]));
    shop.is_marked("the last one is written", &process, masters);
    let written = shop.calls("hset") - before;
    assert!((1..10).contains(&written), "{written} were written");
    // One that was killed leaves none.
    process.kill();
    let before = shop.calls("hset");
    let process = shop.start(&folder, &[]);
    shop.post(&process, "anew");
    shop.is_marked("all are written anew", &process, masters);
    assert!(shop.calls("hset") - before >= shop.users.len() as u64);
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn slots_that_are_moved_lose_nothing() {
    let (shop, folder) = (Shop::new(), tempfile::tempdir().unwrap());
    let [first, second, third, fourth] = shop.set.ports.cluster;
    let masters = &[first, second, third];
    let process = shop.start(&folder, &[]);
    shop.post(&process, "first");
    shop.is_marked("all are written", &process, masters);
    // The slots of some users, that of the engine's own keys, and that of a marker of the node, which is its last.
    let home = shop.owner(shop.slot("{engine}"));
    let to = if home == first { second } else { first };
    let held = shop.held(masters).unwrap();
    let of_users = held.iter().filter(|(_, (port, _))| *port == home).take(8);
    let mut slots: Vec<u16> =
        of_users.map(|(user, _)| shop.slot(&format!("user:profile:{user}"))).collect();
    let last = [5_460, 10_922, 16_383][masters.iter().position(|port| *port == home).unwrap()];
    slots.extend([shop.slot("{engine}"), last]);
    slots.sort();
    slots.dedup();
    for slot in &slots {
        shop.begin_to_move(*slot, home, to);
    }
    shop.post(&process, "begun");
    shop.marker_passes("with slots that are about to move");
    for slot in &slots {
        shop.move_keys(*slot, home, to, 1);
    }
    // Users who come now are made where their slot is going.
    shop.post(&process, "between");
    shop.marker_passes("with slots that are at two nodes");
    for slot in &slots {
        shop.move_keys(*slot, home, to, 1_000);
    }
    shop.post(&process, "moved");
    shop.marker_passes("with slots whose keys are elsewhere");
    for slot in &slots {
        // What came meanwhile.
        shop.move_keys(*slot, home, to, 1_000);
        shop.end_to_move(*slot, home, to);
        shop.post(&process, "ended");
    }
    shop.is_marked("all slots are moved", &process, masters);
    shop.checks(&folder);

    // Somebody moves many, while events come.
    let mut reshard = shop.reshard(second, third, 400).spawn().unwrap();
    let mut posted = 0;
    let status = loop {
        shop.post(&process, "resharded");
        posted += 1;
        if let Some(status) = reshard.try_wait().unwrap() {
            break status;
        }
    };
    assert!(status.success() && posted > 1, "{status}, {posted}");
    shop.is_marked("many slots are moved", &process, masters);
    shop.checks(&folder);

    // A node that had no slot at all gets one. It was a replica.
    shop.send::<()>(fourth, "CLUSTER RESET SOFT");
    shop.send::<()>(fourth, &format!("CLUSTER MEET 127.0.0.1 {second} {}", shop.set.bus(second)));
    let all = [first, second, third, fourth];
    let knows = |port: u16| {
        let nodes: String = shop.send(port, "CLUSTER NODES");
        let line = |port: u16| nodes.lines().find(|line| line.contains(&format!(":{port}@")));
        let knows_all = all.iter().all(|port| line(*port).is_some());
        let is_master = |line: &str| line.contains("master") && !line.contains("fail");
        knows_all
            && !nodes.contains("handshake")
            && line(fourth).is_some_and(is_master)
            && shop.send::<String>(port, "CLUSTER INFO").contains("cluster_state:ok")
    };
    eventually("it is a master", || all.into_iter().all(knows));
    let slot =
        shop.slot(&format!("user:profile:{}", held.iter().find(|it| it.1.0 == third).unwrap().0));
    let from = shop.owner(slot);
    shop.begin_to_move(slot, from, fourth);
    shop.move_keys(slot, from, fourth, 1_000);
    shop.post(&process, "to a new one");
    shop.marker_passes("with a node that has no slot yet");
    let list: String = shop.send(fourth, "CLIENT LIST");
    assert!(list.contains(&format!("name=recsys:{}:worker-0", shop.fence())), "{list}");
    shop.move_keys(slot, from, fourth, 1_000);
    shop.end_to_move(slot, from, fourth);
    shop.post(&process, "at last");
    shop.is_marked("with a fourth node", &process, &all);
    shop.checks(&folder);
    assert_eq!(process.metric("recsys_sink_refused_total", &[]), 0.0);

    // All nodes want another password, which the file has.
    for port in all {
        shop.send::<()>(port, "ACL SETUSER engine resetpass >other");
    }
    std::fs::write(folder.path().join("secret"), "other").unwrap();
    for port in all {
        assert!(shop.send::<u32>(port, "CLIENT KILL USER engine") > 0);
    }
    shop.post(&process, "by another password");
    shop.is_marked("with another password", &process, &all);
    process.signal("TERM");
    let (code, log) = end(process);
    assert_eq!(code, Some(0), "{log:#?}");
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn one_engine_writes_to_all_nodes() {
    let (shop, folders) = (Shop::new(), [(); 2].map(|()| tempfile::tempdir().unwrap()));
    let masters = &shop.set.ports.cluster[..3];
    let first = shop.start(&folders[0], &[]);
    shop.post(&first, "first");
    shop.is_marked("all are written", &first, masters);
    let (code, log) = end(Process::spawn(program(&shop.set, folders[1].path()), "1", &[]));
    let told = log.last().unwrap();
    assert_eq!(code, HELD, "{log:#?}");
    assert!(told.contains("Redis is held by another engine: process "), "{log:#?}");
    assert!(told.contains(&format!("which serves 127.0.0.1:{}", first.port)), "{log:#?}");
    let second = shop.start(&folders[1], &["--take-over"]);
    let (code, log) = end(first);
    assert_eq!(code, HELD, "{log:#?}");
    shop.post(&second, "second");
    shop.is_marked("the second writes", &second, masters);

    // The nodes are frozen first, so that the engine is frozen in front of answers, with more to write.
    let frozen = second;
    shop.set.script(&["freeze", "redis-cluster"]);
    frozen.post(&json!([event("view", "user1", "cup", &["frozen"])]));
    frozen.post(&json!([event("view", "user2", "cup", &["frozen"])]));
    frozen.post(&json!([event("view", "user3", "cup", &["frozen"])]));
    frozen.signal("STOP");
    shop.set.script(&["thaw", "redis-cluster"]);
    // Its lease runs out: nobody need say that it is to be taken over.
    let third = shop.start(&folders[0], &[]);
    shop.post(&third, "third");
    shop.is_marked("the third writes", &third, masters);
    let ours = format!("name=recsys:{}:", shop.fence());
    for port in shop.set.ports.cluster {
        let list: String = shop.send(port, "CLIENT LIST");
        let mut named = list.lines().filter(|line| line.contains("name=recsys:"));
        assert!(named.all(|line| line.contains(&ours)), "{port}: {list}");
        shop.send::<()>(port, "CONFIG RESETSTAT");
    }
    frozen.signal("CONT");
    let (code, log) = end(frozen);
    assert_eq!(code, HELD, "{log:#?}");
    assert_eq!((shop.calls("hset"), shop.calls("del")), (0, 0));
    assert_eq!(shop.differing(&third, masters), Vec::<String>::new());
    let mut third = third;
    third.signal("TERM");
    assert!(third.wait().success());

    // Several processes are one engine.
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let start = |index: usize| {
        let process = index.to_string();
        let more = ["--process", &process, "--set", &hosts, "--set", "files.dir=both"];
        Process::spawn(program(&shop.set, folders[index].path()), "1", &more)
    };
    let both = [0, 1].map(start);
    both.iter().for_each(Process::wait_ready);
    shop.post(&both[1], "both");
    shop.is_marked("both write", &both[0], masters);
    for port in masters {
        let list: String = shop.send(*port, "CLIENT LIST");
        for part in ["worker-0", "worker-1", "keeper-0", "keeper-1"] {
            assert!(list.contains(&format!("name=recsys:{}:{part} ", shop.fence())), "{list}");
        }
    }
    shop.checks(&folders[0]);
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn what_a_node_has_lost_is_written_again() {
    let (shop, folder) = (Shop::new(), tempfile::tempdir().unwrap());
    let [first, second, third, fourth] = shop.set.ports.cluster;
    let process = shop.start(&folder, &[]);
    shop.post(&process, "first");
    shop.is_marked("all are written", &process, &[first, second, third]);

    // It saves nothing, and has no replica.
    shop.set.script(&["kill", "redis-cluster2"]);
    shop.post(&process, "without a node");
    shop.set.script(&["up", "redis-cluster2"]);
    assert_eq!(
        shop.send::<()>(second, &format!("ACL SETUSER engine reset on >secret {RIGHTS}")),
        ()
    );
    shop.is_marked("the node is back, and was empty", &process, &[first, second, third]);

    // The replica misses what its master acknowledges from here on.
    shop.send::<()>(fourth, "CONFIG SET masterauth wrong");
    shop.send::<u32>(fourth, "CLIENT KILL TYPE master");
    eventually("it does not follow", || {
        shop.send::<String>(fourth, "INFO replication").contains("master_link_status:down")
    });
    shop.post(&process, "lost");
    shop.is_marked("what the replica has not heard", &process, &[first, second, third]);
    shop.set.script(&["kill", "redis-cluster1"]);
    shop.post(&process, "without a master");
    shop.send::<()>(fourth, &format!("CONFIG SET masterauth {PASSWORD}"));
    shop.send::<()>(fourth, "CLUSTER FAILOVER TAKEOVER");
    shop.is_marked("the replica is the master", &process, &[fourth, second, third]);
    // The one before comes back with nothing, as its replica. Nobody has told it whom it is to let in.
    shop.set.script(&["up", "redis-cluster1"]);
    shop.post(&process, "with a replica again");
    shop.is_marked("all are there", &process, &[fourth, second, third]);
    shop.send::<()>(first, &format!("ACL SETUSER engine reset on >secret {RIGHTS}"));
    eventually("it follows", || {
        let info = shop.send::<String>(first, "INFO replication");
        info.contains("role:slave") && info.contains("master_link_status:up")
    });

    // The master stands still, and does not know that it is none any more when it goes on.
    shop.set.script(&["freeze", "redis-cluster4"]);
    shop.post(&process, "into a frozen one");
    let is_master = |port| {
        let info = shop.try_send::<String>(port, "INFO replication");
        info.is_ok_and(|info| info.contains("role:master"))
    };
    eventually("the other one takes its place", || is_master(first));
    shop.is_marked("the first one is the master again", &process, &[first, second, third]);
    shop.set.script(&["thaw", "redis-cluster4"]);
    eventually("it is a replica again", || !is_master(fourth));
    shop.post(&process, "at last");
    shop.is_marked("the end", &process, &[first, second, third]);
    shop.checks(&folder);
    assert_eq!(told(&process, "/api/status")["services"], json!({}));
    process.signal("TERM");
    let (code, log) = end(process);
    assert_eq!(code, Some(0), "{log:#?}");
    let lost = log.iter().filter(|line| line.contains("Redis has lost data"));
    assert!(lost.count() >= 2, "{log:#?}");
    assert!(log.iter().any(|line| line.contains("other nodes are the masters")), "{log:#?}");
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn a_cluster_that_refuses_is_told_as_what_it_is() {
    let (shop, folder) = (Shop::new(), tempfile::tempdir().unwrap());
    for port in shop.set.ports.cluster {
        let rights = RIGHTS.replace(" +cluster|slots", "");
        shop.send::<()>(port, &format!("ACL SETUSER narrow reset on >secret {rights}"));
    }
    let one = format!("rediss://engine:secret@127.0.0.1:{}", shop.set.ports.cluster[0]);
    for (name, value, expected) in [
        ("CLUSTER", "127.0.0.1:1", "no node of the cluster tells who has its slots: 127.0.0.1:1: "),
        (
            "URL",
            "rediss://engine:wrong@shop",
            "refuses the user or the password of redis.url (WRONGPASS)",
        ),
        ("URL", "rediss://narrow:secret@shop", "lacks a right; workers.toml lists them"),
        ("URL", "redis://engine:secret@shop", "redis.url must begin with rediss://"),
        ("CA_FILE", "", "its certificate comes from no authority"),
    ] {
        let mut program = program(&shop.set, folder.path());
        if value.contains('@') {
            program.env_remove("RECSYS_REDIS_PASSWORD_FILE");
        }
        program.env(format!("RECSYS_REDIS_{name}"), value);
        if value.starts_with("redis://") {
            program.env_remove("RECSYS_REDIS_CA_FILE");
        }
        let (done, output) = said(program, &["check", "redis"]);
        assert!(!done && output.contains(expected), "{expected}: {output}");
    }
    // One that is none.
    let plain = PlainRedis::start(folder.path());
    let mut program = alone(folder.path());
    program.env("RECSYS_REDIS_URL", "redis://shop");
    program.env("RECSYS_REDIS_CLUSTER", format!("127.0.0.1:{}", plain.port));
    let (done, output) = said(program, &["check", "redis"]);
    assert!(!done && output.contains("is no node of a cluster: redis.cluster must"), "{output}");
    // A node of one, which is not said to be one.
    let mut program = self::program(&shop.set, folder.path());
    program
        .env("RECSYS_REDIS_URL", one)
        .env_remove("RECSYS_REDIS_CLUSTER")
        .env_remove("RECSYS_REDIS_PASSWORD_FILE");
    let mut process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    shop.post(&process, "first");
    let expected = "Redis is a node of a cluster: redis.cluster must name some of its nodes";
    eventually(expected, || {
        told(&process, "/api/status")["services"]["redis"].to_string().contains(expected)
    });
    process.signal("TERM");
    let _ = process.log().count();
    process.wait();
}
