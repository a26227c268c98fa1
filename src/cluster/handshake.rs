//! The handshake of two processes on a fresh connection.
//!
//! The one that has dialed sends a [`Hello`]: who it is, and what the connection is for. The other
//! one answers with who it is itself, and whether it accepts the connection. Each message is
//! [`MAGIC`], a length in two bytes, and that much JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The first bytes of every message; the last of them is the version of this protocol.
const MAGIC: [u8; 8] = *b"recsys/3";
/// The longest JSON that is read, in bytes.
const MOST_BYTES: usize = 4_096;
/// The longest time that the other end may take to send its message.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Identifies a process. Processes of one cluster differ in `process` alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The program's version.
    pub(super) version: String,
    /// `Config::fingerprint`, which also tells one cluster from another by its hosts.
    pub(super) fingerprint: u64,
    /// The number of workers in each process.
    pub(super) workers: usize,
    /// The process's index in `hosts`.
    pub(super) process: usize,
}

/// The use of a connection; each pair of processes has one of each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// Signs of life. It is connected first.
    Heartbeat,
    /// Timely's data.
    Data,
}

/// Says who has connected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) identity: Identity,
    pub(super) purpose: Purpose,
    /// A random number, one a start of the program. It tells that two connections come from the
    /// same run of a process.
    pub(super) run: u64,
}

/// Answers a [`Hello`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HelloAnswer {
    pub(super) identity: Identity,
    /// As that of [`Hello`].
    pub(super) run: u64,
    pub(super) verdict: Verdict,
}

/// Whether a connection is accepted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Verdict {
    Welcome,
    /// Not now, and why; a later try may succeed.
    Later(String),
    /// Never, and why: the two processes do not fit together.
    Never(String),
}

impl Identity {
    /// Checks that another process can be in one cluster with this one. The error reads the same at
    /// either end.
    pub(super) fn fits(&self, other: &Identity) -> std::result::Result<(), String> {
        let differs = |what: &str, its: &dyn std::fmt::Display, mine: &dyn std::fmt::Display| {
            format!(
                "process {}'s {what} is {its}, process {}'s {mine}",
                other.process, self.process
            )
        };
        if self.version != other.version {
            return Err(differs("version", &other.version, &self.version));
        }
        if self.workers != other.workers {
            return Err(differs("number of workers", &other.workers, &self.workers));
        }
        if self.fingerprint != other.fingerprint {
            return Err(format!(
                "process {}'s configuration is not process {}'s: hosts, views, kafka.topic_prefix, \
                 and whether there is a Kafka, a Redis and a ZooKeeper must be the same",
                other.process, self.process
            ));
        }
        Ok(())
    }
}

pub(super) async fn send<T: Serialize>(stream: &mut TcpStream, message: &T) -> Result<()> {
    let json = serde_json::to_vec(message)?;
    let length = u16::try_from(json.len()).map_err(Error::other)?;
    stream.write_all(&[&MAGIC[..], &length.to_be_bytes(), &json].concat()).await
}

/// Reads one message, and no byte beyond it: what follows may be timely's.
pub(super) async fn receive<T: DeserializeOwned>(stream: &mut TcpStream) -> Result<T> {
    let silent = |_| Error::new(ErrorKind::TimedOut, format!("it said nothing for {PATIENCE:?}"));
    timeout(PATIENCE, read(stream)).await.map_err(silent)?
}

async fn read<T: DeserializeOwned>(stream: &mut TcpStream) -> Result<T> {
    let bad = |what: String| Error::new(ErrorKind::InvalidData, what);
    let mut head = [0; MAGIC.len() + 2];
    stream.read_exact(&mut head).await.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => bad("it hung up before it said who it is".into()),
        _ => error,
    })?;
    let (magic, length) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        let seen = magic.escape_ascii();
        return Err(bad(format!("it is no process of this cluster: it began with \"{seen}\"")));
    }
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length > MOST_BYTES {
        return Err(bad(format!("its handshake has {length} bytes")));
    }
    let mut json = vec![0; length];
    stream.read_exact(&mut json).await?;
    serde_json::from_slice(&json).map_err(|error| bad(format!("its handshake is wrong: {error}")))
}
