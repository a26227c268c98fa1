//! Records that Kafka deletes before they are read, while the engine runs and before it starts.

use crate::harness::{
    Process, create_topics, event, eventually, free_port, prefix, served, services, succeed,
    with_log,
};
use crate::kafka;
use rdkafka::Message;
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An engine, the only one of its topics, that has read the first five of twenty views and stood still while
/// those up to the fifteenth were deleted, but for one that it may have been sent before.
struct Paused {
    process: Process,
    topic: String,
    partition: i32,
}

impl Paused {
    fn resumed(prefix: &str, more: &[&str]) -> Paused {
        create_topics(prefix);
        let process = Process::spawn(with_log(served(prefix)), "2", more);
        process.wait_ready();
        process.weigh(1);
        let topic = format!("{prefix}view-events");
        let view = event("view", "lea", "cup", &["cups"]).to_string();
        let write = |views: usize| {
            for _ in 0..views {
                kafka::write(&topic, "lea", Some(view.as_bytes()));
            }
        };
        write(5);
        process.reads("lea", &json!({"cups": 5}));
        process.signal("STOP");
        // The answer to a request that is under way may have the first of these, and no more.
        write(15);
        let partition = kafka::read(&topic)[0].partition();
        kafka::delete_before(&topic, partition, 15);
        process.signal("CONT");
        Paused { process, topic, partition }
    }

    fn lost(&self) -> Value {
        self.process.get("/api/status")["lost"].clone()
    }

    /// What the status must become to tell; returns where the gap begins.
    fn tells(&self, reads_on: bool) -> i64 {
        eventually("the loss is told", || self.lost() != json!([]));
        let lost = self.lost();
        let from = lost[0]["from"].as_i64().unwrap();
        assert!((5..15).contains(&from), "{lost}");
        let expected = json!([{"topic": self.topic, "partition": self.partition, "when": "running",
            "from": from, "to": 15, "offsets": 15 - from, "readsOn": reads_on}]);
        assert_eq!(lost, expected);
        let counted = self.process.metric("recsys_source_records_lost_total", &[&self.topic]);
        assert_eq!(counted, (15 - from) as f64);
        from
    }

