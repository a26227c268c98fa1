//! The last good value of a setting, kept where it outlives the process, for a start at which the
//! setting's node holds nonsense or cannot be read.
//!
//! There are two copies. The one in the store is the same for whoever runs the engine next, on
//! whatever host; the one in the local folder is within reach while the store is not.

use super::{Setting, Store, StoreError};
use std::sync::Arc;

/// The folder of the copies, in the store and in the local folder. Users' writes do not reach it.
const FOLDER: &str = "/recsys/last-good";

/// The copies of one setting's last good value.
pub struct LastGood<S> {
    /// The copy in the store; `None` when the store is the local folder itself.
    shared: Option<KeptCopy<S>>,
    local: KeptCopy<S>,
}

/// One copy, and what was written to it.
struct KeptCopy<S> {
    store: Arc<dyn Store>,
    written: Option<S>,
    /// Whether the last write failed, so that a failure is logged once.
    failing: bool,
}

impl<S: Setting> LastGood<S> {
    /// Makes the copies of the store that holds the setting, if that is not a local folder, and of
    /// the local one.
    pub fn new(shared: Option<Arc<dyn Store>>, local: Arc<dyn Store>) -> LastGood<S> {
        LastGood { shared: shared.map(KeptCopy::new), local: KeptCopy::new(local) }
    }

    /// Writes a value that the node holds to the copy on this host.
    pub(super) async fn keep_locally(&mut self, value: &S) {
        self.local.keep(value).await;
    }

    /// Writes a value that the node holds to the copies that do not have it yet. A failure is
    /// logged; the next call tries again.
    pub(super) async fn keep(&mut self, value: &S) {
        self.local.keep(value).await;
        if let Some(shared) = &mut self.shared {
            shared.keep(value).await;
        }
    }

    /// Reads the copies; `None` when there is none. The shared one counts above the local one, which
    /// may be of a time when this host was the last to run the engine.
    ///
    /// # Errors
    /// When there may be a value, but it cannot be read: with the reasons.
    pub(super) async fn recall(&mut self, store_answers: bool) -> Result<Option<S>, String> {
        let mut problems = Vec::new();
        if let Some(shared) = self.shared.as_ref().filter(|_| store_answers) {
            match shared.read().await {
                Ok(Some(value)) => {
                    self.local.keep(&value).await;
                    return Ok(Some(value));
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        match self.local.read().await {
            Ok(None) if problems.is_empty() => Ok(None),
            Ok(Some(value)) => Ok(Some(value)),
            local => {
                problems.extend(local.err());
                Err(problems.join("; "))
            }
        }
    }
}

impl<S: Setting> KeptCopy<S> {
    fn new(store: Arc<dyn Store>) -> KeptCopy<S> {
        KeptCopy { store, written: None, failing: false }
    }

    async fn keep(&mut self, value: &S) {
        if self.written.as_ref() == Some(value) {
            return;
        }
        let path = path::<S>();
        match self.store.put(&path, value.to_json().into_bytes()).await {
            Ok(()) => {
                self.written = Some(value.clone());
                self.failing = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(path, %error, "the {} in force are not kept for a restart", S::NAME);
                }
            }
        }
    }

    async fn read(&self) -> Result<Option<S>, String> {
        let path = path::<S>();
        let read = self.store.get(&path).await.map_err(|error: StoreError| error.to_string())?;
        let value = read.map(|text| S::parse(&text)).transpose();
        value.map_err(|error| format!("{path} holds no {}: {error}", S::NAME))
    }
}

fn path<S: Setting>() -> String {
    format!("{FOLDER}/{}", S::NAME)
}
