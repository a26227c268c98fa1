//! ZooKeeper behind TLS: what it is used with, and what is told where certificates do not fit.

use crate::harness::{Process, alone, eventually, told, with_log};
use crate::secure::{Secure, said};
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

/// An authority that nobody knows, as `other.pem`.
fn another_authority(folder: &std::path::Path) {
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "another authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("other.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("other.key"), key.serialize_pem()).unwrap();
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn settings_are_in_a_zookeeper_that_wants_certificates() {
    let secure = Secure::start(&["zookeeper"]);
    let folder = tempfile::tempdir().unwrap();
    another_authority(folder.path());
    let right = |files: &str| {
        let mut program = secure.with_zookeeper(alone(folder.path()));
        program.env("RECSYS_FILES_DIR", folder.path().join(files));
        program.env("RECSYS_ZOOKEEPER_SESSION_TIMEOUT_MS", "4000").env("RECSYS_LOG", "warn");
        program
    };
    let (done, output) = said(right("right"), &["check", "zookeeper"]);
    assert!(done, "{output}");
    let process = Process::spawn(right("right"), "1", &[]);
    process.wait_ready();
    process.weigh(7);
    assert_eq!(told(&process, "/api/status")["services"], json!({}));
    process.kill();
    // In another folder, so that the weights come from ZooKeeper.
    let process = Process::spawn(right("again"), "1", &[]);
    process.wait_ready();
    assert_eq!(process.get("/api/recommendation/weights")["view"], 7);
    process.kill();

    let set = |pairs: &[(&str, &str)]| {
        let mut program = right("wrong");
        for (name, value) in pairs {
            match *value {
                "" => program.env_remove(format!("RECSYS_ZOOKEEPER_{name}")),
                value => program.env(format!("RECSYS_ZOOKEEPER_{name}"), value),
            };
        }
        program
    };
    let own = [("CERT_FILE", "other.pem"), ("KEY_FILE", "other.key")];
    let none = [("CERT_FILE", ""), ("KEY_FILE", "")];
    let plain = [("CERT_FILE", ""), ("KEY_FILE", ""), ("CA_FILE", "")];
    for (pairs, expected) in [
        (
            &[("CA_FILE", "other.pem")][..],
            "comes from no authority that is trusted (zookeeper.ca_file)",
        ),
        (&none, "wants a certificate of this client, and gets none (zookeeper.cert_file"),
        (&own, "refuses this client's certificate (zookeeper.cert_file)"),
        (&plain, "ZooKeeper speaks TLS at 127.0.0.1"),
        (&[("CA_FILE", "missing.pem")], "missing.pem"),
        (&[("KEY_FILE", "other.key")], "other.key"),
    ] {
        is_told(&set(pairs), expected);
    }
}

/// Waits until a process tells in its log and its status what is wrong, and holds a check to it.
fn is_told(program: &Command, expected: &str) {
    let copy = || {
        let mut copy = Command::new(program.get_program());
        copy.current_dir(program.get_current_dir().unwrap());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => copy.env(name, value),
                None => copy.env_remove(name),
            };
        }
        copy
    };
    let began = Instant::now();
    let mut process = Process::spawn(with_log(copy()), "1", &[]);
    eventually(expected, || {
        let told = told(&process, "/api/status");
        told["services"]["settings"].as_str().unwrap_or_default().contains(expected)
    });
    assert!(began.elapsed() < Duration::from_secs(20), "{expected}: {:?}", began.elapsed());
    process.signal("TERM");
    let log: Vec<String> = process.log().collect();
    process.wait();
    assert!(log.iter().any(|line| line.contains(expected)), "{expected}: {log:#?}");
    let (done, output) = said(copy(), &["check", "zookeeper"]);
    assert!(!done && output.contains(expected), "{expected}: {output}");
}
