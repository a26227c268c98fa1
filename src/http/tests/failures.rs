//! What a client sees when something is wrong: with its request, or behind the front.

use super::fakes::Fate;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::event_log::LogError;
use crate::settings::StoreError;
use crate::settings::status::{NodeStatus, Stored};
use dataflows::questions::query::Query;
use dataflows::questions::query::QueryAnswer;
use dataflows::score::model::Model;
use serde_json::json;
use std::time::Duration;

const EVENT: &str = r#"{"eventType":"view","userId":"user1","product":"product1"}"#;

/// Sends a request and checks that the answer is an error, with its status and a header line.
fn check(fixture: &Fixture, request: &str, body: &str, status: u16, header: &str) {
    let reply = fixture.send(request, body);
    assert_eq!(reply.status, status, "{request}: {reply:?}");
    let has = header.is_empty() || reply.headers.iter().any(|line| line == header);
    assert!(has, "{request}: {header} is missing in {reply:?}");
    let error: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert!(error["error"].is_string() && error["details"].is_string(), "{request}: {reply:?}");
}

#[test]
fn requests_that_nothing_serves() {
    let http = HttpConfig { max_body_bytes: 100, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, http);
    let large = "x".repeat(101);
    let chunked = format!("65\r\n{large}\r\n0\r\n\r\n");
    for (request, body, status, header) in [
        ("GET /nothing", "", 404, ""),
        ("GET /api/user-profile", "", 404, ""),
        ("DELETE /api/user-profile/user1", "", 405, "allow: GET, HEAD, OPTIONS"),
        ("GET /api/user-profiles", "", 405, "allow: POST, OPTIONS"),
        ("PATCH /api/config/a", "", 405, "allow: GET, HEAD, PUT, POST, DELETE, OPTIONS"),
        ("PUT /api/config/custom/a", &*large, 413, ""),
        ("PUT /api/config/custom/a\nTransfer-Encoding: chunked\nX-Ignore: 1", "", 413, ""),
    ] {
        let mut client = fixture.connect();
        client.send(request, body);
        if request.contains("chunked") {
            client.send_raw(&chunked);
        }
        let reply = client.receive(false);
        assert_eq!(reply.status, status, "{request}: {reply:?}");
        let has = header.is_empty() || reply.headers.iter().any(|line| line == header);
        assert!(has, "{request}: {header} is missing in {reply:?}");
        assert!(reply.body.starts_with(r#"{"error":""#), "{request}: {reply:?}");
    }
}

#[test]
fn workers_that_have_no_time_or_have_ended() {
    for (engine, refused) in [(Engine::Full, 1), (Engine::Ended, 0)] {
        let fixture = Fixture::with(engine, http_config());
        check(&fixture, "GET /api/user-profile/user1", "", 503, "retry-after: 1");
        assert_eq!(fixture.metrics.engine.questions_refused.get(), refused);
        let status = fixture.send("GET /api/status", "");
        assert!(status.body.contains(r#""asOf":null"#), "{status:?}");
    }
}

#[test]
fn workers_that_take_too_long() {
    let request_timeout = Duration::from_millis(50);
    let http = HttpConfig { request_timeout, ..http_config() };
    let fixture = Fixture::with(Engine::ByHand, http);
    check(&fixture, "GET /api/user-profile/user1", "", 504, "");
    check(&fixture, "POST /api/user-behavior?wait=visible", EVENT, 504, "");
    assert_eq!(fixture.log.events.lock().unwrap().len(), 1, "it is stored all the same");
}

#[test]
fn services_behind_that_fail() {
    let fixture = Fixture::new();
    for (status, error) in [
        (503, LogError::Unavailable("no broker".into())),
        (502, LogError::Refused("too large".into())),
        (504, LogError::Unknown("not in time".into())),
    ] {
        fixture.log.fates.lock().unwrap().insert(0, Fate::Fails(error));
        check(&fixture, "POST /api/user-behavior", EVENT, status, "");
    }
    for (status, error) in [
        (503, StoreError::Unavailable("no session".into())),
        (502, StoreError::Refused("no permission".into())),
        (400, StoreError::BadPath { path: "/config/a".into(), rule: "not this one" }),
    ] {
        *fixture.store.failure.lock().unwrap() = Some(error);
        check(&fixture, "PUT /api/config/custom/a", "value", status, "");
    }
}

#[test]
fn a_batch_of_which_a_part_is_stored_is_answered_with_what_became_of_the_rest() {
    let request_timeout = Duration::from_millis(100);
    let fixture = Fixture::with(Engine::Scripted, HttpConfig { request_timeout, ..http_config() });
    let batch = format!("[{EVENT},{EVENT},{EVENT},{EVENT}]");
    let refused = || Fate::Fails(LogError::Refused("too large".into()));
    let away = || Fate::Fails(LogError::Unavailable("no broker".into()));
    for (fates, status, stored, failed) in [
        (vec![], 201, 4, json!(null)),
        (vec![(1, refused())], 207, 3, json!([["refused", [1]]])),
        (
            vec![(0, away()), (3, Fate::Silent), (2, away())],
            207,
            1,
            json!([["unavailable", [0, 2]], ["unknown", [3]]]),
        ),
    ] {
        fixture.log.fates.lock().unwrap().extend(fates);
        let reply = fixture.send("POST /api/user-behavior", &batch);
        let told: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let groups = told["failed"].as_array().map(|groups| {
            groups.iter().map(|group| json!([group["outcome"], group["events"]])).collect()
        });
        assert_eq!(
            (reply.status, &told["stored"], groups.unwrap_or(json!(null))),
            (status, &json!(stored), failed),
            "{reply:?}"
        );
    }
    // Nothing is stored, and all failed alike.
    for (fate, status) in [(away as fn() -> Fate, 503), (refused, 502), (|| Fate::Silent, 504)] {
        fixture.log.fates.lock().unwrap().extend((0..4).map(|index| (index, fate())));
        let reply = fixture.send("POST /api/user-behavior", &batch);
        let told = r#""stored":"unknown","events":[0,1,2,3]}"#;
        assert_eq!(
            (reply.status, reply.body.ends_with(told)),
            (status, status == 504),
            "{reply:?}"
        );
    }
}

#[test]
fn a_part_that_is_stored_is_told_of_though_it_is_not_visible_in_time() {
    let request_timeout = Duration::from_millis(100);
    let http = HttpConfig { request_timeout, ..http_config() };
    for (engine, has_time) in [(Engine::ByHand, false), (Engine::Scripted, true)] {
        let fixture = Fixture::with(engine, http.clone());
        let refused = Fate::Fails(LogError::Refused("too large".into()));
        fixture.log.fates.lock().unwrap().insert(1, refused);
        let batch = format!("[{EVENT},{EVENT}]");
        let reply = fixture.send("POST /api/user-behavior?wait=visible", batch);
        assert_eq!((reply.status, reply.header("x-as-of").is_some()), (207, has_time), "{reply:?}");
        assert!(reply.body.contains(r#""outcome":"refused""#), "{reply:?}");
    }
}

/// What is read of the dataflow, with a body.
const READS: [(&str, &str); 12] = [
    ("GET /api/user-profile/user1", ""),
    ("POST /api/user-profiles", r#"{"userIds":["user1"]}"#),
    ("GET /api/user-activity/user1", ""),
    ("GET /api/recommendations/user1", ""),
    ("POST /api/session/recommendations", r#"{"products":["p"]}"#),
    ("GET /api/products/p/similar", ""),
    ("GET /api/trending", ""),
    ("POST /api/lab/recommendations", r#"{"user":"user1"}"#),
    ("POST /api/lab/profile", r#"{"user":"user1"}"#),
    ("GET /api/user-behavior", ""),
    ("GET /api/quality", ""),
    ("GET /api/ranking/weights", ""),
];

#[test]
fn without_a_model_nothing_is_answered_and_the_reason_is_told() {
    let fixture = Fixture::without_model(Engine::Scripted, http_config());
    let reason = "/config/recommendation/weights cannot be read";
    let (stored, unknown) = (Stored::Unreachable("away".into()), Some(reason.into()));
    fixture.nodes.set("weights", NodeStatus { stored, unknown });
    let _latch = fixture.readiness.latch("weights");
    let settings =
        [("GET /api/recommendation/weights", ""), ("GET /api/config/recommendation/blend", "")];
    for (request, body) in READS.into_iter().chain(settings) {
        check(&fixture, request, body, 503, "retry-after: 1");
        assert!(fixture.send(request, body).body.contains(reason), "{request}");
    }
    for named in ["", "?for=reads", "?for=sink"] {
        let ready = fixture.send(&format!("GET /readyz{named}"), "");
        let told: serde_json::Value = serde_json::from_str(&ready.body).unwrap();
        let why = format!("nothing is answered, or written, without good settings: {reason}");
        assert_eq!((ready.status, &told["awaited"]), (503, &json!(["weights"])), "{named}");
        assert_eq!(told["reasons"], json!({"reads": why, "sink": why}), "{named}");
    }
    let status = fixture.send("GET /api/status", "").body;
    let weights = r#""weights":null,"blend":null,"rules":null,"ranking":null,"stored":{"weights":"unreachable: away""#;
    assert!(status.contains(weights), "{status}");
    assert!(fixture.send("GET /metrics", "").body.contains("recsys_model_known 0"));
    // What needs no model works.
    let reply = fixture.send("POST /api/user-behavior?wait=visible", EVENT);
    assert_eq!(reply.status, 201, "{reply:?}");

    fixture.in_force.set(AS_OF, Model::default());
    for (request, body) in READS.into_iter().chain(settings) {
        assert_eq!(fixture.send(request, body).status, 200, "{request}");
    }
    assert!(fixture.send("GET /metrics", "").body.contains("recsys_model_known 1"));
}

#[test]
fn an_answer_as_of_a_time_before_the_first_model_is_none() {
    let fixture = Fixture::without_model(Engine::Scripted, http_config());
    fixture.in_force.set(AS_OF + 1, Model::default());
    for (request, body) in READS {
        check(&fixture, request, body, 503, "retry-after: 1");
    }
}

#[test]
fn events_are_answered_once_all_are_visible() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let mut client = fixture.connect();
    client.send("POST /api/user-behavior?wait=visible", format!("[{EVENT},{EVENT}]"));
    // They lie at the offsets 7 and 8 of one partition: all are in once the next offset is 9.
    for (round, next) in (0..).zip([0, 8, 9]) {
        let asked = fixture.questions.recv().unwrap();
        assert!(matches!(&*asked.queries(), [Query::Position { .. }]));
        asked.answer(AS_OF + round, vec![QueryAnswer::Position(0, next)]);
    }
    let reply = client.receive(false);
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("x-as-of"), Some(&*(AS_OF + 2).to_string()));
}

#[test]
fn names_that_lead_here_from_elsewhere() {
    let hosts = vec!["engine".into()];
    let fixture = Fixture::with(Engine::Scripted, HttpConfig { hosts, ..http_config() });
    for (method, path, host, origin, status) in [
        ("GET", "/metrics", "engine:8080", "", 200),
        ("GET", "/metrics", "10.0.0.1:8080", "", 200),
        ("GET", "/metrics", "[::1]:8080", "", 200),
        ("GET", "/metrics", "evil:8080", "", 421),
        ("GET", "/healthz", "evil:8080", "", 421),
        ("GET", "/nothing", "evil:8080", "", 421),
        ("OPTIONS", "/api/user-behavior", "evil:8080", "http://evil:8080", 421),
        ("POST", "/api/recommendation/weights", "evil:8080", "http://evil:8080", 421),
        ("POST", "/api/recommendation/weights", "engine:8080", "http://evil:8080", 403),
        ("POST", "/api/recommendation/weights", "engine:8080", "http://engine:8080", 400),
    ] {
        let mut client = fixture.connect();
        let origin = if origin.is_empty() { "" } else { &format!("Origin: {origin}\r\n") };
        client.send_raw(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n"));
        let reply = client.receive(false);
        assert_eq!(reply.status, status, "{method} {path} {host} {origin}: {reply:?}");
    }
    for (head, status) in [
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400),
    ] {
        let mut client = fixture.connect();
        client.send_raw(head);
        assert_eq!(client.receive(false).status, status, "{head}");
    }
}

#[test]
fn pages_of_other_origins() {
    let listed = HttpConfig { cors_origins: vec!["https://shop.example".into()], ..http_config() };
    let (open, listed) = (Fixture::new(), Fixture::with(Engine::Scripted, listed));
    const SHOP: &str = "Origin: https://shop.example";
    const OWN: &str = "Origin: http://127.0.0.1";
    const READ: &str = "GET /api/trending";
    const WRITE: &str = "PUT /api/config/custom/a";
    for (fixture, request, header, status, allowed) in [
        (&open, READ, SHOP, 200, Some("*")),
        (&open, READ, "X-None: 1", 200, None),
        (&open, WRITE, SHOP, 403, None),
        (&open, WRITE, "Origin: null", 403, None),
        (&open, WRITE, OWN, 200, None),
        (&open, WRITE, "X-None: 1", 200, None),
        (&open, "GET /nothing", SHOP, 404, Some("*")),
        (&listed, READ, SHOP, 200, Some("https://shop.example")),
        (&listed, READ, "Origin: https://other.example", 200, None),
        (&listed, WRITE, SHOP, 200, Some("https://shop.example")),
        (&listed, WRITE, "Origin: https://other.example", 403, None),
    ] {
        let body = if request == WRITE { "value" } else { "" };
        let reply = fixture.send(&format!("{request}\n{header}"), body);
        let answer = (reply.status, reply.header("access-control-allow-origin"));
        assert_eq!(answer, (status, allowed), "{request} {header}");
    }
    for (fixture, path, planned, allowed) in [
        (&open, "/api/trending", "GET", Some("*")),
        (&open, "/api/user-profiles", "POST", Some("*")),
        (&open, "/api/lab/profile", "POST", Some("*")),
        (&open, "/api/user-behavior", "POST", None),
        (&open, "/api/trending", "PUT", None),
        (&listed, "/api/user-behavior", "POST", Some("https://shop.example")),
    ] {
        let planned = format!("Access-Control-Request-Method: {planned}");
        let reply = fixture.send(&format!("OPTIONS {path}\n{SHOP}\n{planned}"), "");
        let answer = (reply.status, reply.header("access-control-allow-origin"));
        assert_eq!(answer, (204, allowed), "{path} {planned}");
        assert!(reply.header("allow").is_some());
    }
}

#[test]
fn pages_may_send_what_traces_and_repeats_requests() {
    let more = HttpConfig { cors_headers: vec!["x-shop".into()], ..http_config() };
    let usual = "content-type, authorization, if-match, idempotency-key, traceparent, tracestate, x-request-id";
    for (http, allowed) in [(http_config(), usual.to_owned()), (more, format!("{usual}, x-shop"))] {
        let fixture = Fixture::with(Engine::Scripted, http);
        let request = "OPTIONS /api/trending\nOrigin: https://shop.example
                       Access-Control-Request-Method: GET
                       Access-Control-Request-Headers: traceparent";
        let reply = fixture.send(request, "");
        assert_eq!(reply.header("access-control-allow-headers"), Some(&*allowed), "{reply:?}");
    }
}

#[test]
fn answers_about_a_person_are_stored_by_nobody() {
    let fixture = Fixture::new();
    let event = r#"{"eventType":"view","userId":"user1","product":"product1"}"#;
    for (request, body, expected) in [
        ("GET /api/user-profile/user1", "", true),
        ("HEAD /api/user-profile/user1", "", true),
        ("GET /api/user-profile/%FF", "", true),
        ("POST /api/user-profiles", r#"{"userIds":["user1"]}"#, true),
        ("GET /api/user-activity/user1", "", true),
        ("GET /api/recommendations/user1", "", true),
        ("POST /api/session/recommendations", r#"{"products":["user1"]}"#, true),
        ("POST /api/lab/recommendations", r#"{"user":"user1"}"#, true),
        ("POST /api/lab/profile", r#"{"user":"user1"}"#, true),
        ("GET /api/user-behavior", "", true),
        ("POST /api/user-behavior", event, true),
        ("POST /api/users/user1/merge", r#"{"from":"guest"}"#, true),
        ("POST /api/users/user1/forget", "", true),
        ("GET /api/trending", "", false),
        ("GET /api/products/user1/similar", "", false),
        ("GET /openapi.json", "", false),
    ] {
        let reply = fixture.send(request, body);
        assert_eq!(reply.header("cache-control"), expected.then_some("no-store"), "{request}");
    }
}