    /// The lines of the log that tell.
    fn lines(mut self, from: i64) {
        let log = self.process.log();
        self.process.kill();
        let log: Vec<_> = log.collect();
        let told = format!(
            "records were deleted before they were read topic={} index={} position={from} first=15 lost={}",
            self.topic,
            self.partition,
            15 - from
        );
        let lines = log.iter().filter(|line| line.contains("ERROR") && line.contains(&told));
        assert_eq!(lines.count(), 1, "{told}: {log:#?}");
    }
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn records_that_are_deleted_before_they_are_read_keep_the_process_from_being_ready() {
    let _services = services();
    let prefix = &*prefix("lost");
    let paused = Paused::resumed(prefix, &[]);
    let from = paused.tells(false);
    let ready = || paused.process.try_call("GET", "/readyz", "").unwrap();
    eventually("it is not ready", || ready().0 == 503);
    let why: Value = serde_json::from_str(&ready().1).unwrap();
    assert_eq!(why["awaited"], json!(["records that are lost"]));
    let details = why["waits"][0]["details"].as_str().unwrap();
    let Paused { topic, partition, .. } = &paused;
    let place =
        format!("{topic}, partition {partition}: {} offsets, from {from} to before 15", 15 - from);
    assert!(details.contains(&place) && details.contains("--accept-loss"), "{details}");
    // What was read is answered, and nothing behind the gap.
    assert_eq!(paused.process.profile("lea"), json!({"cups": from}));
    paused.lines(from);
    // A start reads what there is, and says what is gone.
    let process = Process::ready_with_log(prefix, "2");
    assert_eq!(process.profile("lea"), json!({"cups": 5}));
    let (topic, partition) = (format!("{prefix}view-events"), kafka_partition(prefix));
    let gone = json!([{"topic": topic, "partition": partition, "when": "start", "from": 0, "to": 15,
        "offsets": 15, "readsOn": true}]);
    assert_eq!(process.get("/api/status")["lost"], gone);
    assert_eq!(process.metric("recsys_source_records_lost_total", &[]), 0.0);
    let mut process = process;
    let log = process.log();
    process.kill();
    let told = format!("topic={topic} index={partition} first=15");
    let lines = log.filter(|line| line.contains("records before the first offset are gone"));
    let lines: Vec<_> = lines.collect();
    assert!(matches!(&lines[..], [line] if line.contains(&told)), "{lines:#?}");
}

/// The partition that the views of a prefix are in.
fn kafka_partition(prefix: &str) -> i32 {
    kafka::read(&format!("{prefix}view-events"))[0].partition()
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_one_process_has_lost_keeps_all_from_being_ready() {
    let _services = services();
    let prefix = &*prefix("lost-by-one");
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let start = |process| Process::start(prefix, "1", &["--set", &hosts, "--process", process]);
    let processes = ["0", "1"].map(start);
    processes.iter().for_each(Process::wait_ready);
    processes[0].weigh(1);
    let topic = format!("{prefix}view-events");
    let view = event("view", "lea", "cup", &["cups"]).to_string();
    let writer = kafka::writer(&[]);
    let write = |views: usize| {
        for _ in 0..views {
            let record = BaseRecord::to(&topic).key("lea").payload(view.as_bytes());
            kafka::send(&writer, record);
        }
        kafka::flush(&writer);
    };
    write(5);
    processes[1].reads("lea", &json!({"cups": 5}));
    let partition = kafka_partition(prefix);
    processes.iter().for_each(|process| process.signal("STOP"));
    // An answer that is under way may have the first batch.
    write(1);
    write(14);
    kafka::delete_before(&topic, partition, 15);
    processes.iter().for_each(|process| process.signal("CONT"));
    for process in &processes {
        eventually("none is ready", || process.readiness().1.contains("records that are lost"));
        let (status, why) = process.readiness();
        assert!(
            status == 503 && why.contains(&format!("{topic}, partition {partition}: ")),
            "{why}"
        );
    }
    let lost = |process: &Process| process.get("/api/status")["lost"] != json!([]);
    assert_eq!(processes.iter().filter(|process| lost(process)).count(), 1);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn with_accept_loss_reading_goes_on_behind_what_was_deleted() {
    let _services = services();
    let paused = Paused::resumed(&prefix("accepted"), &["--accept-loss"]);
    let from = paused.tells(true);
    // Those before the gap, and the five behind it.
    paused.process.reads("lea", &json!({"cups": from + 5}));
    paused.process.wait_ready();
    paused.process.post(&json!([event("view", "lea", "cup", &["cups"])]));
    assert_eq!(paused.process.profile("lea"), json!({"cups": from + 6}));
    eventually("no trouble is left", || paused.process.get("/api/status")["troubles"] == json!([]));
    paused.lines(from);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_a_transaction_takes_back_is_no_loss() {
    let _services = services();
    let prefix = &*prefix("no-loss");
    let process = Process::ready(prefix, "2");
    process.weigh(1);
    // Its record is skipped, and so is the marker behind it.
    for _ in 0..3 {
        succeed(prefix, &["check", "kafka"]);
    }
    process.post(&json!([event("view", "mia", "cup", &["cups"])]));
    assert_eq!(process.profile("mia"), json!({"cups": 1}));
    assert_eq!(process.get("/api/status")["lost"], json!([]));
    assert_eq!(process.metric("recsys_source_records_lost_total", &[]), 0.0);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn the_status_says_how_long_the_topics_keep_what_no_checkpoint_has() {
    const DAY: i64 = 86_400;
    let _services = services();
    let prefix = &*prefix("expiring");
    succeed(prefix, &["topics", "create", "--retention-days", "31"]);
    let topic = format!("{prefix}view-events");
    let view = event("view", "lea", "cup", &["cups"]).to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let a_month_ago = i64::try_from(now).unwrap() - 30 * DAY * 1_000;
    let writer = kafka::writer(&[]);
    let record = BaseRecord::to(&topic).key("lea").payload(view.as_bytes());
    kafka::send(&writer, record.timestamp(a_month_ago));
    kafka::flush(&writer);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("checkpoint.url={}", folder.path().display());
    let seldom = ["--set", &url, "--set", "checkpoint.interval_s=3600"];
    let process = Process::spawn(served(prefix), "2", &seldom);
    process.wait_ready();
    let left = || process.get("/api/status")["retention"]["seconds"].as_i64();
    eventually("it was looked at", || left().is_some());
    // It has read the record, but no checkpoint has it.
    assert!((DAY - 300..=DAY).contains(&left().unwrap()), "{:?}", left());
    let status = process.get("/api/status");
    assert_eq!(status["retention"]["topic"], topic);
    assert!(process.metric("recsys_retention_left_seconds", &[&topic]) <= DAY as f64);
    let others =
        process.metric("recsys_retention_left_seconds", &[&format!("{prefix}user-merges")]);
    assert_eq!(others, (31 * DAY) as f64);
    // Of each product a row is kept.
    let catalogue = format!(r#"recsys_retention_left_seconds{{topic="{prefix}product-catalog"}}"#);
    assert!(!process.scrape().contains(&catalogue));
    process.call("POST", "/api/admin/checkpoint", "");
    eventually("it was looked at again", || left() == Some(31 * DAY));
}
