//! HTTP requests.

use super::register::{counter, histograms};
use prometheus::{HistogramVec, IntCounter, Registry};

/// 200 is the threshold of an alert: between two bounds a quantile is a guess.
const MILLISECONDS: [f64; 14] =
    [0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0];

/// The metrics of the HTTP front.
#[derive(Debug)]
pub struct HttpMetrics {
    /// `http_request_duration_ms{method, route, status_code}`
    pub request_duration: HistogramVec,
    /// `recsys_connections_refused_total`
    pub connections_refused: IntCounter,
    /// `recsys_descriptor_shortages_total`
    pub descriptor_shortages: IntCounter,
}

impl HttpMetrics {
    pub(super) fn new(registry: &Registry) -> HttpMetrics {
        let request_duration = histograms(
            registry,
            "http_request_duration_ms",
            "Time from a request's head to its answer's, in milliseconds, by route pattern",
            &["method", "route", "status_code"],
            &MILLISECONDS,
        );
        // The share of errors is 0, and not unknown, before the first one.
        request_duration.with_label_values(&["GET", "/", "500"]);
        HttpMetrics {
            request_duration,
            connections_refused: counter(
                registry,
                "recsys_connections_refused_total",
                "Connections beyond the bounds, which got no answer but health and metrics",
            ),
            descriptor_shortages: counter(
                registry,
                "recsys_descriptor_shortages_total",
                "Times that the process began to have no file descriptor left for a connection",
            ),
        }
    }
}
