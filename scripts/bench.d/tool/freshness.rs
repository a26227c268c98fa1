//! How fresh an engine's profiles are in Redis, by its own histogram, over some seconds.

use crate::http::Connection;
use crate::metrics::Metrics;
use crate::wait::wait_until;
use anyhow::{Context, ensure};
use clap::Args;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Freshness {
    /// Where the engine listens
    #[arg(long)]
    http: String,
    /// How many seconds
    #[arg(long)]
    seconds: u64,
}

/// Upper bounds in seconds with the number of events at or below each.
type Buckets = Vec<(f64, f64)>;

impl Freshness {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        // A connection each: the engine closes one that is idle for long.
        let before = buckets(&mut Connection::open(&self.http)?)?;
        wait_until(Instant::now() + Duration::from_secs(self.seconds));
        let after = buckets(&mut Connection::open(&self.http)?)?;
        let grown: Buckets = after
            .iter()
            .map(|&(bound, count)| {
                let earlier = before.iter().find(|(other, _)| *other == bound);
                (bound, count - earlier.map_or(0.0, |(_, count)| *count))
            })
            .collect();
        let total = grown.last().context("there is no histogram")?.1;
        ensure!(total > 0.0, "no event reached Redis meanwhile");
        println!("events {total}");
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            // The bucket's upper bound: true is that or less.
            let bucket = grown.iter().find(|(_, count)| *count >= share * total);
            println!("{name}_ms {:.0}", bucket.context("the last one holds all")?.0 * 1e3);
        }
        Ok(())
    }
}

fn buckets(connection: &mut Connection) -> anyhow::Result<Buckets> {
    let metrics = Metrics::look(connection)?;
    let bounds = metrics.samples("recsys_freshness_seconds_bucket");
    Ok(bounds
        .filter_map(|(labels, count)| {
            let bound = labels.strip_prefix("le=\"")?.strip_suffix('"')?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count))
        })
        .collect())
}
