//! The log, on standard error. It may fail; nothing else may because of it.

use super::failure::{Logged, Usage, text};
use crate::config::{LogConfig, LogFormat, log_filter};
use crate::metrics::LOG_LINES_LOST;
use std::io::{IsTerminal, Stderr, Write, stderr};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};

/// The variable that overrides `log.level`.
const VARIABLE: &str = "RECSYS_LOG";

/// Changes what is logged while the process runs.
pub(super) struct LogLevel(Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Takes the level of a configuration that was read again.
    pub(super) fn set(&self, log: &LogConfig) {
        match filter(&log.level).map(|filter| self.0.reload(filter)) {
            Ok(Ok(())) => tracing::info!(directives = log.level, "the log has this level now"),
            Ok(Err(error)) => tracing::error!(%error, "the log keeps its level"),
            Err(error) => tracing::error!(%error, "the log keeps its level"),
        }
    }
}

/// Starts the log of a command that serves.
pub(super) fn start(log: &LogConfig) -> Result<LogLevel, Usage> {
    let (filter, handle) = reload::Layer::new(filter(&log.level)?);
    let lines = fmt::layer().with_writer(|| Lossy(stderr())).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(is_coloured())).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    Ok(LogLevel(handle))
}

/// Tells the log what ends the process, where its readers expect nothing but objects.
pub(super) fn tell_end(log: &LogConfig, error: anyhow::Error) -> anyhow::Error {
    match log.format {
        LogFormat::Text => error,
        LogFormat::Json => {
            tracing::error!(error = text(&error), "the process has failed");
            error.context(Logged)
        }
    }
}

/// Starts the log of a command that ends by itself: warnings alone.
pub(super) fn start_quiet() -> Result<(), Usage> {
    let level = "warn,zookeeper_client=off".into();
    start(&LogConfig { level, format: LogFormat::Text }).map(drop)
}

/// The filter of the variable, or else of these directives.
fn filter(directives: &str) -> Result<EnvFilter, Usage> {
    let variable = std::env::var(VARIABLE).ok().filter(|variable| !variable.is_empty());
    log_filter(variable.as_deref().unwrap_or(directives))
        .map_err(|rule| Usage(format!("{VARIABLE} {rule}")))
}

/// Tells whether lines may have colours: <https://no-color.org>.
fn is_coloured() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Standard error, where a write that fails is counted and otherwise ignored: its disk may be full, or its
/// reader gone.
struct Lossy(Stderr);

impl Write for Lossy {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.write_all(bytes).is_err() {
            LOG_LINES_LOST.inc();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
