//! Topics and topic files that are others than the ones that were read: the process ends, and says why,
//! rather than count what they still hold twice.

use crate::harness::{
    Process, alone, create_topics, event, eventually, free_port, prefix, served, services, with_log,
};
use crate::kafka;
use rdkafka::Message;
use serde_json::json;

/// Waits for a process's end, which must be a failure that one line of its log tells, with these parts.
fn fails_with(process: &mut Process, parts: &[&str]) {
    eventually("it ends", || process.has_ended());
    assert_eq!(process.wait().code(), Some(1));
    let log: Vec<_> = process.log().collect();
    let told = log.iter().filter(|line| parts.iter().all(|part| line.contains(part)));
    assert_eq!(told.count(), 1, "{parts:?}: {log:#?}");
}

#[test]
fn a_topic_file_that_was_truncated_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::spawn(with_log(alone(folder.path())), "2", &[]);
    process.wait_ready();
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    let file = folder.path().join("data/view-events.jsonl");
    let read = std::fs::metadata(&file).unwrap().len();
    let held = read - 1;
    std::fs::File::options().write(true).open(&file).unwrap().set_len(held).unwrap();
    let reason = format!("it was truncated: {read} bytes were read, and it has {held}");
    fails_with(&mut process, &["view-events.jsonl", &reason]);
}

