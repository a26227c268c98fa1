//! Checkpoints: a start goes on from the newest that is whole, whatever ended the process before, and nobody sees a past.

use crate::harness::{
    Process, alone, create_topics, event, eventually, free_port, prefix, redis_hash, served,
    service, services, with_log,
};
use crate::kafka;
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const USERS: usize = 40;

/// The n-th batch of events, which has all kinds, tags, and ids.
fn batch(n: usize) -> Value {
    let events = (0..200).map(|i| {
        let user = format!("ida{}", i % USERS);
        let kind = match i % 11 {
            0 => "remove_from_cart",
            _ => ["view", "add_to_cart", "purchase"][i % 3],
        };
        let mut event = event(kind, &user, &format!("thing{}", (i + n) % 17), &[]);
        if i % 5 > 0 {
            event["tags"] = json!([format!("tag{}", (i + n) % 13), "all"]);
        }
        if i % 2 == 0 {
            event["eventId"] = json!(format!("{n}-{i}"));
        }
        if i % 7 == 0 {
            event["sessionId"] = event["userId"].take();
        }
        event
    });
    Value::from_iter(events)
}

/// What the views of all workers hold.
fn digests(process: &Process) -> Value {
    process.get("/api/status")["digests"]["views"].take()
}

/// The number of the checkpoint that a process began with.
fn restored(process: &Process) -> Option<u64> {
    process.get("/api/status")["checkpoint"]["restored"].as_u64()
}

fn checkpoint(process: &Process) -> u64 {
    process.call("POST", "/api/admin/checkpoint", "")["number"].as_u64().unwrap()
}

/// The events that a process has read since it began.
fn read(process: &Process) -> f64 {
    process.metric("recsys_events_total", &[])
}

/// The files of the segments of a checkpoint, and of its manifest.
pub(crate) fn files(folder: &Path, number: u64) -> Vec<PathBuf> {
    let number = format!("{number:020}");
    let mut found = vec![folder.join(format!("data/checkpoints/manifests/{number}.json"))];
    let mut folders = vec![folder.join("data/checkpoints/segments")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.to_str().unwrap().contains(&number) {
                found.push(entry);
            }
        }
    }
    found
}

