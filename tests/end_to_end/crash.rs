//! The engine is killed while it works, and started again.

use crate::harness::{Process, event, eventually, prefix, redis, services};
use crate::kafka;
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const USERS: usize = 200;
const EVENTS: usize = 60_000;

/// The i-th event: its topic, kind and weight, its user, and its tag. Every user meets every kind
/// with every tag.
fn nth(i: usize) -> ((&'static str, &'static str, i64), String, String) {
    let kinds = [
        ("view-events", "view", 1),
        ("add-to-cart-events", "add_to_cart", 3),
        ("purchase-events", "purchase", 5),
    ];
    let (user, round) = (i % USERS, i / USERS);
    (kinds[round % 3], format!("kim{user}"), format!("tag{}", round / 3 % 13))
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn killed_under_load_and_started_again_it_holds_what_was_sent() {
    let _services = services();
    let process = Process::ready(&prefix("crash"), "2");
    process.weigh(1);
    let mut expected: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let writer = kafka::writer(&[]);
    let mut send = |range: std::ops::Range<usize>| {
        for i in range {
            let ((topic, kind, weight), user, tag) = nth(i);
            let value = event(kind, &user, "thing", &[&tag]).to_string();
            let topic = prefix("crash") + topic;
            kafka::send(&writer, BaseRecord::to(&topic).key(&*user).payload(value.as_bytes()));
            *expected.entry(user).or_default().entry(tag).or_default() += weight;
        }
    };
    send(0..EVENTS / 2);
    let written = || process.metric("recsys_sink_fields_total", &[]);
    eventually("it is in the midst of it", || written() > 0.0);
    process.kill();
    send(EVENTS / 2..EVENTS);
    kafka::flush(&writer);
    // On another number of workers, to whom the users fall differently.
    let process = Process::ready(&prefix("crash"), "3");
    let users: Vec<String> = expected.keys().cloned().collect();
    assert_eq!(process.profiles(&users), json!(expected));
    let texts = |scores: &BTreeMap<String, i64>| {
        Value::from_iter(scores.iter().map(|(tag, score)| (tag.clone(), score.to_string())))
    };
    let expected: Vec<Value> = expected.values().map(texts).collect();
    eventually("Redis holds it all", || {
        let mut pipeline = redis::pipe();
        for user in &users {
            pipeline.cmd("HGETALL").arg(format!("user:profile:{user}"));
        }
        let held: Vec<BTreeMap<String, String>> = pipeline.query(&mut redis().unwrap()).unwrap();
        held.iter().map(|fields| json!(fields)).eq(expected.iter().cloned())
    });
}
