//! The signals that end a process that serves.

use super::exit_code::DONE;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
