//! Watches an engine from outside until it has taken all events in.
//!
//! The clock runs from the last look that saw no event read, to the look that saw everything done:
//! with Redis, to the last growth of the count of fields that Redis has acknowledged; without, to
//! the first look at a ready engine, for it is ready once all that was there when it started
//! reading is in its state. Both are late rather than early, by a look (and, when it is readiness,
//! by up to 0.1 s more, which is how often the engine itself looks).

use crate::http::Connection;
use crate::metrics::Metrics;
use anyhow::{Context, bail};
use clap::Args;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Watch {
    /// Where the engine listens
    #[arg(long)]
    http: String,
    /// How many events there are
    #[arg(long)]
    events: u64,
    /// The engine writes to Redis
    #[arg(long)]
    redis: bool,
    /// How many seconds it may take
    #[arg(long, default_value_t = 300)]
    patience: u64,
}

/// How often to look.
const LOOK: Duration = Duration::from_millis(25);
/// How long Redis must have been left in peace before its last field counts as the last.
const QUIET: Duration = Duration::from_millis(500);

/// What one look saw.
struct Seen {
    events: f64,
    fields: f64,
    waiting: f64,
    ready: bool,
}

impl Watch {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(self.patience);
        let mut connection = self.connect(deadline)?;
        let (mut began, mut ready, mut grew) = (None, None, None::<(f64, Instant)>);
        loop {
            let now = Instant::now();
            let seen = look(&mut connection)?;
            if seen.events == 0.0 {
                began = Some(now);
            }
            let began = began.context("events were read before the first look")?;
            if grew.is_none_or(|(fields, _)| fields < seen.fields) {
                grew = Some((seen.fields, now));
            }
            if seen.ready && seen.events >= self.events as f64 {
                ready.get_or_insert(now);
            }
            let written = grew.map(|(_, when)| when);
            let done = match (self.redis, ready, written) {
                (false, Some(ready), _) => Some(ready),
                (true, Some(_), Some(written)) => {
                    (seen.waiting == 0.0 && now - written > QUIET).then_some(written)
                }
                _ => None,
            };
            if let Some(done) = done {
                let seconds = (done - began).as_secs_f64();
                println!("events {}\nseconds {seconds:.3}", seen.events);
                println!("events_per_s {:.0}\nfields {}", seen.events / seconds, seen.fields);
                return Ok(());
            }
            if now > deadline {
                bail!(
                    "not done in {} s: {} events, ready {}, {} users wait",
                    self.patience,
                    seen.events,
                    seen.ready,
                    seen.waiting
                );
            }
            crate::wait::wait_until(now + LOOK);
        }
    }

    fn connect(&self, deadline: Instant) -> anyhow::Result<Connection> {
        loop {
            match Connection::open(&self.http) {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => crate::wait::wait_until(Instant::now() + LOOK),
            }
        }
    }
}

fn look(connection: &mut Connection) -> anyhow::Result<Seen> {
    let metrics = Metrics::look(connection)?;
    Ok(Seen {
        events: metrics.sum("recsys_events_total"),
        fields: metrics.sum("recsys_sink_fields_total"),
        waiting: metrics.sum("recsys_sink_pending_users"),
        ready: metrics.sum("recsys_ready") == 1.0,
    })
}
