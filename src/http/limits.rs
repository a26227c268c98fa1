//! How much a client may ask for.

use std::time::Duration;

/// How much a client may ask for, and who may ask from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The largest request body, in bytes; a larger one is a 413.
    pub max_body_bytes: usize,
    /// How long a request's head may take to arrive, and how long a connection may lie idle.
    pub header_timeout: Duration,
    /// How long a request may take from its head to its answer: 408 while its body is awaited,
    /// 504 after that. Also what a shutdown grants the requests in flight.
    pub request_timeout: Duration,
    /// How many connections may be open at once; one more gets a 503.
    pub max_connections: usize,
    /// The origins whose pages may use every route, such as `https://shop.example`. `*` stands for
    /// any origin, and opens the routes that only read.
    pub cors_origins: Vec<String>,
    /// How many threads serve.
    pub threads: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            max_body_bytes: 1 << 20,
            header_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            max_connections: 1024,
            cors_origins: vec!["*".into()],
            threads: 2,
        }
    }
}
