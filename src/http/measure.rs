//! Measures requests, in a histogram for each route, method and status.

use crate::http::routes::{ROUTES, Route, Verb};
use hyper::StatusCode;
use prometheus::{Histogram, HistogramVec};
use std::sync::OnceLock;
use std::time::Duration;

/// The label of paths without a route.
const UNMATCHED: &str = "unmatched";

/// The statuses with a cell of their own; the histograms of others are looked up at each request.
const STATUSES: [u16; 14] = [200, 201, 204, 400, 403, 404, 405, 408, 413, 415, 421, 502, 503, 504];

/// The histograms of `http_request_duration_ms` in a table, so that a request hashes no labels.
pub(super) struct Measure {
    histogram: HistogramVec,
    cells: Box<[OnceLock<Histogram>]>,
}

impl Measure {
    pub(super) fn new(histogram: HistogramVec) -> Measure {
        let cells = (ROUTES.len() + 1) * Verb::COUNT * STATUSES.len();
        Measure { histogram, cells: (0..cells).map(|_| OnceLock::new()).collect() }
    }

    pub(super) fn observe(
        &self,
        route: Option<Route>,
        verb: Verb,
        status: StatusCode,
        took: Duration,
    ) {
        let resolve = || {
            let pattern = route.map_or(UNMATCHED, |route| route.spec().pattern);
            self.histogram.with_label_values(&[verb.name(), pattern, status.as_str()])
        };
        let milliseconds = took.as_secs_f64() * 1e3;
        match STATUSES.iter().position(|known| *known == status.as_u16()) {
            Some(column) => {
                let row = route.map_or(ROUTES.len(), |route| route as usize);
                let cell = (row * Verb::COUNT + verb as usize) * STATUSES.len() + column;
                self.cells[cell].get_or_init(resolve).observe(milliseconds);
            }
            None => resolve().observe(milliseconds),
        }
    }
}
