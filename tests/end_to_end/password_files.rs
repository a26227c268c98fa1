//! Passwords in files: a shop changes them while the engine runs.

use crate::harness::{PlainRedis, Process, alone, event, eventually, told, with_log};
use crate::secure::{Secure, said};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use zookeeper::{Acl, Permission, TlsOptions};

/// Changes a file as Kubernetes changes a secret: by another in its place.
fn replace(path: &Path, text: &str) {
    let other = path.with_extension("new");
    std::fs::write(&other, text).unwrap();
    std::fs::rename(other, path).unwrap();
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn a_start_without_a_password_in_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let redis = PlainRedis::start(folder.path());
    redis.want("", "secret");
    let check = |password: Option<&str>| {
        let path = folder.path().join("password");
        match password {
            Some(password) => std::fs::write(&path, password).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let mut program = alone(folder.path());
        program.env("RECSYS_REDIS_URL", redis.url()).env("RECSYS_REDIS_PASSWORD_FILE", path);
        said(program, &["check", "redis"])
    };
    for (password, does, expected) in [
        (Some("secret"), true, "Hello Redis"),
        (Some("secret\n"), true, "Hello Redis"),
        (Some("secret\n\n"), false, "of redis.url and redis.password_file (WRONGPASS)"),
        (Some("\n"), false, "redis.password_file"),
        (None, false, "redis.password_file"),
    ] {
        let (done, output) = check(password);
        assert!(done == does && output.contains(expected), "{password:?}: {output}");
    }
}

/// The program with each password in a file of a folder.
fn program(secure: &Secure, folder: &Path) -> Command {
    let mut program = secure.program(folder);
    let url = format!("rediss://127.0.0.1:{}", secure.ports.redis);
    program
        .env_remove("RECSYS_KAFKA_PROPERTIES_SASL_PASSWORD")
        .env("RECSYS_KAFKA_PROPERTIES_SASL_PASSWORD_FILE", folder.join("kafka"))
        .env("RECSYS_REDIS_URL", url)
        .env("RECSYS_REDIS_PASSWORD_FILE", folder.join("redis"))
        .env("RECSYS_REDIS_LEASE_MS", "2000")
        .env_remove("RECSYS_ZOOKEEPER_AUTH")
        .env("RECSYS_ZOOKEEPER_AUTH_FILE", folder.join("zookeeper"));
    program
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn changed_passwords_are_used_without_a_restart() {
    let secure = Secure::start(&["kafka", "redis", "zookeeper"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    replace(&file("kafka"), "recsys-secret\n");
    replace(&file("redis"), "recsys-secret\n");
    replace(&file("zookeeper"), "recsys:recsys-secret\n");
    let (done, output) =
        said(program(&secure, folder.path()), &["topics", "create", "--replication", "1"]);
    assert!(done, "{output}");
    let mut process = Process::spawn(with_log(program(&secure, folder.path())), "2", &[]);
    process.wait_ready();
    process.weigh(1);
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    let cups = |password: &str| -> Option<String> {
        let mut connection = secure.redis(secure.ports.redis, password).ok()?;
        redis::cmd("HGET").arg("user:profile:ann").arg("cups").query(&mut connection).ok()
    };
    eventually("it is in Redis", || cups("recsys-secret").as_deref() == Some("1"));

    // The shop changes what the services want, and then the files.
    secure.script_with("another", &["restart", "kafka", "redis"]);
    eventually("both are told", || {
        let services = told(&process, "/api/status")["services"].to_string();
        services.contains("redis.password_file (WRONGPASS)")
            && services.contains("Kafka refuses the login")
    });
    replace(&file("redis"), "another");
    replace(&file("kafka"), "another\n");
    eventually("both are back", || told(&process, "/api/status")["services"] == json!({}));
    eventually("events are taken", || {
        let events = json!([event("view", "ann", "cup", &["cups"])]).to_string();
        let answer = process.try_call("POST", "/api/user-behavior?wait=visible", &events);
        answer.is_some_and(|(status, _)| status == 202 || status == 201 || status == 200)
    });
    let score = process.profile("ann")["cups"].to_string();
    assert_ne!(score, "1");
    eventually("they are in Redis", || cups("another").as_ref() == Some(&score));

    // In ZooKeeper the new one is let in while the old one is as well.
    replace(&file("zookeeper"), "recsys:another");
    eventually("it is logged in with what the file has now", || {
        close_but_for(&secure, "recsys:another");
        let weights = json!({"view": 5, "add_to_cart": 3, "purchase": 5}).to_string();
        let answer = process.try_call("POST", "/api/recommendation/weights", &weights);
        answer.is_some_and(|(status, _)| status == 200)
    });
    process.signal("TERM");
    let log: Vec<String> = process.log().collect();
    assert!(process.wait().success(), "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("another")), "{log:#?}");
}

/// Lets nobody else write the settings.
fn close_but_for(secure: &Secure, login: &str) {
    let reads = Acl::new_const(Permission::READ, "world", "anyone");
    let owner = [Acl::new_const(Permission::ALL, "auth", ""), reads];
    let anyone = [Acl::new_const(Permission::ALL, "world", "anyone")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(set_rights(secure, "recsys:recsys-secret", &anyone));
    runtime.block_on(set_rights(secure, login, &owner));
}

/// Gives all settings these rights, as far as the login may.
async fn set_rights(secure: &Secure, login: &str, rights: &[Acl]) {
    let read = |name: &str| std::fs::read_to_string(secure.file(name)).unwrap();
    let tls = TlsOptions::new().with_pem_ca(&read("ca.pem")).unwrap();
    // Another one than the engine's, which is a login as well.
    let tls = tls.with_pem_identity(&read("server.pem"), &read("server.key")).unwrap();
    let connector = zookeeper::Client::connector().with_tls(tls);
    let connector = connector.with_auth("digest", login.as_bytes());
    let servers = format!("127.0.0.1:{}", secure.ports.zookeeper);
    let client = connector.secure_connect(&servers).await.unwrap();
    let mut paths = vec!["/config".to_owned()];
    while let Some(path) = paths.pop() {
        // What is the other one's by now is as it should be.
        let _ = client.set_acl(&path, rights, None).await;
        let children = client.list_children(&path).await.unwrap();
        paths.extend(children.into_iter().map(|child| format!("{path}/{child}")));
    }
}