/// The checkpoints that are whole, with the newest first.
pub(crate) fn whole(folder: &Path) -> Vec<u64> {
    let output = alone(folder).args(["checkpoint", "list"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let listed = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_whole = |it: &Value| it["claim"] == false && it["faults"] == json!([]);
    listed.filter(is_whole).map(|it| it["number"].as_u64().unwrap()).collect()
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_start_goes_on_from_the_checkpoint_on_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::embedded(folder.path(), "2");
    let mut sent = 0;
    for (round, workers) in ["3", "1", "4", "2"].into_iter().enumerate() {
        for part in 0..3 {
            process.post(&batch(3 * round + part));
            sent += 200;
        }
        process.merge("ida1", "ida0");
        let number = checkpoint(&process);
        // What comes after it is read again.
        process.post(&batch(100 + round));
        sent += 200;
        let expected = digests(&process);
        process.kill();
        process = Process::embedded(folder.path(), workers);
        assert!(restored(&process) >= Some(number), "round {round}");
        assert_eq!(digests(&process), expected, "round {round}, {workers} workers");
        assert!(read(&process) < f64::from(sent), "round {round}: it has read everything anew");
        // An id that has been counted, in the checkpoint or since, does not count again.
        let again = [3 * round, 100 + round].map(batch);
        let ids = |event: &&Value| event["eventId"].is_string();
        let again: Vec<&Value> =
            again.iter().flat_map(|batch| batch.as_array().unwrap()).filter(ids).collect();
        process.post(&json!(again));
        assert_eq!(
            digests(&process)["history"],
            expected["history"],
            "round {round}: copies count"
        );
    }
}

#[test]
fn a_process_that_is_told_to_stop_leaves_nothing_to_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::embedded(folder.path(), "2");
    process.post(&batch(0));
    let expected = digests(&process);
    process.signal("TERM");
    assert!(process.wait().success());
    let process = Process::embedded(folder.path(), "3");
    assert_eq!((digests(&process), read(&process)), (expected, 0.0));
    let status = process.get("/api/status");
    assert_eq!(status["checkpoint"]["segmentsRead"], status["checkpoint"]["segments"]);
    let measured = || {
        let partitions = process.get("/api/status")["partitions"].take();
        let of_views = |it: &&Value| it["topic"] == "view-events";
        partitions.as_array().unwrap().iter().find(of_views).cloned()
    };
    eventually("the partition was looked at", || measured().is_some());
    let views = measured().unwrap();
    let end = views["end"].as_i64().unwrap();
    assert!(0 < end && views["lag"] == 0 && views["first"] == 0, "{views}");
    for name in ["position", "checkpoint", "margin"] {
        assert_eq!(views[name], end, "{name}: {views}");
    }
}

#[test]
fn a_process_that_is_told_to_stop_under_load_ends_in_time_with_a_checkpoint() {
    const LOAD: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::embedded(folder.path(), "2");
    process.post(&batch(0));
    let before = checkpoint(&process);
    let stored = AtomicUsize::new(0);
    let told = thread::scope(|scope| {
        for poster in 0..4 {
            let (process, stored) = (&process, &stored);
            // Until nobody listens any more.
            scope.spawn(move || {
                for n in (1..).map(|n| 4 * n + poster) {
                    // Each batch has users of its own, so that none is beyond what a day may have.
                    let events = batch(n).to_string().replace("ida", &format!("ida{n}-"));
                    match process.try_call("POST", "/api/user-behavior", &events) {
                        Some((201, _)) => stored.fetch_add(200, Ordering::Relaxed),
                        Some(_) => continue,
                        None => break,
                    };
                }
            });
        }
        eventually("there is load", || LOAD < stored.load(Ordering::Relaxed));
        process.signal("TERM");
        Instant::now()
    });
    let status = process.wait();
    let took = told.elapsed();
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
    let newest = whole(folder.path())[0];
    assert!(before < newest, "it has written none at its end");
    let process = Process::embedded(folder.path(), "3");
    assert_eq!(restored(&process), Some(newest));
    let sum = digests(&process);
    let again = read(&process);
    process.kill();
    // By the topics alone it is the same: nothing is lost, and nothing counts twice.
    let mut program = alone(folder.path());
    program.env("RECSYS_LOG", "warn");
    let process = Process::spawn(program, "1", &["--rebuild"]);
    process.wait_ready();
    assert_eq!(digests(&process), sum);
    assert!(again < read(&process) / 2.0, "it has read {again} events again");
}

#[test]
fn processes_store_one_state_and_another_number_goes_on_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let ports = [free_port(), free_port()];
        let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
        let both = ["0", "1"].map(|index| {
            let mut program = alone(folder.path());
            program.env("RECSYS_LOG", "warn");
            let own = ["--process", index, "--set", &hosts, "--set", "workers=2"];
            Process::begin(program, &own)
        });
        both.iter().for_each(Process::wait_ready);
        both
    };
    let [first, second] = start();
    first.post(&batch(0));
    second.post(&batch(1));
    second.merge("ida1", "ida0");
    let number = checkpoint(&first);
    let (status, told) = second.try_call("POST", "/api/admin/checkpoint", "").unwrap();
    assert!(status == 503 && told.contains("the first process"), "{status} {told}");
    second.post(&batch(2));
    let expected = digests(&first);
    first.kill();
    second.kill();
    let mut process = Process::embedded(folder.path(), "3");
    assert!(restored(&process) >= Some(number));
    assert_eq!(digests(&process), expected);
    process.post(&batch(3));
    let expected = digests(&process);
    process.signal("TERM");
    assert!(process.wait().success());
    let mut both = start();
    assert_eq!(both.each_ref().map(digests), [expected.clone(), expected.clone()]);
    both.iter().for_each(|process| process.signal("TERM"));
    both.iter_mut().for_each(|process| assert!(process.wait().success()));
    let process = Process::embedded(folder.path(), "1");
    assert_eq!((digests(&process), read(&process)), (expected, 0.0));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_one_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    let mut numbers = Vec::new();
    for n in 0..2 {
        process.post(&batch(n));
        numbers.push(checkpoint(&process));
    }
    let expected = digests(&process);
    process.kill();
    let newest = files(folder.path(), numbers[1]);
    damage(newest.last().unwrap());
    let verify = || alone(folder.path()).args(["checkpoint", "verify"]).output().unwrap();
    let told = verify();
    let listed = String::from_utf8_lossy(&told.stdout).into_owned();
    assert_eq!(told.status.code(), Some(65), "{listed}");
    let named = newest.last().unwrap().file_name().unwrap().to_str().unwrap();
    assert!(listed.contains(named), "{named} is not in {listed}");

    let process = Process::embedded(folder.path(), "2");
    assert_eq!((restored(&process), digests(&process)), (Some(numbers[0]), expected.clone()));
    process.kill();

    // None is left: it does not begin anew without a word.
    files(folder.path(), numbers[0]).iter().for_each(|file| damage(file));
    let mut refused = Process::spawn(with_log(alone(folder.path())), "2", &[]);
    let lines: Vec<String> = refused.log().collect();
    assert_eq!(refused.wait().code(), Some(1), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("checkpoints")), "{lines:?}");
    let mut program = alone(folder.path());
    program.env("RECSYS_LOG", "warn");
    let process = Process::spawn(program, "2", &["--rebuild"]);
    process.wait_ready();
    assert_eq!((restored(&process), digests(&process)), (None, expected));
}