#[test]
fn nothing_is_said_to_be_visible_that_is_stored_in_place_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    let view = json!([event("view", "ann", "cup", &["cups"])]);
    process.post(&view);
    let file = folder.path().join("data/view-events.jsonl");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let path = "/api/user-behavior?wait=visible";
    let (status, told) = process.try_call("POST", path, &view.to_string()).unwrap();
    assert!(status == 503 && told.contains("was removed"), "{status} {told}");
    assert_eq!(process.try_call("GET", "/readyz?for=writes", "").unwrap().0, 503);
    assert!(!file.exists(), "nothing is stored where nobody reads");
    std::fs::rename(&away, &file).unwrap();
    process.post(&view);
    assert_eq!(process.profile("ann"), json!({"cups": 2}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_topic_that_begins_anew_ends_the_process() {
    let _services = services();
    let prefix = &*prefix("anew");
    let mut process = Process::ready_with_log(prefix, "2");
    process.weigh(1);
    let topic = &*format!("{prefix}view-events");
    let view = event("view", "ivy", "cup", &["cups"]).to_string();
    for _ in 0..5 {
        kafka::write(topic, "ivy", Some(view.as_bytes()));
    }
    process.reads("ivy", &json!({"cups": 5}));
    let partitions = kafka::partitions(&kafka::writer(&[]), topic);
    kafka::delete(topic);
    eventually("the topic is made again", || kafka::create(topic, partitions, &[]));
    // At once, so that the offset to be read next is there again.
    for _ in 0..10 {
        kafka::write(topic, "ivy", Some(view.as_bytes()));
    }
    eventually("it ends", || process.has_ended());
    assert_eq!(process.wait().code(), Some(1));
    let log: Vec<_> = process.log().collect();
    let reasons = ["was deleted and made anew", "offset 5 was to be read next"];
    let is_reason =
        |line: &&String| line.contains(topic) && reasons.iter().any(|reason| line.contains(reason));
    assert_eq!(log.iter().filter(is_reason).count(), 1, "{log:#?}");
    assert_eq!(Process::ready(prefix, "2").profile("ivy"), json!({"cups": 10}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_topic_whose_first_records_were_deleted_is_read_from_where_it_begins() {
    let _services = services();
    let prefix = &*prefix("deleted");
    let process = Process::ready(prefix, "2");
    process.weigh(1);
    let topic = &*format!("{prefix}view-events");
    let view = event("view", "kim", "cup", &["cups"]).to_string();
    for _ in 0..5 {
        kafka::write(topic, "kim", Some(view.as_bytes()));
    }
    process.reads("kim", &json!({"cups": 5}));
    kafka::delete_before(topic, kafka::read(topic)[0].partition(), 3);
    // What was read stays until the process starts again.
    process.post(&json!([event("view", "kim", "cup", &["cups"])]));
    assert_eq!(process.profile("kim"), json!({"cups": 6}));
    drop(process);
    let process = Process::ready(prefix, "2");
    assert_eq!(process.profile("kim"), json!({"cups": 3}));
}

/// A shop with checkpoints whose engine has read five views, and ended.
struct Away {
    prefix: String,
    topic: String,
    folder: tempfile::TempDir,
}

impl Away {
    fn new(test: &str) -> Away {
        let (prefix, folder) = (prefix(test), tempfile::tempdir().unwrap());
        let topic = format!("{prefix}view-events");
        create_topics(&prefix);
        let away = Away { prefix, topic, folder };
        let process = away.start(&[]);
        process.wait_ready();
        process.weigh(1);
        away.write(5);
        process.reads("ivy", &json!({"cups": 5}));
        Away::stop(process);
        away
    }

    fn start(&self, more: &[&str]) -> Process {
        self.start_with("2", more)
    }

    fn start_with(&self, workers: &str, more: &[&str]) -> Process {
        let mut program = with_log(served(&self.prefix));
        program.env("RECSYS_CHECKPOINT_URL", self.folder.path());
        Process::spawn(program, workers, more)
    }

    fn stop(mut process: Process) {
        process.signal("TERM");
        assert!(process.wait().success());
    }

    fn write(&self, views: usize) {
        let view = event("view", "ivy", "cup", &["cups"]).to_string();
        for _ in 0..views {
            kafka::write(&self.topic, "ivy", Some(view.as_bytes()));
        }
    }

    /// Has another topic take the place of the one that was read.
    fn replace_topic(&self) {
        let partitions = kafka::partitions(&kafka::writer(&[]), &self.topic);
        kafka::delete(&self.topic);
        let create = || kafka::create(&self.topic, partitions, &[]);
        eventually("the topic is made again", create);
    }

    /// The partition that the views of the user are in.
    fn partition(&self) -> i32 {
        kafka::read(&self.topic)[0].partition()
    }
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_topic_that_was_made_anew_while_the_engine_was_away_is_not_taken_for_the_one_before() {
    let _services = services();
    let away = Away::new("anew-away");
    away.replace_topic();
    // More than were read: the offset that is to be read next is there.
    away.write(8);
    let mut process = away.start(&[]);
    eventually("it is not ready", || process.readiness().1.contains("records that are lost"));
    let partition = json!(away.partition());
    let of_user = || process.lost().into_iter().find(|lost| lost["partition"] == partition);
    eventually("the loss is told", || of_user().is_some());
    let told = of_user().unwrap();
    assert_eq!((&told["from"], &told["readsOn"]), (&json!(5), &json!(false)), "{told}");
    let ids: Vec<_> = told["topicIds"].as_array().unwrap().iter().collect();
    assert!(matches!(ids[..], [was, is] if was != is), "{told}");
    let [was, is] = [ids[0], ids[1]].map(|id| id.as_str().unwrap());
    let why = format!("all from offset 5 on of the topic with the id {was}");
    eventually("the place is told", || process.readiness().1.contains(&why));
    assert_eq!(process.readiness().0, 503);
    // What was read stays, also in the checkpoint that it ends with.
    process.signal("TERM");
    assert!(process.wait().success());
    let log: Vec<_> = process.log().collect();
    let of_user = format!("index={partition} position=5 was=\"{was}\" is=\"{is}\"");
    assert_eq!(log.iter().filter(|line| line.contains(&of_user)).count(), 1, "{log:#?}");
    let process = away.start(&[]);
    eventually("it is refused again", || process.readiness().1.contains(&why));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn with_accept_loss_a_topic_that_was_made_anew_is_read_from_its_first_record() {
    let _services = services();
    let away = Away::new("anew-accepted");
    away.replace_topic();
    away.write(3);
    let process = away.start(&["--accept-loss"]);
    process.wait_ready();
    process.reads("ivy", &json!({"cups": 8}));
    let status = process.get("/api/status");
    let lost = status["lost"].as_array().unwrap();
    assert!(!lost.is_empty() && lost.iter().all(|lost| lost["readsOn"] == json!(true)), "{lost:?}");
    process.post(&json!([event("view", "ivy", "cup", &["cups"])]));
    assert_eq!(process.profile("ivy"), json!({"cups": 9}));
    Away::stop(process);
    // From here on it is the topic that was read, from where it was read to.
    away.write(1);
    let process = away.start(&[]);
    process.wait_ready();
    assert_eq!(process.get("/api/status")["lost"], json!([]));
    assert_eq!(process.profile("ivy"), json!({"cups": 10}));
    Away::stop(process);
    // A topic that has nothing takes the positions off as well.
    away.replace_topic();
    let process = away.start(&["--accept-loss"]);
    process.wait_ready();
    Away::stop(process);
    away.write(2);
    let process = away.start(&[]);
    process.wait_ready();
    assert_eq!(process.profile("ivy"), json!({"cups": 12}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn all_processes_hear_of_a_topic_that_was_made_anew() {
    let _services = services();
    let away = Away::new("anew-several");
    away.replace_topic();
    away.write(8);
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let start = |more: &[&str]| {
        ["0", "1"].map(|process| {
            away.start_with("1", &[&["--set", &hosts, "--process", process], more].concat())
        })
    };
    let processes = start(&[]);
    for process in &processes {
        eventually("none is ready", || process.readiness().1.contains("records that are lost"));
        assert_eq!(process.readiness().0, 503);
    }
    // Whoever reads a partition tells of it: each one once.
    let all = || processes.iter().flat_map(Process::lost);
    let of_user = || all().filter(|lost| lost["partition"] == json!(away.partition()));
    eventually("one tells of the partition", || of_user().count() == 1);
    processes.iter().for_each(|process| process.signal("TERM"));
    for mut process in processes {
        assert!(process.wait().success());
    }
    let processes = start(&["--accept-loss"]);
    processes.iter().for_each(Process::wait_ready);
    for process in &processes {
        process.reads("ivy", &json!({"cups": 13}));
    }
}
