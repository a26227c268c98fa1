//! Heartbeats between two processes, and what their absence means.

use super::FAREWELL;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// The interval at which each end sends a heartbeat.
const BEAT: Duration = Duration::from_millis(250);

const ALIVE: u8 = b'.';
const BYE: u8 = b'q';

/// A peer that is lost.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("process {process} ({address}) {cause}")]
pub struct Loss {
    /// Its number.
    pub process: usize,
    /// Its entry in `hosts`.
    pub address: String,
    /// Why it is lost.
    pub cause: LossCause,
}

/// Why a peer is lost.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossCause {
    /// It was told to stop, and said so.
    #[error("has stopped")]
    Left,
    /// Its connection ended without a word.
    #[error("is gone: its connection has ended")]
    Gone,
    /// Timely's connection to it broke, while it still gave signs of life.
    #[error("is lost: the connection for data has broken")]
    Cut,
    /// It is frozen, or cannot be reached.
    #[error("is lost: no sign of life for {0:?}")]
    Silent(Duration),
}

/// Sends heartbeats and listens for the peer's until either end is gone. Returns why the peer is
/// lost, or `None` when it is this process that leaves.
pub(super) async fn heartbeat(
    mut stream: TcpStream,
    broken: Arc<Notify>,
    silence: Duration,
    mut leaving: watch::Receiver<()>,
) -> Option<LossCause> {
    let (mut reader, mut writer) = stream.split();
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = [0; 64];
    let mut cut = false;
    let mut deadline = Instant::now() + silence;
    loop {
        // NB: reading comes before the deadline. After this process itself was frozen, both are
        // ready, and the peer is alive.
        tokio::select! {
            biased;
            read = reader.read(&mut heard) => match read {
                Ok(0) | Err(_) => return Some(LossCause::Gone),
                Ok(count) if heard[..count].contains(&BYE) => return Some(LossCause::Left),
                Ok(_) if cut => {}
                Ok(_) => deadline = Instant::now() + silence,
            },
            _ = leaving.changed() => {
                // A peer that cannot be told sees its connection end.
                let _ = writer.write_all(&[BYE]).await;
                return None;
            }
            // A peer that dies ends both connections, and one that leaves says so on this one: wait
            // a little to learn which it was.
            () = broken.notified(), if !cut => {
                cut = true;
                deadline = Instant::now() + FAREWELL;
            }
            () = sleep_until(deadline) => {
                return Some(if cut { LossCause::Cut } else { LossCause::Silent(silence) });
            }
            _ = beats.tick() => {
                // After a write that fails, the next read fails as well.
                let _ = writer.try_write(&[ALIVE]);
            }
        }
    }
}
