//! Watches a setting. Each new good value is passed on; bad values and outages leave the last good
//! one in force, also across restarts.

use super::last_good::LastGood;
use super::status::{NodeStatus, SettingsStatus, Stored, shortened};
use super::{Setting, Store, StoreError};
use crate::metrics::SettingMetrics;
use std::sync::Arc;

/// What a monitor does besides watching.
pub enum Role<S> {
    /// Its values are put in force, so it keeps the last good one, falls back on it, creates the node
    /// when it is missing, and measures.
    Feeds(LastGood<S>, SettingMetrics),
    /// Another process's monitor feeds the dataflow; this one tells how the node stands.
    Observes,
}

/// Reads a setting, and reads it again whenever the store says that it may have changed.
pub struct Monitor<S> {
    store: Arc<dyn Store>,
    role: Role<S>,
    status: SettingsStatus,
    value: Option<S>,
    /// Whether the value is the node's own. Until then it is that of an earlier run.
    is_of_node: bool,
    /// The last bad value, so that each is logged once.
    bad: Option<Vec<u8>>,
    /// Whether the last read succeeded; `None` before the first.
    connected: Option<bool>,
}

impl<S: Setting> Monitor<S> {
    /// Makes a monitor that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, role: Role<S>, status: SettingsStatus) -> Monitor<S> {
        let (value, bad, connected) = (None, None, None);
        Monitor { store, role, status, value, is_of_node: false, bad, connected }
    }

    /// Calls `apply` with the first good value, and with each that differs from the one before.
    /// Never completes; drop the future to stop.
    pub async fn run(mut self, mut apply: impl FnMut(S)) {
        loop {
            if let Some(value) = self.read().await {
                // Before anybody sees what it makes: a start without the store is not to show the value before it.
                if let (Role::Feeds(last_good, _), true) = (&mut self.role, self.is_of_node) {
                    last_good.keep_locally(&value).await;
                }
                apply(value);
            }
            if let (Role::Feeds(last_good, _), Some(value), true) =
                (&mut self.role, &self.value, self.is_of_node)
            {
                last_good.keep(value).await;
            }
            self.store.changed(S::PATH).await;
        }
    }

    /// Reads once. Returns the value that is to be in force when it is a new one.
    async fn read(&mut self) -> Option<S> {
        let mut read = self.store.get(S::PATH).await;
        let last_good = self.last_good(&read).await;
        if let (Role::Feeds(..), Ok(None), Ok(value)) = (&self.role, &read, &last_good) {
            read = self.create(&value.clone().unwrap_or_default()).await.map(Some);
        }
        self.reached(read.as_ref().err());
        let (stored, value) = match read {
            Ok(Some(text)) => match S::parse(&text) {
                Ok(value) => {
                    self.bad = None;
                    self.is_of_node = true;
                    (Stored::Good(value.to_json()), Some(value))
                }
                Err(error) => (self.reject(text, &error), None),
            },
            Ok(None) => (Stored::Missing, None),
            Err(error) => (Stored::Unreachable(error.to_string()), None),
        };
        if let Some(metrics) = self.metrics() {
            metrics.refused.set(i64::from(matches!(stored, Stored::Refused(_))));
        }
        let value = value.map_or(last_good, |value| Ok(Some(value)));
        self.tell(stored, &value);
        self.take(value.ok().flatten()?)
    }

    /// Returns the last good value: of this run, or else, unless the node holds a good one, of an
    /// earlier run.
    async fn last_good(
        &mut self,
        read: &Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<S>, String> {
        let is_good = matches!(read, Ok(Some(text)) if S::parse(text).is_ok());
        match &mut self.role {
            Role::Feeds(last_good, _) if !self.is_of_node && !is_good => {
                last_good.recall(read.is_ok()).await
            }
            _ => Ok(self.value.clone()),
        }
    }

    /// Creates the node, as also after it was deleted.
    async fn create(&self, value: &S) -> Result<Vec<u8>, StoreError> {
        let value = value.to_json();
        self.store.create(S::PATH, value.clone().into_bytes()).await?;
        tracing::info!(path = S::PATH, value = &*shortened(&value), "{} created", S::NAME);
        Ok(value.into_bytes())
    }

    fn take(&mut self, value: S) -> Option<S> {
        if self.value.as_ref() == Some(&value) {
            return None;
        }
        self.value = Some(value.clone());
        if let Some(metrics) = self.metrics() {
            metrics.version.inc();
        }
        let (json, name) = (value.to_json(), S::NAME);
        if self.is_of_node {
            tracing::info!(value = &*shortened(&json), "new {name}");
        } else {
            tracing::warn!(
                value = &*shortened(&json),
                "{name} of an earlier run in force, the last good ones"
            );
        }
        Some(value)
    }

    fn reject(&mut self, value: Vec<u8>, error: &S::Error) -> Stored {
        if self.bad.as_ref() != Some(&value) {
            if let Some(metrics) = self.metrics() {
                metrics.rejected.inc();
            }
            let (path, name) = (S::PATH, S::NAME);
            tracing::warn!(path, %error, "the node holds no {name}; what is in force stays");
            self.bad = Some(value);
        }
        Stored::Refused(error.to_string())
    }

    fn metrics(&self) -> Option<&SettingMetrics> {
        match &self.role {
            Role::Feeds(_, metrics) => Some(metrics),
            Role::Observes => None,
        }
    }

    fn reached(&mut self, error: Option<&StoreError>) {
        let connected = error.is_none();
        if let Some(metrics) = self.metrics() {
            metrics.connected.set(i64::from(connected));
        }
        if self.connected.replace(connected) != Some(connected) {
            match error {
                Some(error) => {
                    tracing::warn!(%error, "{} out of reach; what is in force stays", S::NAME)
                }
                None => tracing::info!("{} in reach", S::NAME),
            }
        }
    }

    /// Tells everybody how the setting stands, and logs it when no good value is known.
    fn tell(&self, stored: Stored, value: &Result<Option<S>, String>) {
        let (path, name) = (S::PATH, S::NAME);
        let unknown = match value {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!("{path} {stored}, and no last good value is known")),
            Err(problem) => {
                Some(format!("{path} {stored}, and the last good value is lost: {problem}"))
            }
        };
        let status = NodeStatus { stored, unknown };
        if let (Role::Feeds(..), Some(reason)) = (&self.role, &status.unknown)
            && self.status.of(name).unknown != status.unknown
        {
            tracing::error!(
                "nothing is answered, and no profile written, without {name}: {reason}"
            );
        }
        self.status.set(name, status);
    }
}

#[cfg(test)]
mod tests;
