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
const ALONE: u8 = b'l';

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
    /// It ends because it has lost another process, and said so.
    #[error("ends, as it has lost another process")]
    Alone,
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

/// Why this process leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Leaving {
    /// It was told to, or it stays yet.
    #[default]
    Told,
    /// It has lost another one.
    Alone,
}

/// Sends heartbeats and listens for the peer's until either end is gone. Returns why the peer is
/// lost, or `None` when it is this process that leaves.
///
/// The peer's silence is counted in beats of this process. So a pause of this process itself, or of the
/// machine that both run on, is no silence of the peer's: however long it takes, it is one beat.
pub(super) async fn heartbeat(
    mut stream: TcpStream,
    broken: Arc<Notify>,
    silence: Duration,
    mut leaving: watch::Receiver<Leaving>,
) -> Option<LossCause> {
    let (mut reader, mut writer) = stream.split();
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let most_silent = silence.as_millis().div_ceil(BEAT.as_millis());
    let mut silent = 0;
    let mut heard = [0; 64];
    // Until when it is awaited how the peer was lost, once timely's connection to it has broken.
    let mut cut = None;
    loop {
        // NB: reading comes before counting. After this process itself was frozen, both are ready, and
        // the peer is alive.
        tokio::select! {
            biased;
            read = reader.read(&mut heard) => match read {
                Ok(0) | Err(_) => return Some(LossCause::Gone),
                Ok(count) if heard[..count].contains(&BYE) => return Some(LossCause::Left),
                Ok(count) if heard[..count].contains(&ALONE) => return Some(LossCause::Alone),
                Ok(_) => silent = 0,
            },
            _ = leaving.changed() => {
                // A peer that cannot be told sees its connection end.
                let last = if *leaving.borrow() == Leaving::Alone { ALONE } else { BYE };
                let _ = writer.write_all(&[last]).await;
                return None;
            }
            // A peer that dies ends both connections, and one that leaves says so on this one: wait
            // a little to learn which it was.
            () = broken.notified(), if cut.is_none() => cut = Some(Instant::now() + FAREWELL),
            () = until(cut) => return Some(LossCause::Cut),
            _ = beats.tick() => {
                // After a write that fails, the next read fails as well.
                let _ = writer.try_write(&[ALIVE]);
                silent += 1;
                if silent > most_silent {
                    return Some(LossCause::Silent(silence));
                }
            }
        }
    }
}

/// Completes at a time; never, if there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
