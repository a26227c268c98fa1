//! The topics that `recsys topics create` makes, and the offsets that lag tools see.

use crate::harness::{
    Process, create_topics, event, eventually, prefix, served, services, succeed,
};
use crate::kafka;
use serde_json::json;

/// Makes the topics of a prefix; returns the exit code, and all that was said.
fn create(prefix: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut program = served(prefix);
    let output = program.args(["topics", "create"]).args(more).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn topics_keep_what_they_hold_and_those_that_differ_are_named() {
    let _services = services();
    let prefix = &*prefix("retention");
    let (views, rows) = (format!("{prefix}view-events"), format!("{prefix}product-catalog"));
    let (merges, letters) = (format!("{prefix}user-merges"), format!("{prefix}dead-letter-events"));
    let forgets = format!("{prefix}user-forgets");
    // As somebody would make them by hand.
    let week = [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("message.timestamp.after.max.ms", "7200000"),
    ];
    assert!(kafka::create(&views, 2, &week));
    assert!(kafka::create(&rows, 4, &[]));
    let (code, said) = create(prefix, &[]);
    assert_eq!(code, Some(1), "{said}");
    for line in [
        format!("{merges}: created, 4 × 3; nothing expires"),
        format!("{forgets}: created, 4 × 3; nothing expires"),
        format!("{letters}: created, 4 × 3; expires as the brokers are set to"),
        format!("{views}: was there already, and is left as it is"),
        format!(
            "recsys: {views} differs: partitions is 2, not 4, retention.ms is 604800000, not -1, \
             retention.bytes is 1000000000, not -1, message.timestamp.after.max.ms is 7200000, \
             not 3600000"
        ),
        format!("recsys: {rows} differs: cleanup.policy is delete, not compact"),
    ] {
        assert!(said.lines().any(|shown| shown == line), "{line} is missing in\n{said}");
    }
    let settings = [
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.after.max.ms", "3600000"),
    ];
    for (setting, value) in settings {
        for topic in [&merges, &forgets] {
            assert_eq!(kafka::setting(topic, setting), (value.into(), true), "{topic} {setting}");
        }
    }
    kafka::delete(&views);
    kafka::delete(&rows);
    eventually("they are gone", || create(prefix, &[]).0 == Some(0));
    let (code, said) = create(prefix, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{views}: was there already, as asked for")), "{said}");
    let (code, said) = create(prefix, &["--replication", "2"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{views} differs: replication is 3, not 2")), "{said}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn records_expire_after_the_days_that_are_asked_for() {
    let _services = services();
    let prefix = &*prefix("expires");
    let views = &*format!("{prefix}view-events");
    let (code, said) = create(prefix, &["--retention-days", "30"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("must be more than views.horizon_days, which is 30"), "{said}");
    let (code, said) = create(prefix, &["--retention-days", "90"]);
    assert_eq!(code, Some(0), "{said}");
    let line = format!("{views}: created, 4 × 3; each record expires after 90 days");
    assert!(said.lines().any(|shown| shown == line), "{said}");
    assert_eq!(kafka::setting(views, "retention.ms"), ("7776000000".into(), true));
    let rows = &*format!("{prefix}product-catalog");
    assert_eq!(kafka::setting(rows, "cleanup.policy").0, "compact");
    let (code, said) = create(prefix, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("retention.ms is 7776000000, not -1"), "{said}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_record_of_next_week_is_refused_by_the_brokers() {
    let _services = services();
    let prefix = &*prefix("ahead");
    create_topics(prefix);
    let views = &*format!("{prefix}view-events");
    let ahead = |minutes: u64| kafka::is_taken(views, std::time::Duration::from_secs(60 * minutes));
    assert!(ahead(30));
    assert!(!ahead(7 * 24 * 60));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn lag_tools_see_the_group_and_a_start_does_not_go_by_it() {
    let _services = services();
    let prefix = &*prefix("group");
    create_topics(prefix);
    let mut program = served(prefix);
    program.env("RECSYS_KAFKA_GROUP", prefix).env("RECSYS_LOG", "warn");
    let process = Process::spawn(program, "2", &[]);
    process.wait_ready();
    process.weigh(1);
    let views: Vec<_> =
        (0..30).map(|user| event("view", &user.to_string(), "cup", &["cups"])).collect();
    process.post(&json!(views));
    // A transaction that is taken back leaves a record that nobody reads, and a marker behind it.
    succeed(prefix, &["check", "kafka"]);
    let topic = format!("{prefix}view-events");
    eventually("the group has no lag", || kafka::lag(prefix, &topic) == Some(0));
    process.kill();
    // A start reads everything again, from the beginning.
    let mut program = served(prefix);
    program.env("RECSYS_KAFKA_GROUP", prefix).env("RECSYS_LOG", "warn");
    let process = Process::spawn(program, "2", &[]);
    process.wait_ready();
    assert_eq!(process.profile("29"), json!({"cups": 1}));
}
