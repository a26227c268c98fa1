//! Limits on clients and requests.

use std::time::Duration;

/// Limits on clients and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The largest request body, in bytes; a larger one is answered 413.
    pub max_body_bytes: usize,
    /// The most memory, in bytes, that the bodies of all requests under way take together; one that
    /// does not fit is answered 503.
    pub body_budget_bytes: usize,
    /// The longest time that a request's head may take to arrive, and that a connection may be
    /// idle.
    pub header_timeout: Duration,
    /// The longest time from a request's head to its answer; beyond it the answer is 408 while the
    /// body is awaited, and 504 after that. A shutdown waits this long for requests in flight.
    pub request_timeout: Duration,
    /// The most connections at a time; one more is answered 503.
    pub max_connections: usize,
    /// The names, each with or without a port, under which the front may be called, besides
    /// `localhost` and addresses. `*` stands for any.
    pub hosts: Vec<String>,
    /// The origins whose pages may use every route, such as `https://shop.example`. `*` stands for
    /// any origin, and opens the routes that only read.
    pub cors_origins: Vec<String>,
    /// The number of threads that serve.
    pub threads: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            max_body_bytes: 1 << 20,
            body_budget_bytes: 64 << 20,
            header_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            max_connections: 1024,
            hosts: Vec::new(),
            cors_origins: vec!["*".into()],
            threads: 2,
        }
    }
}
