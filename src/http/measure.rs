//! Measures requests, in a histogram for each route, method and status.

use crate::http::routes::{ROUTES, Route, Verb};
use hyper::StatusCode;
use prometheus::{Histogram, HistogramVec};
use std::sync::OnceLock;
use std::time::Duration;

/// The label of paths without a route.
const UNMATCHED: &str = "unmatched";

/// The statuses with a cell of their own; the histograms of others are looked up at each request.
const STATUSES: [u16; 18] =
    [200, 201, 204, 207, 400, 401, 403, 404, 405, 408, 412, 413, 415, 421, 429, 502, 503, 504];

/// The histograms of `http_request_duration_ms` in a table, so that a request hashes no labels.
pub(super) struct Measure {
    histogram: HistogramVec,
    cells: Box<[OnceLock<Histogram>]>,
}

/// What a request asked for, as far as its labels tell.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) route: Option<Route>,
    pub(super) verb: Verb,
    /// Its answer waits until reads show what was stored. That takes another time than storing does, so
    /// it has a series of its own.
    pub(super) waits: bool,
}

impl Asked {
    const COUNT: usize = (ROUTES.len() + 1) * 2 * Verb::COUNT;

    fn index(self) -> usize {
        let route = self.route.map_or(ROUTES.len(), |route| route as usize);
        (route * 2 + usize::from(self.waits)) * Verb::COUNT + self.verb as usize
    }

    fn label(self) -> String {
        let pattern = self.route.map_or(UNMATCHED, |route| route.spec().pattern);
        if self.waits { format!("{pattern}?wait=visible") } else { pattern.to_owned() }
    }
}

impl Measure {
    pub(super) fn new(histogram: HistogramVec) -> Measure {
        let cells = Asked::COUNT * STATUSES.len();
        Measure { histogram, cells: (0..cells).map(|_| OnceLock::new()).collect() }
    }

    pub(super) fn observe(&self, asked: Asked, status: StatusCode, took: Duration) {
        let resolve = || {
            let route = asked.label();
            self.histogram.with_label_values(&[asked.verb.name(), &*route, status.as_str()])
        };
        let milliseconds = took.as_secs_f64() * 1e3;
        match STATUSES.iter().position(|known| *known == status.as_u16()) {
            Some(column) => {
                let cell = asked.index() * STATUSES.len() + column;
                self.cells[cell].get_or_init(resolve).observe(milliseconds);
            }
            None => resolve().observe(milliseconds),
        }
    }
}
