//! `recsys demo`: its beginning and its end.

use crate::harness::{alone, eventually, free_port};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// A demo whose temporary folder lies in this one.
fn demo(folder: &Path, port: u16) -> Command {
    let mut command = alone(folder);
    command
        .args(["demo", "--port", &port.to_string()])
        .env("TMPDIR", folder)
        .env("RECSYS_LOG", "warn")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let request = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

#[test]
fn a_demo_on_a_taken_port_ends_and_says_so_alone() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = demo(folder.path(), address.port()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&address.to_string()) && error.contains("--port"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_demo_takes_its_folder_along() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT"] {
        let port = free_port();
        let mut demo = demo(folder.path(), port).spawn().unwrap();
        eventually("the demo is ready", || is_ready(port));
        assert_ne!(folder.path().read_dir().unwrap().count(), 0);
        let kill = format!("kill -{signal} {}", demo.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(demo.wait().unwrap().code(), Some(0), "{signal}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{signal}");
    }
}
