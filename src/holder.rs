//! Who a process of the engine is, for others that find its name where they want to put their own.

use rustix::system::uname;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A process of the engine, as what it holds says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its index in its cluster.
    pub process: usize,
    /// Where it serves.
    pub http: SocketAddr,
    /// The name of its host.
    pub host: String,
    /// Its number on that host.
    pub pid: u32,
    /// The number of its workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Since when it serves, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// What else a process is told by, where process numbers mean something: the host's boot and the
    /// namespace of process numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    space: Option<String>,
}

impl Holder {
    /// This process, which serves from now on.
    pub fn this(process: usize, workers: usize, http: SocketAddr) -> Holder {
        let host = uname().nodename().to_string_lossy().into_owned();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (workers, since) = (Some(workers), i64::try_from(since.as_millis()).ok());
        Holder { process, http, host, pid: std::process::id(), workers, since, space: space() }
    }

    /// Whether it has ended, as far as can be seen from here: a process elsewhere may be alive.
    pub fn has_ended(&self) -> bool {
        let is_here = self.space.is_some() && self.space == space();
        // This process has the number of one that has ended.
        let is_alive = || Path::new("/proc").join(self.pid.to_string()).exists();
        is_here && (self.pid == std::process::id() || !is_alive())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { http, host, pid, .. } = self;
        write!(f, "process {pid} on {host}, which serves {http}")
    }
}

fn space() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), numbers.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_whose_number_is_nobodys_here() {
        let this = Holder::this(0, 2, "127.0.0.1:8080".parse().unwrap());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut other = Holder { pid: child.id(), ..this.clone() };
        assert!(!other.has_ended());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.has_ended());
        assert!(this.has_ended(), "the node of this process is never one of another session");
        other.space = Some("another host's".into());
        assert!(!other.has_ended());
        other.space = None;
        assert!(!other.has_ended());
        let json = serde_json::to_vec(&this).unwrap();
        assert_eq!(serde_json::from_slice::<Holder>(&json).unwrap(), this);
    }
}
