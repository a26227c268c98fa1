//! Watches a setting. Each new good value is passed on; bad values and outages leave the last good
//! one in force.

use super::{Setting, Store, StoreError};
use crate::metrics::SettingMetrics;
use std::sync::Arc;

/// Reads a setting, and reads it again whenever the store says that it may have changed.
pub struct Monitor<S> {
    store: Arc<dyn Store>,
    metrics: SettingMetrics,
    value: Option<S>,
    /// The last bad value, so that each is logged once.
    bad: Option<Vec<u8>>,
    /// Whether the last read succeeded; `None` before the first.
    connected: Option<bool>,
}

impl<S: Setting> Monitor<S> {
    /// Makes a monitor that has read nothing yet.
    pub fn new(store: Arc<dyn Store>, metrics: SettingMetrics) -> Monitor<S> {
        Monitor { store, metrics, value: None, bad: None, connected: None }
    }

    /// Calls `apply` with the first good value, and with each that differs from the one before.
    /// Never completes; drop the future to stop.
    pub async fn run(mut self, mut apply: impl FnMut(S)) {
        loop {
            if let Some(value) = self.read().await {
                apply(value);
            }
            self.store.changed(S::PATH).await;
        }
    }

    /// Reads once, and creates the node when it is missing. Returns the value when it is new.
    async fn read(&mut self) -> Option<S> {
        let value = match self.store.get(S::PATH).await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => self.create().await,
            Err(error) => Err(error),
        };
        self.reached(value.as_ref().err());
        match S::parse(value.as_ref().ok()?) {
            Ok(value) => self.take(value),
            Err(error) => {
                self.reject(value.ok()?, &error);
                None
            }
        }
    }

    /// Creates the node with the value in force, as also after it was deleted.
    async fn create(&self) -> Result<Vec<u8>, StoreError> {
        let value = self.value.unwrap_or_default().to_json();
        self.store.create(S::PATH, value.clone().into_bytes()).await?;
        tracing::info!(path = S::PATH, value, "{} created", S::NAME);
        Ok(value.into_bytes())
    }

    fn take(&mut self, value: S) -> Option<S> {
        self.bad = None;
        if self.value == Some(value) {
            return None;
        }
        self.value = Some(value);
        self.metrics.version.inc();
        tracing::info!(value = value.to_json(), "new {}", S::NAME);
        Some(value)
    }

    fn reject(&mut self, value: Vec<u8>, error: &S::Error) {
        if self.bad.as_ref() != Some(&value) {
            self.metrics.rejected.inc();
            let (path, name) = (S::PATH, S::NAME);
            tracing::warn!(path, %error, "no {name}; the last good ones stay in force");
            self.bad = Some(value);
        }
    }

    fn reached(&mut self, error: Option<&StoreError>) {
        let connected = error.is_none();
        self.metrics.connected.set(i64::from(connected));
        if self.connected.replace(connected) != Some(connected) {
            match error {
                Some(error) => {
                    tracing::warn!(%error, "{} out of reach; they stay as they are", S::NAME)
                }
                None => tracing::info!("{} in reach", S::NAME),
            }
        }
    }
}

#[cfg(test)]
mod param_monitor {
    use super::*;
    use crate::future::BoxFuture;
    use crate::metrics::Metrics;
    use crate::settings::WEIGHTS;
    use dataflows::score::weights::{Score, Weights};
    use std::collections::VecDeque;
    use std::sync::Mutex;

    /// A store with given answers, each given once; after the last nothing changes.
    struct Script {
        answers: Mutex<VecDeque<Result<Option<&'static str>, StoreError>>>,
        created: Mutex<Vec<String>>,
    }

    impl Store for Script {
        fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
            assert_eq!(path, WEIGHTS);
            let answer = self.answers.lock().unwrap().pop_front().expect("changed() has said so");
            Box::pin(async { answer.map(|value| value.map(|text| text.as_bytes().to_vec())) })
        }

        fn put(&self, _: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
            self.created.lock().unwrap().push(String::from_utf8(value).unwrap());
            Box::pin(async { Ok(()) })
        }

        fn changed(&self, _: &str) -> BoxFuture<()> {
            let more = !self.answers.lock().unwrap().is_empty();
            Box::pin(async move {
                if more {
                } else {
                    std::future::pending().await
                }
            })
        }
    }

    /// Runs a monitor over a script: the views' weights applied, what it created, its metrics.
    fn check(
        answers: Vec<Result<Option<&'static str>, StoreError>>,
        applied: &[i64],
        created: &[&str],
        [version, rejected, connected]: [i64; 3],
    ) {
        let script =
            Arc::new(Script { answers: Mutex::new(answers.into()), created: Mutex::default() });
        let metrics = Metrics::new().settings.weights;
        let mut seen = Vec::new();
        let monitor = Monitor::new(script.clone(), metrics.clone());
        let mut run = Box::pin(monitor.run(|Weights([Score(view), ..])| seen.push(view)));
        // The script never waits, so one poll plays all of it.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
        drop(run);
        assert_eq!(seen, applied);
        assert_eq!(*script.created.lock().unwrap(), created);
        assert_eq!(metrics.version.get(), version);
        assert_eq!(i64::try_from(metrics.rejected.get()).unwrap(), rejected);
        assert_eq!(metrics.connected.get(), connected);
    }

    const ONE: &str = r#"{"view":1,"add_to_cart":3,"purchase":5}"#;
    const TWO: &str = r#"{"view":2,"add_to_cart":3,"purchase":5}"#;

    fn good(text: &'static str) -> Result<Option<&'static str>, StoreError> {
        Ok(Some(text))
    }

    fn away() -> Result<Option<&'static str>, StoreError> {
        Err(StoreError::Unavailable("away".into()))
    }

    #[test]
    fn each_new_value_is_applied_once() {
        check(
            vec![good(ONE), good(ONE), good(TWO), good(ONE)],
            &[1_000_000, 2_000_000, 1_000_000],
            &[],
            [3, 0, 1],
        );
    }

    #[test]
    fn a_missing_node_is_made_with_the_default_a_deleted_one_with_what_is_in_force() {
        check(vec![Ok(None)], &[1_000_000], &[ONE], [1, 0, 1]);
        check(vec![good(TWO), Ok(None), good(TWO)], &[2_000_000], &[TWO], [1, 0, 1]);
    }

    #[test]
    fn nonsense_leaves_the_last_good_ones_and_is_counted_once() {
        let nonsense = vec![good(TWO), good("x"), good("x"), good("{}"), good(TWO), good("x")];
        check(nonsense, &[2_000_000], &[], [1, 3, 1]);
    }

    #[test]
    fn an_outage_leaves_the_last_good_ones() {
        check(vec![away(), good(ONE), away(), away()], &[1_000_000], &[], [1, 0, 0]);
        check(vec![good(ONE), away(), good(TWO)], &[1_000_000, 2_000_000], &[], [2, 0, 1]);
    }
}
