//! What a supervisor hears of a process, by the protocol of `sd_notify`.

use crate::harness::{Process, alone};
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Starts a process beside a supervisor that listens there, and waits three seconds at most without a word.
fn check(socket: &UnixDatagram, address: OsString) {
    let folder = tempfile::tempdir().unwrap();
    let mut program = alone(folder.path());
    program.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", "3000000").env("RECSYS_LOG", "warn");
    let process = Process::spawn(program, "1", &[]);
    let hears = || {
        let mut message = [0; 64];
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let length = socket.recv(&mut message).ok()?;
        Some(String::from_utf8_lossy(&message[..length]).into_owned())
    };
    let said: Vec<_> = (0..4).map(|_| hears().unwrap()).collect();
    assert_eq!(said, ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
    process.signal("STOP");
    // One may have been sent before.
    let _ = hears();
    assert_eq!(hears(), None, "one that is frozen says nothing");
}

#[test]
fn the_supervisor_hears_that_a_process_serves_and_that_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    check(&socket, path.into_os_string());
    let name = format!("recsys-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    check(&socket, OsString::from_vec(format!("@{name}").into_bytes()));
}
