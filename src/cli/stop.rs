//! What ends a process that serves: a signal, or the loss of another process.

use super::exit_code::DONE;
use super::failure::{PeerLost, code, report};
use super::log::tell_end;
use crate::cluster::Loss;
use crate::config::LogConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The time within which a process ends by itself after it has lost another one.
const LAST: Duration = Duration::from_secs(3);

/// Ends a process that has lost another one, whatever it is doing: in its start, or in its end, it may wait for
/// services that do not answer. It has nothing to save: what it has read is in the topics, and what is in Redis
/// may be written again.
#[derive(Clone, Default)]
pub(super) struct Alone {
    is_meant: Arc<AtomicBool>,
}

impl Alone {
    /// Returns what is to be called when another process is lost.
    pub(super) fn guard(&self, log: &LogConfig) -> impl FnOnce(&Loss) + Send + use<> {
        let (alone, log) = (self.clone(), log.clone());
        move |loss| {
            let lost = PeerLost(loss.clone());
            thread::spawn(move || alone.end_in(LAST, lost, &log));
        }
    }

    /// Notes that this process ends by itself, or as it was told to.
    pub(super) fn is_meant(&self) {
        self.is_meant.store(true, Ordering::Release);
    }

    fn end_in(&self, time: Duration, lost: PeerLost, log: &LogConfig) {
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            thread::park_timeout(left);
        }
        if !self.is_meant.load(Ordering::Acquire) {
            let error = tell_end(log, lost.into());
            report(&error);
            #[allow(
                clippy::disallowed_methods,
                reason = "there is nothing to save, as said above"
            )]
            std::process::exit(code(&error).into());
        }
    }
}

/// Completes with the name of the signal that tells the process to stop. Until then a hangup has the
/// configuration read again.
pub(super) fn stop_signal(
    mut hangup: Signal,
    read_again: &dyn Fn(),
) -> std::io::Result<impl Future<Output = &'static str>> {
    let stop = told_to_stop()?;
    Ok(async move {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                signal = &mut stop => return signal,
                _ = hangup.recv() => read_again(),
            }
        }
    })
}

/// Completes with the name of a signal that tells the process to stop.
pub(super) fn told_to_stop() -> std::io::Result<impl Future<Output = &'static str> + Send + use<>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

/// Ends a process that waits for others, once it is told to stop.
pub(super) async fn end_at_once(started: Instant, told: impl Future<Output = &'static str>) {
    let signal = told.await;
    tracing::info!(signal, ran = ?started.elapsed(), "stopping");
    tracing::info!(took = ?Duration::ZERO, "stopped");
    #[allow(
        clippy::disallowed_methods,
        reason = "the main thread waits, and holds nothing to save"
    )]
    std::process::exit(DONE.into());
}
