//! Services that want a login or TLS: used with the right ones, and told of by what they refuse.

use crate::harness::{
    PlainRedis, Process, alone, event, eventually, service, services, told, with_log,
};
use crate::secure::{Secure, said};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Waits until both `/readyz` and `/api/status` tell why Redis takes nothing.
fn sink_fails(process: &Process, expected: &str) {
    let contains = |value: &Value| value.as_str().unwrap_or_default().contains(expected);
    eventually(expected, || {
        contains(&told(process, "/readyz")["reasons"]["sink"])
            && contains(&told(process, "/api/status")["services"]["redis"])
    });
}

fn on_redis(folder: &Path, url: &str) -> Process {
    let mut program = alone(folder);
    program.env("RECSYS_REDIS_URL", url).env("RECSYS_REDIS_LEASE_MS", "1000");
    let mut program = with_log(program);
    program.env("RECSYS_LOG", "recsys::sinks=info");
    let process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    process
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn a_redis_that_refuses_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let redis = PlainRedis::start(folder.path());
    let address = format!("127.0.0.1:{}", redis.port);
    // From the start.
    let process = on_redis(folder.path(), &format!("rediss://{address}"));
    sink_fails(&process, &format!("Redis speaks no TLS at {address}"));
    process.kill();
    redis.want("", "secret");
    for (login, expected) in [
        ("", "Redis wants a password, and redis.url has none (NOAUTH)"),
        (":wrong@", "Redis refuses the user or the password of redis.url (WRONGPASS)"),
        ("nobody:secret@", "Redis refuses the user or the password of redis.url (WRONGPASS)"),
    ] {
        for database in ["", "/1"] {
            let process = on_redis(folder.path(), &format!("redis://{login}{address}{database}"));
            process.post(&json!([event("view", "ann", "cup", &["a", "b", "c", "d", "e", "f"])]));
            sink_fails(&process, expected);
            process.kill();
        }
    }
    // Later, for somebody who was let in.
    let mut process = on_redis(folder.path(), &format!("redis://:secret@{address}"));
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    eventually("connected", || process.metric("recsys_sink_connected", &[]) == 1.0);
    redis.want(":secret@", "another");
    sink_fails(&process, "(WRONGPASS)");
    eventually("three tries", || {
        process.metric("recsys_sink_errors_total", &["error=\"WRONGPASS\""]) >= 3.0
    });
    redis.want(":another@", "secret");
    eventually("it is back", || process.metric("recsys_sink_connected", &[]) == 1.0);
    assert_eq!(told(&process, "/api/status")["services"], json!({}));
    process.signal("TERM");
    let log: Vec<String> = process.log().filter(|line| line.contains("Redis")).collect();
    assert!(process.wait().success());
    let refusals = log.iter().filter(|line| line.contains("WRONGPASS")).count();
    assert_eq!(refusals, 1, "{log:#?}");
    assert!(log.last().unwrap().contains("Redis is back"), "{log:#?}");
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn services_with_logins_and_tls_are_used_and_their_refusals_are_told() {
    let secure = Secure::start(&["kafka", "redis", "zookeeper"]);
    let folder = tempfile::tempdir().unwrap();
    let right = || secure.program(folder.path());
    let (done, output) = said(right(), &["topics", "create", "--replication", "1"]);
    assert!(done, "{output}");
    let (done, output) = said(right(), &["check", "all"]);
    assert!(done, "{output}");
    let process = Process::spawn(right(), "2", &[]);
    process.wait_ready();
    process.weigh(1);
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    assert_eq!(process.profile("ann"), json!({"cups": 1}));
    eventually("it is in Redis", || told(&process, "/readyz")["sink"] == true);
    assert_eq!(told(&process, "/api/status")["services"], json!({}));
    process.kill();

    let plain = format!("redis://:recsys-secret@127.0.0.1:{}", secure.ports.redis);
    let without = format!("rediss://127.0.0.1:{}", secure.ports.redis);
    for (service, variable, value, expected) in [
        ("redis", "RECSYS_REDIS_URL", &*plain, "Redis speaks TLS at 127.0.0.1"),
        ("redis", "RECSYS_REDIS_URL", &*without, "Redis wants a password"),
        ("redis", "RECSYS_REDIS_CA_FILE", "", "TLS with Redis fails: "),
        (
            "kafka",
            "RECSYS_KAFKA_PROPERTIES_SASL_PASSWORD",
            "wrong",
            "Kafka refuses the login (sasl.username, sasl.password, sasl.mechanism)",
        ),
        (
            "kafka",
            "RECSYS_KAFKA_PROPERTIES_SECURITY_PROTOCOL",
            "sasl_plaintext",
            "Kafka speaks TLS there (security.protocol)",
        ),
        ("kafka", "RECSYS_KAFKA_PROPERTIES_SSL_CA_LOCATION", "", "TLS with Kafka fails (ssl.*)"),
        (
            "zookeeper",
            "RECSYS_ZOOKEEPER_AUTH",
            "recsys:wrong",
            "ZooKeeper's access rights (ACL) refuse it to the login of zookeeper.auth",
        ),
    ] {
        let wrong = |mut program: Command| {
            match value {
                "" => program.env_remove(variable),
                value => program.env(variable, value),
            };
            if service == "zookeeper" {
                // By the right one it would be let in whatever its login.
                program.env("RECSYS_ZOOKEEPER_CERT_FILE", secure.file("server.pem"));
                program.env("RECSYS_ZOOKEEPER_KEY_FILE", secure.file("server.key"));
            }
            if value == plain {
                // Certificates would be refused beside it.
                program.env_remove("RECSYS_REDIS_CA_FILE");
            }
            program
        };
        let mut program = with_log(wrong(right()));
        program.env("RECSYS_FILES_DIR", folder.path().join("other"));
        let mut process = Process::spawn(program, "1", &[]);
        eventually(expected, || {
            let (ready, status) = (told(&process, "/readyz"), told(&process, "/api/status"));
            let name = if service == "zookeeper" { "settings" } else { service };
            let shown = status["services"][name].as_str().unwrap_or_default().contains(expected);
            // Settings that were read before stay in force.
            shown && (name == "settings" || ready.to_string().contains(expected))
        });
        process.signal("TERM");
        let log: Vec<String> = process.log().collect();
        process.wait();
        assert!(log.iter().any(|line| line.contains(expected)), "{expected}: {log:#?}");
        let (done, output) = said(wrong(right()), &["check", service]);
        assert!(!done && output.contains(expected), "{expected}: {output}");
    }
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn tls_for_a_plain_broker_is_told() {
    let _services = services();
    let folder = tempfile::tempdir().unwrap();
    let mut program = alone(folder.path());
    program
        .env("RECSYS_KAFKA_BROKERS", service("RECSYS_TEST_KAFKA"))
        .env("RECSYS_KAFKA_PROPERTIES_SECURITY_PROTOCOL", "ssl")
        .env("RECSYS_LOG", "off");
    let process = Process::spawn(program, "1", &[]);
    eventually("it is told", || {
        let told = told(&process, "/readyz").to_string();
        told.contains("Kafka speaks no TLS there (security.protocol)")
    });
}
