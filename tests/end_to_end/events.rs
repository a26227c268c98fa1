//! From records in Kafka to profiles, recommendations and dead letters.

use crate::harness::{
    Process, create_topics, event, eventually, prefix, redis_hash, script, services,
};
use crate::kafka;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use rdkafka::producer::{BaseRecord, Producer};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn events_of_all_topics_become_profiles_and_recommendations() {
    let _services = services();
    let process = Process::ready(&prefix("topics"), "2");
    process.weigh(1);
    process.post(&json!([
        event("view", "ann", "lamp", &["light", "home"]),
        event("add_to_cart", "ann", "desk", &["home"]),
        event("purchase", "ann", "chair", &["home"]),
        event("view", "bob", "bulb", &["light"]),
        event("view", "bob", "rug", &["home"]),
    ]));
    process.settles("ann", &json!({"home": 9, "light": 1}));
    assert_eq!(process.profile("nobody"), json!({}));
    let shown = process.get("/api/recommendations/ann?n=50");
    let ids: Vec<_> = shown.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"rug") && ids.contains(&"bulb"), "{ids:?}");
    assert!(!ids.contains(&"chair"), "what has been bought is not shown: {ids:?}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn an_event_that_comes_again_counts_once_before_and_after_a_restart() {
    let _services = services();
    let topics = prefix("copies");
    let process = Process::ready(&topics, "2");
    process.weigh(1);
    let view = |who: &str, id: &str| json!({"eventType": "view", who: "eva", "product": "cup", "tags": ["cups"], "eventId": id});
    process.post(&json!([view("userId", "e1"), view("userId", "e1"), view("userId", "e2")]));
    process.post(&json!([view("userId", "e1")]));
    // Under another key, and so most likely in another partition.
    for key in ["a", "b", "c"] {
        let copy = view("userId", "e2").to_string();
        kafka::write(&format!("{topics}view-events"), key, Some(copy.as_bytes()));
    }
    let guest = json!({"eventType": "view", "sessionId": "s7", "product": "cup", "tags": ["cups"],
        "eventId": "e1"});
    process.post(&json!([guest, guest]));
    let copies = |process: &Process| process.metric("recsys_event_copies_total", &[]);
    eventually("the copies are dropped", || copies(&process) == 6.0);
    assert_eq!(process.profile("eva"), json!({"cups": 2}));
    assert_eq!(process.profile("s7"), json!({"cups": 1}));
    eventually("what is held is measured", || {
        process.metric("recsys_held_records", &["name=\"event_ids\""]) == 3.0
    });
    let metrics = process.scrape();
    for name in ["intake", "merges", "sink"] {
        assert!(metrics.contains(&format!("recsys_held_bytes{{name=\"{name}\"")), "{metrics}");
    }
    process.kill();
    let process = Process::ready(&topics, "1");
    assert_eq!(process.profile("eva"), json!({"cups": 2}));
    assert_eq!(process.profile("s7"), json!({"cups": 1}));
    eventually("they are dropped again", || copies(&process) == 6.0);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_catalogue_that_comes_late_and_is_corrected_re_tags_history() {
    let _services = services();
    let process = Process::ready(&prefix("catalogue"), "2");
    process.weigh(1);
    process.post(&json!([
        {"eventType": "view", "userId": "cat", "product": "sofa"},
        {"eventType": "view", "userId": "cat", "product": "sofa"},
        {"eventType": "view", "userId": "cat", "product": "vase", "category": "Decor"},
    ]));
    process.settles("cat", &json!({"sofa": 2, "Decor": 1}));
    let catalogue = prefix("catalogue") + "product-catalog";
    let row = |product: &str, tags: &[&str]| {
        let row = json!({"id": product, "name": "n", "category": "c", "tags": tags, "price": 9.5});
        kafka::write(&catalogue, product, Some(row.to_string().as_bytes()));
    };
    row("sofa", &["seats", "home"]);
    process.settles("cat", &json!({"home": 2, "seats": 2, "Decor": 1}));
    row("sofa", &["home", "lounge"]);
    row("vase", &["glass"]);
    process.settles("cat", &json!({"home": 2, "lounge": 2, "glass": 1}));
    kafka::write(&catalogue, "sofa", None);
    process.settles("cat", &json!({"sofa": 2, "glass": 1}));
}

fn header<'a>(letter: &'a OwnedMessage, key: &str) -> &'a str {
    let header = letter.headers().unwrap().iter().find(|header| header.key == key);
    std::str::from_utf8(header.unwrap().value.unwrap()).unwrap()
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_is_no_event_becomes_a_dead_letter_that_tells_where_it_came_from() {
    let _services = services();
    let process = Process::ready(&prefix("letters"), "1");
    let cases = [
        ("view-events", "Hello Kafka", "not_json"),
        ("purchase-events", r#"{"product":"p"}"#, "no_user"),
        ("product-catalog", "[]", "not_object"),
    ];
    for (topic, value, _) in cases {
        kafka::write(&(prefix("letters") + topic), "key", Some(value.as_bytes()));
    }
    for (topic, value, reason) in cases {
        let topic = prefix("letters") + topic;
        let mut letter = None;
        eventually(value, || {
            let letters = kafka::read(&(prefix("letters") + "dead-letter-events"));
            letter = letters.into_iter().find(|l| l.payload() == Some(value.as_bytes()));
            letter.is_some()
        });
        let letter = letter.unwrap();
        assert_eq!(letter.key(), Some(&b"key"[..]));
        assert_eq!(header(&letter, "reason"), reason, "{value}");
        assert_eq!(header(&letter, "source_topic"), topic);
        // It is really there.
        let place = |record: &OwnedMessage| (record.partition(), record.offset());
        let told = ["source_partition", "source_offset"].map(|key| header(&letter, key));
        let told = (told[0].parse().unwrap(), told[1].parse().unwrap());
        let records = kafka::read(&topic);
        let source = records.iter().find(|record| place(record) == told).expect("a record");
        assert_eq!(source.payload(), letter.payload());
        let labels = [format!("topic=\"{topic}\""), format!("reason=\"{reason}\"")];
        let counted = process.metric("recsys_dead_letters_total", &labels.each_ref().map(|l| &**l));
        assert_eq!(counted, 1.0, "{labels:?}");
    }
    process.post(&json!([event("view", "fay", "toy", &["games"])]));
    assert!(process.profile("fay")["games"].is_number(), "nothing stops");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_dead_letter_is_written_once() {
    let _services = services();
    let prefix = prefix("once");
    let letters = || kafka::read(&format!("{prefix}dead-letter-events"));
    let views = format!("{prefix}view-events");
    let topics = ["view-events", "product-catalog", "user-merges"];
    create_topics(&prefix);
    let write = |value: &str| {
        for topic in topics {
            kafka::write(&format!("{prefix}{topic}"), "key", Some(value.as_bytes()));
        }
    };
    // Each start reads everything from the beginning.
    for (start, workers) in ["1", "2", "1"].into_iter().enumerate() {
        write(&format!("no JSON at start {start}"));
        let process = Process::ready(&prefix, workers);
        assert_eq!(process.metric("recsys_dead_letters_total", &[&*views]), (start + 1) as f64);
        eventually("all are written", || letters().len() >= topics.len() * (start + 1));
        process.kill();
    }
    let written: BTreeSet<_> = letters().iter().map(place_of_its_record).collect();
    assert_eq!((written.len(), letters().len()), (9, 9));
    // A topic that is made anew has other records at these offsets.
    kafka::delete(&views);
    eventually("the topic is made", || kafka::create(&views, 4, &[]));
    for value in 0..3 {
        let value = format!("no JSON either: {value}");
        kafka::write(&views, "key", Some(value.as_bytes()));
    }
    let _process = Process::ready(&prefix, "2");
    eventually("those are written", || letters().len() >= 12);
    assert_eq!(letters().len(), 12);
}

/// Where the record of a letter is.
fn place_of_its_record(letter: &OwnedMessage) -> [String; 3] {
    ["source_topic", "source_partition", "source_offset"].map(|key| header(letter, key).to_owned())
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_the_brokers_compress_is_read() {
    let _services = services();
    let prefix = prefix("compresses");
    let writer = kafka::writer(&[("compression.type", "none"), ("linger.ms", "200")]);
    let topic = &*format!("{prefix}view-events");
    assert!(kafka::create(topic, 4, &[("compression.type", "zstd")]));
    let value = event("view", "zoe", "thing", &["tag"]).to_string();
    for _ in 0..500 {
        kafka::send(&writer, BaseRecord::to(topic).key("zoe").payload(value.as_bytes()));
    }
    kafka::flush(&writer);
    let process = Process::ready(&prefix, "2");
    process.weigh(1);
    process.reads("zoe", &json!({"tag": 500}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn partitions_that_are_added_are_read() {
    let _services = services();
    let process = Process::ready(&prefix("grows"), "2");
    process.weigh(1);
    process.post(&json!([event("view", "gil", "old", &["tag"])]));
    let topic = &*(prefix("grows") + "view-events");
    script(&["kafka-topics", "--alter", "--topic", topic, "--partitions", "7"]);
    let writer = kafka::writer(&[]);
    eventually("the writer knows them", || kafka::partitions(&writer, topic) == 7);
    let value = event("view", "gil", "new", &["tag"]).to_string();
    for partition in 0..7 {
        let record = BaseRecord::to(topic).partition(partition).key("gil");
        kafka::send(&writer, record.payload(value.as_bytes()));
    }
    kafka::flush(&writer);
    process.settles("gil", &json!({"tag": 8}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn transactions_count_when_they_are_committed_and_once() {
    let _services = services();
    let process = Process::ready(&prefix("commits"), "2");
    process.weigh(1);
    let writer = kafka::writer(&[("transactional.id", "shop")]);
    writer.init_transactions(kafka::PATIENCE).unwrap();
    let topic = &*(prefix("commits") + "view-events");
    let transact = |tag: &str, events: usize, commit: bool| {
        writer.begin_transaction().unwrap();
        let value = event("view", "tim", "thing", &[tag]).to_string();
        for _ in 0..events {
            let record = BaseRecord::to(topic).key("tim");
            kafka::send(&writer, record.payload(value.as_bytes()));
        }
        kafka::flush(&writer);
        if commit {
            writer.commit_transaction(kafka::PATIENCE).unwrap();
        } else {
            writer.abort_transaction(kafka::PATIENCE).unwrap();
        }
    };
    transact("kept", 10, true);
    transact("taken back", 20, false);
    transact("kept", 5, true);
    transact("taken back", 1, false);
    process.settles("tim", &json!({"kept": 15}));
    // Behind the gaps of aborted records and markers, positions still tell what is visible.
    process.post(&json!([event("view", "tim", "thing", &["kept"])]));
    let expected = json!({"kept": 16});
    assert_eq!(process.profile("tim"), expected);
    drop(process);
    let again = Process::ready(&prefix("commits"), "1");
    assert_eq!(again.profile("tim"), expected, "read again from the start");
    assert_eq!(redis_hash("tim"), Some(json!({"kept": "16"})));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn behind_the_marker_of_a_transaction_nothing_is_left_to_read() {
    let _services = services();
    let process = Process::ready(&prefix("markers"), "2");
    process.weigh(1);
    let writer = kafka::writer(&[("transactional.id", "markers")]);
    writer.init_transactions(kafka::PATIENCE).unwrap();
    let topic = &*(prefix("markers") + "view-events");
    let partitions = kafka::partitions(&writer, topic);
    let value = event("view", "tom", "thing", &["kept"]).to_string();
    writer.begin_transaction().unwrap();
    for partition in 0..partitions {
        let partition = i32::try_from(partition).unwrap();
        let record = BaseRecord::to(topic).partition(partition).key("tom");
        kafka::send(&writer, record.payload(value.as_bytes()));
    }
    kafka::flush(&writer);
    writer.commit_transaction(kafka::PATIENCE).unwrap();
    let expected = json!({"kept": partitions});
    process.settles("tom", &expected);
    let topic = format!("topic=\"{topic}\"");
    let is_read = |process: &Process| process.metric("recsys_source_lag", &[&topic]) == 0.0;
    eventually("it is read", || is_read(&process));
    drop(process);
    // Each partition ends in a marker, which is no record. The process has caught up nevertheless.
    let again = Process::ready(&prefix("markers"), "2");
    assert_eq!(again.profile("tom"), expected);
    eventually("it is read again", || is_read(&again));
}
