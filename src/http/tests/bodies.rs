//! Bodies: decoded, each within its limit, and all within one budget.

use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use dataflows::questions::query::QueryAnswer;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::mpsc;

const EVENT: &str = r#"{"eventType":"view","userId":"user1","product":"product1"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_body_may_be_compressed_with_gzip_and_with_nothing_else() {
    let max_body_bytes = 4096;
    let fixture = Fixture::with(
        Engine::Scripted,
        HttpConfig { max_body_bytes, body_budget_bytes: max_body_bytes, ..http_config() },
    );
    let whole = gzip(EVENT.as_bytes());
    let (first, second) = EVENT.split_at(20);
    let two_parts = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let with_more = [whole.as_slice(), b"more"].concat();
    let padded = |length: usize| format!("{EVENT}{}", " ".repeat(length - EVENT.len()));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() > max_body_bytes, "it is refused for what it is sent as");
    let small_bomb = gzip(&vec![b' '; 2 << 20]);
    assert!(small_bomb.len() < max_body_bytes, "it is refused for what it decodes to");
    let stored = [
        ("gzip", whole.clone()),
        ("x-gzip", whole.clone()),
        ("GZIP", whole.clone()),
        ("identity", EVENT.into()),
        ("", EVENT.into()),
        ("gzip", two_parts),
        ("gzip", gzip(padded(max_body_bytes).as_bytes())),
    ];
    for (index, (encoding, body)) in stored.into_iter().enumerate() {
        let request = format!("POST /api/user-behavior\nContent-Encoding: {encoding}");
        let reply = fixture.send(&request, body);
        assert_eq!(reply.status, 201, "{encoding:?}: {reply:?}");
        let events = fixture.log.events.lock().unwrap();
        assert_eq!(events.len(), index + 1);
        assert_eq!(events[index].json.trim_ascii(), EVENT.as_bytes(), "{encoding:?}");
    }
    let refused = [
        ("br", whole.clone(), 415),
        ("deflate", whole.clone(), 415),
        ("gzip, gzip", gzip(&whole), 415),
        ("gzip\nContent-Encoding: gzip", gzip(&whole), 415),
        ("gzip", EVENT.into(), 400),
        ("gzip", whole[..whole.len() - 1].to_vec(), 400),
        ("gzip", with_more, 400),
        ("gzip", Vec::new(), 400),
        ("identity", whole.clone(), 400),
        ("gzip", bomb, 413),
        ("gzip", small_bomb, 413),
        ("gzip", gzip(padded(max_body_bytes + 1).as_bytes()), 413),
    ];
    for (encoding, body, status) in refused {
        let request = format!("POST /api/user-behavior\nContent-Encoding: {encoding}");
        let reply = fixture.send(&request, body);
        assert_eq!(reply.status, status, "{encoding:?}: {reply:?}");
        let accepted = (status == 415).then_some("gzip");
        assert_eq!(reply.header("accept-encoding"), accepted, "{encoding:?}");
    }
    let reply = fixture.send("POST /api/user-behavior", padded(max_body_bytes));
    assert_eq!(reply.status, 201, "what the others took of the budget is given back: {reply:?}");
}