/// Runs `recsys checkpoint` with these words: its exit code, and the lines that it prints.
fn command(folder: &Path, words: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let output = alone(folder).arg("checkpoint").args(words).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_export_is_begun_with_as_the_checkpoint_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::embedded(folder.path(), "2");
    process.post(&batch(0));
    process.call("POST", "/api/users/ida3/forget?wait=visible", "");
    let first = checkpoint(&process);
    let expected_then = digests(&process);
    process.post(&batch(1));
    let second = checkpoint(&process);
    // While the engine runs: the newest, and the one before.
    let (code, told, error) = command(folder.path(), &["export", "--to", "new/copy"]);
    assert_eq!((code, &told[0]["number"]), (Some(0), &json!(second)), "{error}");
    let first_is_there = ["export", "--to", "older", &first.to_string()];
    let (code, told, error) = command(folder.path(), &first_is_there);
    assert_eq!((code, &told[0]["number"]), (Some(0), &json!(first)), "{error}");
    process.post(&batch(2));
    let expected = digests(&process);
    let ranked = process.get("/api/recommendations/ida1?n=5");
    let since_the_forget = process.profile("ida3");
    process.signal("TERM");
    assert!(process.wait().success());

    let url = ["--set", "checkpoint.url=new/copy"];
    for action in ["list", "verify"] {
        let (code, told, error) = command(folder.path(), &[&[action], &url[..]].concat());
        assert_eq!((code, told.len()), (Some(0), 1), "{error}");
        assert_eq!((&told[0]["number"], &told[0]["faults"]), (&json!(second), &json!([])));
    }
    for (copy, number) in [("new/copy", second), ("older", first)] {
        let mut program = alone(folder.path());
        program.env("RECSYS_LOG", "warn").env("RECSYS_CHECKPOINT_URL", copy);
        let process = Process::spawn(program, "3", &[]);
        process.wait_ready();
        assert_eq!((restored(&process), digests(&process)), (Some(number), expected.clone()));
        assert_eq!(process.get("/api/recommendations/ida1?n=5"), ranked);
        // The key of hashes came along: of who was forgotten, the events before the forget do not count.
        assert_eq!(process.profile("ida3"), since_the_forget);
        assert!(checkpoint(&process) > number, "it goes on there");
        process.kill();
    }
    assert_ne!(expected_then, expected);

    // A damaged one is no backup.
    let damaged = files(folder.path(), whole(folder.path())[0]);
    let damaged = damaged.last().unwrap();
    damage(damaged);
    let name = damaged.file_name().unwrap().to_str().unwrap();
    let (code, told, error) = command(folder.path(), &["export", "--to", "third"]);
    assert!(code == Some(65) && told.is_empty() && error.contains(name), "{code:?} {error}");
    let listed = ["list", "--set", "checkpoint.url=third"];
    assert_eq!(command(folder.path(), &listed).1, [] as [Value; 0]);
    let (code, _, error) = command(folder.path(), &["export", "--to", "older"]);
    assert!(code == Some(74) && error.contains("older is not empty"), "{code:?} {error}");
}

