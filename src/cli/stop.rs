//! What ends a process that serves: a signal, or the loss of another process.

use super::end::{end, wait};
use super::exit_code::DONE;
use super::failure::{PeerLost, code, report};
use super::log::tell_end;
use crate::cluster::Loss;
use crate::config::LogConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

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
        wait(time);
        if !self.is_meant.load(Ordering::Acquire) {
            let error = tell_end(log, lost.into());
            report(&error);
            end(code(&error));
        }
    }
}

/// Hears the signals that tell the process to stop, from its making on: whoever waits for one also learns of one that came
/// before. Clones share it.
#[derive(Clone)]
pub(super) struct ToldToStop(watch::Receiver<Option<&'static str>>);

impl ToldToStop {
    /// Listens on a runtime.
    pub(super) fn listen(runtime: &Handle) -> std::io::Result<ToldToStop> {
        let _runtime = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (told, heard) = watch::channel(None);
        runtime.spawn(async move {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            told.send_replace(Some(name));
        });
        Ok(ToldToStop(heard))
    }

    /// Completes with the signal's name.
    pub(super) async fn signal(mut self) -> &'static str {
        match self.0.wait_for(Option::is_some).await.ok().and_then(|told| *told) {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

/// Completes with the name of the signal that tells the process to stop. Until then a hangup has the
/// configuration read again.
pub(super) async fn stop_signal(
    told: ToldToStop,
    mut hangup: Signal,
    read_again: &dyn Fn(),
) -> &'static str {
    let mut stop = std::pin::pin!(told.signal());
    loop {
        tokio::select! {
            signal = &mut stop => return signal,
            _ = hangup.recv() => read_again(),
        }
    }
}

/// Ends a process that waits for others, once it is told to stop.
pub(super) async fn end_at_once(started: Instant, told: ToldToStop) {
    let signal = told.signal().await;
    tracing::info!(signal, ran = ?started.elapsed(), "stopping");
    tracing::info!(took = ?Duration::ZERO, "stopped");
    // The main thread waits, and holds nothing to save.
    end(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_counts_for_who_waits_later() {
        let (told, heard) = watch::channel(None);
        let heard = ToldToStop(heard);
        told.send_replace(Some("SIGTERM"));
        drop(told);
        // Once for who waited in the start and was aborted, and once for who waits from then on.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..2 {
            assert_eq!(runtime.block_on(heard.clone().signal()), "SIGTERM");
        }
    }
}