#[test]
fn a_batch_is_answered_with_the_last_position_of_each_partition() {
    let fixture = Fixture::new();
    let batch = format!("[{}]", vec![EVENT; 15_000].join(","));
    let reply = fixture.send("POST /api/user-behavior", batch);
    let last = r#"{"topic":"view-events","partition":0,"offset":15006}"#;
    let expected = format!(r#"{{"stored":15000,"positions":[{last}]}}"#);
    assert_eq!((reply.status, reply.body), (201, expected));
}

#[test]
fn slow_bodies_share_one_budget() {
    const CLIENTS: usize = 20;
    let max_body_bytes = 64 << 10;
    let fixture = Fixture::with(
        Engine::Scripted,
        HttpConfig {
            max_body_bytes,
            body_budget_bytes: 2 * max_body_bytes,
            // So that the bodies grow one at a time.
            threads: 1,
            ..http_config()
        },
    );
    let (told, replies) = mpsc::channel();
    let mut rests = Vec::new();
    for index in 0..CLIENTS {
        let mut client = fixture.connect();
        let body = "x".repeat(max_body_bytes - 1);
        let head = format!(
            "PUT /api/config/custom/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {max_body_bytes}\r\n"
        );
        client.send_raw(format!("{head}\r\n{body}"));
        rests.push(Some(client.another()));
        let told = told.clone();
        std::thread::spawn(move || told.send((index, client.receive(false))));
    }
    // Two bodies take the whole budget; of the others none is awaited any longer.
    for (index, reply) in replies.iter().take(CLIENTS - 2) {
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
        rests[index] = None;
    }
    for mut rest in rests.into_iter().flatten() {
        rest.send_raw("x");
    }
    for (_, reply) in replies.iter().take(2) {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let reply = fixture.send("PUT /api/config/custom/x", "x".repeat(max_body_bytes));
    assert_eq!(reply.status, 200, "all of the budget is free again: {reply:?}");
}

#[test]
fn a_body_counts_until_its_events_are_stored_and_answered() {
    let padded = |length: usize| format!("{EVENT}{}", " ".repeat(length - EVENT.len()));
    let limits = HttpConfig { max_body_bytes: 2048, body_budget_bytes: 2048, ..http_config() };
    let fixture = Fixture::with(Engine::ByHand, limits);
    let mut first = fixture.connect();
    first.send("POST /api/user-behavior?wait=visible", padded(2000));
    let asked = fixture.questions.recv().unwrap();
    let refused = fixture.send("POST /api/user-behavior", padded(100));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused:?}");
    asked.answer(AS_OF, vec![QueryAnswer::Position(0, 8)]);
    assert_eq!(first.receive(false).status, 201);
    assert_eq!(fixture.send("POST /api/user-behavior", padded(2000)).status, 201);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_body() {
    let fixture = Fixture::new();
    for (request, body, status) in [
        ("POST /api/user-behavior", EVENT, 201),
        ("POST /api/user-behavior", &*format!("[{EVENT}]"), 201),
        ("POST /api/users/user1/merge", r#"{"from":"g"}"#, 201),
        ("POST /api/users/user1/forget", "", 201),
        ("POST /api/users/user1/forget", "{}", 201),
        ("POST /api/user-profiles", r#"{"userIds":["user1"]}"#, 200),
        ("POST /api/session/recommendations", r#"{"products":["p"]}"#, 200),
        ("POST /api/recommendation/weights", r#"{"view":1,"add_to_cart":3,"purchase":5}"#, 200),
        ("PUT /api/config/recommendation/blend", "{}", 200),
    ] {
        let reply = fixture.send(request, format!("\u{feff}{body}"));
        assert_eq!(reply.status, status, "{request}: {reply:?}");
    }
    let events = fixture.log.events.lock().unwrap();
    assert!(events.iter().all(|event| event.json.starts_with(b"{")), "{events:?}");
    drop(events);
    // A node that no setting owns is whatever was sent.
    fixture.send("PUT /api/config/custom/a", "\u{feff}x");
    assert_eq!(fixture.store.nodes.lock().unwrap()["/config/custom/a"], "\u{feff}x".as_bytes());
}

#[test]
fn a_body_that_is_refused_is_taken_so_that_the_answer_is_seen() {
    let max_body_bytes = 1 << 20;
    let fixture = Fixture::with(
        Engine::Scripted,
        HttpConfig { max_body_bytes, body_budget_bytes: max_body_bytes, ..http_config() },
    );
    // More than the sockets' buffers hold.
    for factor in [2, 4] {
        let body = vec![b' '; factor * max_body_bytes];
        assert_eq!(fixture.send("POST /api/user-behavior", body).status, 413, "{factor}");
    }
}
