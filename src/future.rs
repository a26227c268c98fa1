//! Futures behind a trait object.

use std::pin::Pin;

/// A future that may be sent between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
