//! What `/readyz` says of each part, and the status for each that a load balancer may ask about.

use super::fixture::{Engine, Fixture, http_config};
use crate::config::HttpConfig;
use std::time::Duration;

/// Asks about each part, and compares the statuses and the one body.
fn check(fixture: &Fixture, statuses: [u16; 4], body: &str) {
    for (named, status) in ["", "?for=reads", "?for=writes", "?for=sink"].iter().zip(statuses) {
        let reply = fixture.send(&format!("GET /readyz{named}"), "");
        assert_eq!((reply.status, &*without_times(&reply.body)), (status, body), "{named}");
        let retry = (status == 503).then_some("1");
        assert_eq!(reply.header("retry-after"), retry, "{named}");
    }
}

/// The body with `…` in place of the times since when something is waited for.
fn without_times(body: &str) -> String {
    let mut parts = body.split(r#""since":""#);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (time, rest) = part.split_once('"').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        format!(r#"{text}"since":"…"{rest}"#)
    })
}

#[test]
fn each_part_is_told_by_itself() {
    let fixture = Fixture::new();
    let all = r#"{"ready":true,"reads":true,"writes":true,"sink":true,"awaited":[],"waits":[],"reasons":{}}"#;
    check(&fixture, [200; 4], all);

    let latch = fixture.readiness.latch("catch up");
    latch.tell("no broker");
    check(
        &fixture,
        [503, 503, 200, 200],
        r#"{"ready":false,"reads":false,"writes":true,"sink":true,"awaited":["catch up"],"waits":[{"for":"catch up","since":"…","details":"no broker"}],"reasons":{"reads":"the process waits for catch up (no broker)"}}"#,
    );
    drop(latch);

    *fixture.log.unwritable.lock().unwrap() = Some("no broker".into());
    check(
        &fixture,
        [200, 200, 503, 200],
        r#"{"ready":true,"reads":true,"writes":false,"sink":true,"awaited":[],"waits":[],"reasons":{"writes":"no broker"}}"#,
    );
    *fixture.log.unwritable.lock().unwrap() = None;

    let sinks = [0, 1].map(|worker| fixture.metrics.sink.worker(worker).connected);
    sinks[0].set(1);
    check(
        &fixture,
        [200, 200, 200, 503],
        r#"{"ready":true,"reads":true,"writes":true,"sink":false,"awaited":[],"waits":[],"reasons":{"sink":"Redis does not take profiles; they wait"}}"#,
    );
    sinks[1].set(1);
    check(&fixture, [200; 4], all);

    let reply = fixture.send("GET /readyz?for=all", "");
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.body.contains("for is reads or writes or sink"), "{reply:?}");
}

#[test]
fn workers_that_do_not_answer_are_no_reads() {
    let request_timeout = Duration::from_millis(50);
    for (engine, reason) in [
        (Engine::NotStarted, "the workers have not started yet"),
        (Engine::Full, "too many questions wait for the workers"),
        (Engine::Ended, "the workers have ended"),
        (Engine::ByHand, "the workers have not answered yet"),
    ] {
        let http = HttpConfig { request_timeout, ..http_config() };
        let fixture = Fixture::with(engine, http);
        let body = format!(
            r#"{{"ready":true,"reads":false,"writes":true,"sink":true,"awaited":[],"waits":[],"reasons":{{"reads":"{reason}"}}}}"#
        );
        check(&fixture, [200, 503, 200, 200], &body);
    }
}
