//! Tokens, visitors' keys and TLS, by the commands that make and use them.

use crate::harness::{Process, alone, bounded, eventually};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;

/// Runs a command of the program in a folder.
fn recsys(folder: &Path, token: &str, arguments: &[&str]) -> Output {
    let mut program = alone(folder);
    program.env("RECSYS_TOKEN", token).args(arguments);
    bounded(program).output().unwrap()
}

/// What a command prints, which must succeed.
fn told(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a token, or a secret, in the file `tokens` of a folder.
fn made(folder: &Path, name: &str, scope: &str) -> Value {
    let arguments = ["token", "new", "--name", name, "--scope", scope, "--file", "tokens"];
    serde_json::from_str(&told(recsys(folder, "", &arguments))).unwrap()
}

/// The status of an answer to a request with this token.
fn status(port: u16, path: &str, token: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let authorization = format!("authorization: Bearer {token}\r\n");
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    stream.write_all(format!("{head}{authorization}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_fresh_engine_is_locked_by_the_commands_of_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let me = made(folder, "me", "admin");
    let token = me["token"].as_str().unwrap();
    let lock = [
        "--set",
        "http.tokens_file=tokens",
        "--set",
        "http.reads=token",
        "--set",
        "http.writes=token",
    ];
    let mut program = alone(folder);
    program.env("RECSYS_LOG", "off");
    let process = Process::spawn(program, "1", &lock);
    process.wait_ready();
    assert_eq!(process.try_call("GET", "/api/status", "").unwrap().0, 401);
    assert_eq!(status(process.port, "/api/status", token), 200);
    assert_eq!(status(process.port, "/api/status", "recsys_other"), 401);
    // The commands that ask the process send the token of the environment.
    let listen = format!("http.listen=127.0.0.1:{}", process.port);
    let refused = recsys(folder, "", &["status", "--set", &listen]);
    assert_eq!(refused.status.code(), Some(1));
    let reason = String::from_utf8(refused.stderr).unwrap();
    assert!(reason.contains("RECSYS_TOKEN is for its token"), "{reason}");
    assert!(told(recsys(folder, token, &["status", "--json", "--set", &listen])).contains("asOf"));
    let made_now = ["checkpoint", "now", "--set", &listen];
    assert!(told(recsys(folder, token, &made_now)).contains("number"));
    // A secret that comes later needs no restart, and mints keys.
    made(folder, "pages", "sign");
    let sign = [
        "token",
        "sign",
        "--with",
        "pages",
        "--visitor",
        "user 1",
        "--set",
        "http.tokens_file=tokens",
    ];
    let key = told(recsys(folder, "", &sign));
    let key = key.trim();
    eventually("the secret is known", || {
        status(process.port, "/api/user-profile/user%201", key) == 200
    });
    assert_eq!(status(process.port, "/api/user-profile/user2", key), 403);
    assert_eq!(status(process.port, "/api/status", key), 403);
}

#[test]
fn names_of_tokens_are_one_tokens_and_files_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder, "shop", "write");
    let twice = ["token", "new", "--name", "shop", "--scope", "read", "--file", "tokens"];
    let no_secret = ["token", "sign", "--with", "pages", "--visitor", "u"];
    let unknown = ["run", "--set", "http.writes=token"];
    let missing = ["run", "--set", "http.tokens_file=none"];
    std::fs::write(folder.join("bad"), "shop write\n").unwrap();
    let bad = ["run", "--set", "http.tokens_file=bad"];
    for (arguments, code, reason) in [
        (&twice[..], 64, "\"shop\" is another's"),
        (&no_secret, 64, "there is no signing secret \"pages\""),
        (&unknown, 64, "http.writes"),
        (&missing, 66, "none"),
        (&bad, 65, "bad: line 1: must be a name, a scope"),
    ] {
        let output = recsys(folder, "", arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(reason), "{arguments:?}: {told}");
    }
}

#[test]
fn commands_ask_a_process_that_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    std::fs::write(folder.join("shop.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("shop.key"), signing_key.serialize_pem()).unwrap();
    let tls = ["--set", "http.tls_cert_file=shop.pem", "--set", "http.tls_key_file=shop.key"];
    let mut program = alone(folder);
    program.env("RECSYS_LOG", "off");
    let process = Process::spawn(program, "1", &tls);
    let listen = format!("http.listen=127.0.0.1:{}", process.port);
    let ask = |command: &[&str]| {
        recsys(folder, "", &[command, &tls, &["--set", &listen]].concat()).status.success()
    };
    eventually("it is ready", || ask(&["health", "--ready"]));
    assert!(ask(&["status"]));
    // Another certificate is another server.
    let other = generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    std::fs::write(folder.join("other.pem"), other.cert.pem()).unwrap();
    let other = ["--set", "http.tls_cert_file=other.pem", "--set", "http.tls_key_file=shop.key"];
    assert!(
        !recsys(folder, "", &[&["health", "--set", &listen], &other[..]].concat()).status.success()
    );
}
