//! Connections: kept, pipelined, bounded in number and in patience, and ended in good order.

use super::client::Client;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use std::net::TcpStream;
use std::time::Duration;

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

#[test]
fn one_connection_too_many_is_turned_away() {
    let http = HttpConfig { max_connections: 1, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, http);
    let mut first = fixture.connect();
    first.send("GET /healthz", "");
    assert_eq!(first.receive(false).status, 200);
    let mut second = fixture.connect();
    second.send("GET /healthz", "");
    let reply = second.receive(false);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
    assert!(second.is_closed());
    first.send("GET /healthz", "");
    assert_eq!(first.receive(false).status, 200, "the first one is served on");
}

#[test]
fn clients_that_take_too_long() {
    let patience = Duration::from_millis(50);
    let http = HttpConfig { header_timeout: patience, request_timeout: patience, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, http);
    for (start, expected) in [
        ("GET /healthz HTTP/1.1\r\nHost:", Some(408)),
        (
            "PUT /api/config/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
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