#[test]
fn a_checkpoint_of_other_views_is_refused_by_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::embedded(folder.path(), "1");
    process.post(&batch(0));
    process.signal("TERM");
    process.wait();
    let program = with_log(alone(folder.path()));
    let mut refused = Process::spawn(program, "1", &["--set", "views.mode=profile"]);
    let lines: Vec<String> = refused.log().collect();
    assert!(!refused.wait().success());
    let reason = "was written with views.mode = \"all\"";
    assert!(lines.iter().any(|line| line.contains(reason)), "{lines:?}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_kafka_no_longer_has_is_in_the_checkpoint() {
    let _services = services();
    let prefix = prefix("kept");
    create_topics(&prefix);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("checkpoint.url={}", folder.path().display());
    let start = |workers| {
        let process = Process::spawn(served(&prefix), workers, &["--set", &url]);
        process.wait_ready();
        process
    };
    let process = start("2");
    process.post(&batch(0));
    process.post(&batch(1));
    let expected = digests(&process);
    checkpoint(&process);
    process.kill();
    kafka::delete_all_records(&prefix);
    let process = start("3");
    assert_eq!(digests(&process), expected);
    assert_eq!(process.get("/api/status")["lost"], json!([]));
}

/// While a process starts, without a checkpoint, it reads everything again. Meanwhile nobody sees less than before.
#[test]
#[ignore = "needs the services that scripts/test starts"]
fn nobody_sees_the_past() {
    const EVENTS: u64 = 60_000;
    let _services = services();
    let prefix = prefix("past");
    create_topics(&prefix);
    let writer = kafka::writer(&[]);
    let topic = format!("{prefix}view-events");
    let value = event("view", "nina", "thing", &["seen"]).to_string();
    for _ in 0..EVENTS {
        kafka::send(&writer, BaseRecord::to(&topic).key("nina").payload(value.as_bytes()));
    }
    kafka::flush(&writer);
    let process = Process::ready(&prefix, "2");
    process.weigh(1);
    let (over_http, in_redis) = (json!({ "seen": EVENTS }), json!({ "seen": EVENTS.to_string() }));
    process.settles("nina", &over_http);
    process.kill();
    let process = Process::start(&prefix, "2", &[]);
    let (mut refused, mut asked) = (0, 0);
    eventually("it has caught up", || {
        for _ in 0..50 {
            assert_eq!(redis_hash("nina"), Some(in_redis.clone()), "Redis shows the past");
            match process.try_call("GET", "/api/user-profile/nina", "") {
                Some((503, answer)) => {
                    refused += 1;
                    assert!(answer.contains("unavailable"), "{answer}");
                }
                Some((200, answer)) => {
                    let found: Value = serde_json::from_str(&answer).unwrap();
                    assert_eq!(found, over_http, "HTTP shows the past");
                    asked += 1;
                }
                _ => {}
            }
        }
        asked > 0
    });
    assert!(refused > 0, "it had caught up at once, so that nothing was seen");
}

