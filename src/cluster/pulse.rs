//! Signs of life between two processes, and what their absence means.

use super::FAREWELL;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often each end gives a sign.
const BEAT: Duration = Duration::from_millis(250);

const ALIVE: u8 = b'.';
const BYE: u8 = b'q';

/// A peer that is not there any more.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("process {process} ({address}) {how}")]
pub struct Loss {
    /// Which one.
    pub process: usize,
    /// Its entry in `hosts`.
    pub address: String,
    /// How it went.
    pub how: How,
}

/// How a peer went.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum How {
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

/// Gives signs of life and listens for the peer's until either end is gone. None when it is this one
/// that leaves.
pub(super) async fn pulse(
    mut stream: TcpStream,
    broken: Arc<Notify>,
    silence: Duration,
    mut leaving: watch::Receiver<()>,
) -> Option<How> {
    let (mut reader, mut writer) = stream.split();
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = [0; 64];
    let mut cut = false;
    let mut deadline = Instant::now() + silence;
    loop {
        // What was heard counts before what was not: this process may itself have been frozen.
        tokio::select! {
            biased;
            read = reader.read(&mut heard) => match read {
                Ok(0) | Err(_) => return Some(How::Gone),
                Ok(count) if heard[..count].contains(&BYE) => return Some(How::Left),
                Ok(_) if cut => {}
                Ok(_) => deadline = Instant::now() + silence,
            },
            _ = leaving.changed() => {
                // Whoever can't be told sees the connection end.
                let _ = writer.write_all(&[BYE]).await;
                return None;
            }
            // A peer that dies ends both connections, and one that leaves says so on this one: wait
            // for the better news.
            () = broken.notified(), if !cut => {
                cut = true;
                deadline = Instant::now() + FAREWELL;
            }
            () = sleep_until(deadline) => {
                return Some(if cut { How::Cut } else { How::Silent(silence) });
            }
            _ = beats.tick() => {
                // A write that fails is told by the read that follows it.
                let _ = writer.try_write(&[ALIVE]);
            }
        }
    }
}
