//! `/api/stream`, message by message.

use super::client::Client;
use super::fakes::event;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::event_log::{Partition, Subject};
use crate::source_health::PartitionExtent;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::record::event::{Kind, OwnedEvent};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that has begun.
fn stream(fixture: &Fixture, target: &str) -> Client {
    let mut client = fixture.connect();
    client.send(&format!("GET {target}"), "");
    let head = client.lines_until("");
    assert!(head[0].ends_with("200 OK"), "{head:?}");
    assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
    client
}

/// The data of the next message with a name.
fn next(client: &mut Client, name: &str) -> Value {
    client.lines_until(&format!("event: {name}"));
    let data = client.lines_until("data: ").pop().unwrap();
    serde_json::from_str(&data["data: ".len()..]).unwrap()
}

/// Answers the next question with events, and returns how many were asked for, after which time.
fn answer(fixture: &Fixture, time: u64, events: Vec<OwnedEvent>) -> (usize, Option<u64>) {
    let question = fixture.questions.recv_timeout(PATIENCE).unwrap();
    let [Query::Recent { limit, after }] = question.queries()[..] else {
        panic!("it asks for {:?}", question.queries())
    };
    question.answer(time, vec![QueryAnswer::Recent(events)]);
    (limit, after)
}

#[test]
fn those_who_listen_hear_what_is_new_and_the_rest_is_not_asked_for() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let of = |user: &str, product: &str| OwnedEvent {
        user: user.into(),
        product: product.into(),
        ..event()
    };
    let mut all = stream(&fixture, "/api/stream");
    assert_eq!(answer(&fixture, AS_OF, Vec::new()), (0, None), "what was before is nothing new");
    let newest_first = vec![of("user1", "b"), of("user1", "a")];
    assert_eq!(answer(&fixture, AS_OF + 1, newest_first), (50, Some(AS_OF)));
    let heard = next(&mut all, "events");
    let products: Vec<&Value> = heard.as_array().unwrap().iter().map(|it| &it["product"]).collect();
    assert_eq!(products, ["a", "b"], "the oldest first");

    let mut one = stream(&fixture, "/api/stream?user=user2");
    let asks_for_more = (0..4).any(|_| {
        let found = vec![of("user2", "c"), of("user1", "b")];
        answer(&fixture, AS_OF + 2, found).0 == 1000
    });
    assert!(asks_for_more, "one user's may be few among all");
    assert_eq!(next(&mut one, "events").as_array().unwrap().len(), 1);
    assert_eq!(next(&mut all, "events").as_array().unwrap().len(), 2);

    drop((all, one));
    let asked_on = std::iter::from_fn(|| fixture.questions.recv_timeout(PATIENCE / 10).ok());
    assert!(asked_on.take(9).count() < 9, "while nobody listens, nothing is asked");
    let mut again = stream(&fixture, "/api/stream");
    assert_eq!(answer(&fixture, AS_OF + 9, Vec::new()), (0, None));
    assert_eq!(next(&mut again, "pulse")["asOf"], AS_OF + 9);
}

#[test]
fn a_pulse_tells_what_the_process_does() {
    let fixture = Fixture::new();
    let partition = Partition { topic: "view-events".into(), index: 0 };
    let extent = PartitionExtent { first: 0, position: 3, end: 10 };
    fixture.source_health.measure(&partition, extent);
    let mut client = stream(&fixture, "/api/stream");
    next(&mut client, "pulse");
    let topic = Subject::Event(Kind::AddToCart).topic();
    fixture.metrics.sources.events.with_label_values(&[topic]).inc_by(500);
    fixture.metrics.sink.freshness.observe(0.0042);
    let pulse = next(&mut client, "pulse");
    assert_eq!((&pulse["ready"], &pulse["backlog"]), (&json!(true), &json!(7)), "{pulse}");
    assert_eq!((&pulse["freshnessMs"], &pulse["asOf"]), (&json!(5), &json!(AS_OF)), "{pulse}");
    assert!(pulse["answerAgeMs"].as_i64().unwrap() > 0, "{pulse}");
    let rate = pulse["eventsPerSecond"]["add_to_cart"].as_f64().unwrap();
    assert!((50.0..=1000.0).contains(&rate), "500 in about a second: {pulse}");
    assert_eq!(pulse["eventsPerSecond"]["view"], 0);
    assert!(pulse["time"].as_str().unwrap().ends_with('Z'), "{pulse}");
}

#[test]
fn a_stream_outlives_the_time_that_idle_clients_have_and_ends_with_the_process() {
    let keep_alive = Duration::from_millis(300);
    let mut fixture = Fixture::with(Engine::Scripted, HttpConfig { keep_alive, ..http_config() });
    let mut client = stream(&fixture, "/api/stream");
    for _ in 0..3 {
        next(&mut client, "pulse");
    }
    fixture.stop();
    // The chunk that ends a body.
    client.lines_until("0");
    fixture.join();
}

#[test]
fn more_than_a_hundred_are_told_that_they_are_too_many() {
    let fixture = Fixture::new();
    let mut clients: Vec<Client> = (0..100).map(|_| stream(&fixture, "/api/stream")).collect();
    let refused = fixture.send("GET /api/stream", "");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.contains("100 clients listen already"), "{refused:?}");
    clients.clear();
    // Whoever has gone is noticed at the next message.
    let mut client = fixture.connect();
    let begun = (0..50).any(|_| {
        std::thread::park_timeout(Duration::from_millis(100));
        client = fixture.connect();
        client.send("GET /api/stream", "");
        client.lines_until("HTTP/1.1")[0].contains("200")
    });
    assert!(begun, "there is room again");
}
