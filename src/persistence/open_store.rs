//! A store that is open, and the threads on which it is asked.

use checkpoints::Store;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A store that is open. Clones share its threads.
#[derive(Clone)]
pub(super) struct OpenStore {
    pub(super) store: Store,
    runtime: Arc<Runtime>,
}

impl OpenStore {
    pub(super) fn new(store: Store) -> Result<OpenStore, std::io::Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("checkpoints")
            .enable_all()
            .build()?;
        Ok(OpenStore { store, runtime: Arc::new(runtime) })
    }

    /// Does on this thread what the store is asked for, and waits for its answers.
    pub(super) fn block_on<F: Future>(&self, asks: F) -> F::Output {
        self.runtime.block_on(asks)
    }
}
