//! Connections: kept, pipelined, bounded in number and in patience, and ended in good order.

use super::client::Client;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_connection_is_kept_and_takes_requests_ahead() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    let users = ["user1", "nobody", "user1"];
    for user in users {
        client.send(&format!("GET /api/user-profile/{user}"), "");
    }
    let bodies = users.map(|_| client.receive(false).body);
    assert_eq!(bodies, [r#"{"electronics":9,"audio":1.5}"#, "{}", bodies[0].as_str()]);
    client.send_raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea");
    assert_eq!(client.receive(false).status, 200, "half of a next request holds nothing back");
    client.send_raw("lthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(client.receive(false).status, 200);
    assert!(client.is_closed());
}

#[test]
fn head_is_get_without_the_body() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("HEAD /api/user-profile/user1", "");
    let head = client.receive(true);
    client.send("GET /api/user-profile/user1", "");
    let get = client.receive(false);
    assert_eq!(head.status, 200);
    for name in ["content-length", "content-type", "x-as-of"] {
        assert!(head.header(name).is_some(), "{name} is missing in {head:?}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

/// A request that any client may make.
const ASK: &str = "GET /api/trending";

#[test]
fn connections_are_bounded_in_all_and_by_address() {
    for (most, per_address, address, details) in [
        (2, 9, "127.0.0.2", "too many connections are open"),
        (9, 2, "127.0.0.1", "too many connections from this address are open"),
    ] {
        let http = HttpConfig {
            max_connections: most,
            max_connections_per_address: per_address,
            ..http_config()
        };
        let fixture = Fixture::with(Engine::Scripted, http);
        let mut kept = [fixture.connect(), fixture.connect()];
        for client in &mut kept {
            client.send(ASK, "");
            assert_eq!(client.receive(false).status, 200);
        }
        let mut client = Client::from(address, fixture.address);
        client.send(ASK, "");
        let reply = client.receive(false);
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
        assert!(reply.body.contains(details), "{reply:?}");
        assert!(client.is_closed());
        for (path, body) in [
            ("/healthz", r#"{"status":"ok"}"#),
            ("/readyz", r#"{"ready":true"#),
            ("/metrics", "# HELP"),
        ] {
            let mut client = Client::from(address, fixture.address);
            client.send(&format!("GET {path}"), "");
            let reply = client.receive(false);
            assert_eq!(reply.status, 200, "{path} has slots of its own: {reply:?}");
            assert!(reply.body.starts_with(body), "{path}: {reply:?}");
            assert!(client.is_closed());
        }
        assert_eq!(fixture.metrics.http.connections_refused.get(), 4);
        for client in &mut kept {
            client.send(ASK, "");
            assert_eq!(client.receive(false).status, 200, "those that are kept are served on");
        }
        if per_address < most {
            let mut other = Client::from("127.0.0.2", fixture.address);
            other.send(ASK, "");
            assert_eq!(other.receive(false).status, 200, "other addresses have their own share");
        }
    }
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let write_timeout = Duration::from_millis(50);
    let http = HttpConfig { write_timeout, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, http);
    let mut client = fixture.connect();
    let error = client.flood();
    let cut = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind());
    assert!(cut, "the server waits for it: {error}");
}

#[test]
fn a_shutdown_does_not_wait_for_clients_that_neither_read_nor_write() {
    let mut fixture = Fixture::new();
    let mut deaf = fixture.connect();
    deaf.patience(Duration::from_millis(200));
    let error = deaf.flood();
    let waits = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
    assert!(waits, "the server does not wait for it: {error}");
    let (mut half_a_head, mut half_a_body) = (fixture.connect(), fixture.connect());
    half_a_head.send_raw("GET /healthz HTTP/1.1\r\nHost:");
    half_a_body
        .send_raw("PUT /api/config/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
    let begun = Instant::now();
    fixture.stop();
    fixture.join();
    let took = begun.elapsed();
    assert!(took < http_config().header_timeout, "it took {took:?}");
}

#[test]
fn clients_that_take_too_long() {
    let patience = Duration::from_millis(50);
    let http = HttpConfig {
        keep_alive: patience,
        header_timeout: patience,
        request_timeout: patience,
        ..http_config()
    };
    let fixture = Fixture::with(Engine::Scripted, http);
    for (start, expected) in [
        ("GET /healthz HTTP/1.1\r\nHost:", Some(408)),
        (
            "PUT /api/config/custom/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
            Some(408),
        ),
        ("GET /healthz HTTP/1.1\r\nno header\r\n\r\n", Some(400)),
        ("", None),
    ] {
        let mut client = fixture.connect();
        client.send_raw(start);
        match expected {
            Some(status) => assert_eq!(client.receive(false).status, status, "{start:?}"),
            None => assert!(client.is_closed(), "an idle connection is closed in silence"),
        }
    }
}

#[test]
fn a_head_has_its_time_from_its_first_byte() {
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
    let keeps = HttpConfig { keep_alive: long, header_timeout: short, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, keeps);
    let mut client = fixture.connect();
    let quiet = short * 4;
    for answered in ["a new connection is idle", "one that was answered is idle"] {
        client.patience(quiet);
        assert!(client.is_silent(), "{answered}");
        client.patience(long);
        client.send("GET /healthz", "");
        assert_eq!(client.receive(false).status, 200, "{answered}");
    }
    client.send_raw(
        "POST /api/user-profiles HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\n{",
    );
    client.patience(quiet);
    assert!(client.is_silent(), "a body is no part of the head");
    client.patience(long);
    client.send_raw("\"userIds\":[]}");
    assert_eq!(client.receive(false).status, 200);
    client.send_raw("GET /healthz HTTP/1.1\r\n");
    assert_eq!(client.receive(false).status, 408);
}

#[test]
fn heads_that_are_not_read_are_answered_with_a_body() {
    let full = HttpConfig { max_connections: 0, ..http_config() };
    let host = "Host: localhost\r\n";
    let (target, value) = ("t".repeat(1 << 17), "v".repeat(1 << 17));
    for (head, status, error) in [
        ("no request\r\n\r\n".into(), 400, "bad request"),
        ("GET /healthz HTTP/1.1\r\nno header\r\n\r\n".into(), 400, "bad request"),
        ("GET /healthz HTTP/3.0\r\n\r\n".into(), 400, "bad request"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505, "bad request"),
        (format!("GET /{target} HTTP/1.1\r\n{host}\r\n"), 414, "the request's target is too long"),
        (
            format!("GET /healthz HTTP/1.1\r\n{host}x: {value}\r\n\r\n"),
            431,
            "the request's head is too large",
        ),
        (
            format!("GET /healthz HTTP/1.1\r\n{host}{}\r\n", "x: y\r\n".repeat(100)),
            431,
            "the request's head is too large",
        ),
    ] {
        let start = &head[..head.len().min(40)];
        let fixtures = [Fixture::new(), Fixture::with(Engine::Scripted, full.clone())];
        for (fixture, before) in fixtures.iter().zip([2, 0]) {
            let mut client = fixture.connect();
            let good = "GET /api/user-profile/user1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
            client.send_raw([&good.repeat(before), &*head].concat());
            for _ in 0..before {
                let reply = client.receive(false);
                assert_eq!((reply.status, &*reply.body), (200, r#"{"electronics":9,"audio":1.5}"#));
            }
            let reply = client.receive(false);
            assert_eq!(reply.status, status, "{start}: {reply:?}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{start}");
            let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
            assert_eq!(body["error"], error, "{start}: {reply:?}");
            assert!(body["details"].is_string(), "{start}: {reply:?}");
            assert!(client.is_closed(), "{start}");
        }
    }
}

#[test]
fn no_answer_is_taken_for_one_to_a_broken_head() {
    let fixture = Fixture::new();
    let value = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let path = "/api/config/custom/answer";
    let mut client = fixture.connect();
    let head = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    // The leave to send a body, of the first request as of a later one.
    for _ in 0..2 {
        let expect = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", value.len());
        client.send_raw(head(&format!("PUT {path}"), &expect));
        assert_eq!(client.receive(false).status, 100);
        client.send_raw(value);
        assert_eq!(client.receive(false).status, 200);
    }
    // A body that looks like such an answer, answers without a body, and other protocols that are offered.
    let upgrade =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let requests = [
        (head(&format!("GET {path}"), ""), 200),
        (head(&format!("HEAD {path}"), ""), 200),
        (head(&format!("GET {path}"), upgrade), 200),
        (head("OPTIONS /api/trending", ""), 204),
        (head("OPTIONS *", ""), 404),
        (head(&format!("GET {path}"), ""), 200),
    ];
    let broken = "GET / HTTP/1.1\r\nno header\r\n\r\n";
    client.send_raw(requests.iter().map(|(request, _)| &**request).collect::<String>() + broken);
    for (request, status) in &requests {
        let reply = client.receive(request.starts_with("HEAD"));
        assert_eq!(reply.status, *status, "{request}: {reply:?}");
        assert!(!request.starts_with("GET") || reply.body == value, "{request}: {reply:?}");
    }
    let last = client.receive(false);
    assert_eq!(last.status, 400);
    assert!(last.body.contains("the head of the request is not HTTP/1.1"), "{last:?}");
    assert!(client.is_closed());
}

#[test]
fn answers_that_wait_for_their_client_arrive_whole() {
    let fixture = Fixture::new();
    let value = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".repeat(20_000);
    let path = "/api/config/custom/answer";
    assert_eq!(fixture.send(&format!("PUT {path}"), &value).status, 200);
    const ASKED: usize = 30;
    let mut client = fixture.connect();
    let mut another = client.another();
    // More than the sockets' buffers hold, and no answer is read before all is asked.
    client.send_raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(ASKED));
    for index in 0..ASKED {
        let reply = another.receive(false);
        assert_eq!(reply.status, 200, "{index}");
        assert!(reply.body == value, "{index}: {} bytes", reply.body.len());
    }
}

#[test]
fn an_idle_connection_ends_after_an_answer_that_took_its_time() {
    let keep_alive = Duration::from_millis(50);
    let http = HttpConfig { keep_alive, ..http_config() };
    let fixture = Fixture::with(Engine::ByHand, http);
    let mut client = fixture.connect();
    client.send("GET /api/user-profile/user1", "");
    let asked = fixture.questions.recv().unwrap();
    client.patience(keep_alive * 4);
    assert!(client.is_silent(), "a connection whose request is under way is not idle");
    client.patience(Duration::from_secs(20));
    asked.answer(AS_OF, vec![]);
    assert_eq!(client.receive(false).status, 200);
    assert!(client.is_closed());
}

#[test]
fn a_shutdown_finishes_the_requests_in_flight() {
    let mut fixture = Fixture::with(Engine::ByHand, http_config());
    let (mut busy, mut idle) = (fixture.connect(), fixture.connect());
    idle.send("GET /healthz", "");
    assert_eq!(idle.receive(false).status, 200);
    busy.send("GET /api/user-profile/user1", "");
    let asked = fixture.questions.recv().unwrap();
    fixture.stop();
    assert!(idle.is_closed(), "idle connections are closed at once");
    asked.answer(AS_OF, vec![]);
    let reply = busy.receive(false);
    assert_eq!((reply.status, &*reply.body), (200, "{}"));
    assert!(busy.is_closed());
    fixture.join();
    assert!(TcpStream::connect(fixture.address).is_err(), "nobody listens any more");
}

#[test]
fn a_shutdown_is_bounded() {
    let request_timeout = Duration::from_millis(50);
    let http = HttpConfig { request_timeout, ..http_config() };
    let mut fixture = Fixture::with(Engine::ByHand, http);
    let mut client: Client = fixture.connect();
    client.send("GET /api/user-profile/user1", "");
    let asked = fixture.questions.recv().unwrap();
    fixture.stop();
    fixture.join();
    drop(asked);
}