#[test]
fn of_who_was_forgotten_nothing_is_left_in_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = alone(folder.path());
    program.env("RECSYS_LOG", "warn");
    let settings = ["--set", "checkpoint.forget_s=1", "--set", "checkpoint.interval_s=1"];
    let process = Process::spawn(program, "2", &settings);
    process.wait_ready();
    process.post(&batch(0));
    checkpoint(&process);
    let verify = |user: &str| {
        let arguments = ["checkpoint", "verify", "--absent", user];
        alone(folder.path()).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    assert_eq!(verify("ida3").unwrap().code(), Some(1));
    let erased = |process: &Process, user: &str| {
        let path = format!("/api/users/{user}/forget");
        process.get(&path)["receipt"]["checkpointsErasedAt"].take()
    };
    process.call("POST", "/api/users/ida3/forget?wait=visible", "");
    eventually("the receipt says so", || !erased(&process, "ida3").is_null());
    eventually("no trace is left", || verify("ida3").unwrap().success());
    // Those who are forgotten while that is under way have their turn as well.
    let others: Vec<String> = (10..20).map(|user| format!("ida{user}")).collect();
    for user in &others {
        process.call("POST", &format!("/api/users/{user}/forget?wait=visible"), "");
        checkpoint(&process);
    }
    for user in &others {
        eventually("each one's receipt says so", || !erased(&process, user).is_null());
        // What is half-written at the moment may be unreadable, but has nobody.
        let (_, told, _) = command(folder.path(), &["verify", "--absent", user]);
        let places: Vec<&Value> = told.iter().filter(|line| !line["found"].is_null()).collect();
        assert_eq!(places, [] as [&Value; 0], "{user}");
    }
    eventually("no trace is left", || verify("ida14").unwrap().success());
    let times = ["ida3", "ida10", "ida19"].map(|user| erased(&process, user));
    assert!(times.is_sorted_by_key(|time| time.as_str().map(str::to_owned)), "{times:?}");
    // The next one knows the times, and so does who begins with it or with the one before.
    process.post(&batch(1));
    checkpoint(&process);
    process.post(&batch(2));
    checkpoint(&process);
    assert_eq!(verify("ida5").unwrap().code(), Some(1), "others are there");
    let expected = digests(&process);
    process.kill();
    // Each of those that are kept has nobody of that name, and is whole: the newest, and the one before.
    for newest_is_damaged in [false, true] {
        if newest_is_damaged {
            damage(&files(folder.path(), whole(folder.path())[0])[0]);
        }
        let process = Process::embedded(folder.path(), "3");
        assert!(restored(&process).is_some());
        assert_eq!(digests(&process), expected);
        assert_eq!(["ida3", "ida10", "ida19"].map(|user| erased(&process, user)), times);
        process.kill();
    }
}

/// A new bucket.
fn bucket() -> String {
    let address = service("RECSYS_TEST_S3").trim_start_matches("http://").to_owned();
    let name = format!("engine-{}", std::process::id());
    let mut connection = TcpStream::connect(&address).unwrap();
    let head = format!("PUT /{name} HTTP/1.1\r\nHost: {address}\r\n");
    write!(connection, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    name
}

#[test]
#[ignore = "needs S3, which scripts/test starts"]
fn s3_has_what_a_start_goes_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("s3://{}/shop", bucket());
    let program = || {
        let mut program = alone(folder.path());
        program.env("RECSYS_CHECKPOINT_URL", &url);
        program
    };
    let mut process = Process::quiet(program(), "2");
    process.post(&batch(0));
    let first = checkpoint(&process);
    process.post(&batch(1));
    let expected = digests(&process);
    process.signal("TERM");
    assert!(process.wait().success());

    let process = Process::quiet(program(), "3");
    assert_eq!((digests(&process), read(&process)), (expected, 0.0));
    assert!(restored(&process) > Some(first));
    process.post(&batch(2));
    checkpoint(&process);
    let expected = digests(&process);
    process.kill();

    let process = Process::quiet(program(), "1");
    assert_eq!((digests(&process), read(&process)), (expected, 0.0));
    let verified = program().args(["checkpoint", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert!(!folder.path().join("data/checkpoints").exists());
}

/// The tables are open: another program adds up what HTTP says.
#[test]
#[ignore = "needs DuckDB, which scripts/test installs"]
fn duckdb_adds_up_what_http_says() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.post(&batch(0));
    checkpoint(&process);
    process.post(&batch(1));
    checkpoint(&process);
    let (code, _, error) = command(folder.path(), &["export", "--to", "copy"]);
    assert_eq!(code, Some(0), "{error}");
    for segments in ["data/checkpoints/segments", "copy/segments"] {
        duckdb_adds_up(&process, &folder.path().join(segments));
    }
}

fn duckdb_adds_up(process: &Process, segments: &Path) {
    let script = r#"
import sys, json, duckdb
rows = duckdb.sql(f"""
    select "user", tag, sum(views) + 3 * sum(carts) + 5 * sum(purchases) as score
    from read_parquet('{sys.argv[1]}/*/profiles/*.parquet')
    group by all having score <> 0
""").fetchall()
profiles = {}
for user, tag, score in rows:
    profiles.setdefault(user, {})[tag] = int(score)
print(json.dumps(profiles))
"#;
    let python = service("RECSYS_TEST_PYTHON");
    let output = Command::new(python)
        .args(["-c", script])
        .arg(segments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let profiles: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(profiles.as_object().unwrap().len(), USERS);
    for (user, profile) in profiles.as_object().unwrap() {
        assert_eq!(process.profile(user), *profile, "{user}");
    }
}
