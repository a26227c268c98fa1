//! One look at an engine's metrics.

use crate::http::Connection;
use anyhow::ensure;

/// The text of `GET /metrics`.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) fn look(connection: &mut Connection) -> anyhow::Result<Metrics> {
        let (status, body) = connection.get("/metrics")?;
        ensure!(status == 200, "/metrics answers {status}");
        Ok(Metrics(String::from_utf8(body.to_vec())?))
    }

    /// The sum over all labels of a metric; 0 when there is none yet.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.samples(name).map(|(_, value)| value).sum()
    }

    /// The labels, as they stand between braces, and the values of a metric.
    pub(crate) fn samples<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let whole = labels.is_empty() || labels.starts_with('{');
            let value = value.parse().ok().filter(|_| whole)?;
            Some((labels.trim_matches(['{', '}']), value))
        })
    }
}
