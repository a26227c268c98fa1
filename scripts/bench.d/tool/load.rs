//! Asks over HTTP and tells how long answers took.
//!
//! Open loop: request k is due at start + k / rate, whether or not earlier ones have been answered,
//! and its latency counts from then. So a stall of the engine counts for every request that was due
//! in it, and so does the generator's own delay, which is told apart as `sent_late`. Closed loop:
//! each connection asks as soon as it has its answer.

use crate::http::Connection;
use crate::traffic::Traffic;
use crate::wait_until;
use clap::Args;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Load {
    /// Where the engine listens
    #[arg(long)]
    http: String,
    /// What is asked for; {user} and {product} become names
    #[arg(long)]
    path: String,
    /// What is posted, {user} and {product} filled in; without it, it is a GET
    #[arg(long, default_value = "")]
    post: String,
    /// Requests a second, over all connections
    #[arg(long, conflicts_with = "closed", required_unless_present = "closed")]
    rate: Option<u32>,
    /// As fast as answers come
    #[arg(long)]
    closed: bool,
    /// Kept-alive connections
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// For how many seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// How many seconds at the beginning do not count
    #[arg(long, default_value_t = 2)]
    warm_up: u32,
    #[arg(long, default_value_t = 500_000)]
    users: u32,
    /// All users are as likely
    #[arg(long)]
    even_users: bool,
    #[arg(long, default_value_t = 100_000)]
    products: u32,
}

/// How long after its end an open loop asks what is overdue.
const GRACE: Duration = Duration::from_secs(5);

/// What one connection saw: latencies in microseconds.
#[derive(Default)]
struct Seen {
    latencies: Vec<u32>,
    late: Vec<u32>,
    failed: u32,
    missed: u32,
    bytes: usize,
}

impl Load {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        // Connections first, so that none of the load goes into setting them up.
        let connections: Vec<Connection> = (0..self.connections)
            .map(|_| Connection::open(&self.http))
            .collect::<Result<_, _>>()?;
        let start = Instant::now() + Duration::from_millis(50);
        let seen: Vec<anyhow::Result<Seen>> = std::thread::scope(|scope| {
            let askers: Vec<_> = (0..self.connections)
                .zip(connections)
                .map(|(index, connection)| scope.spawn(move || self.ask(index, connection, start)))
                .collect();
            askers.into_iter().map(|asker| asker.join().expect("askers don't panic")).collect()
        });
        let mut total = Seen::default();
        for seen in seen {
            let mut seen = seen?;
            total.latencies.append(&mut seen.latencies);
            total.late.append(&mut seen.late);
            total.failed += seen.failed;
            total.missed += seen.missed;
            total.bytes += seen.bytes;
        }
        total.print(f64::from(self.seconds));
        Ok(())
    }

    fn ask(&self, index: u32, mut connection: Connection, start: Instant) -> anyhow::Result<Seen> {
        let mut traffic =
            Traffic::new(u64::from(index) + 1_000, self.users, self.products).even(self.even_users);
        let counted = start + Duration::from_secs(self.warm_up.into());
        let end = counted + Duration::from_secs(self.seconds.into());
        let mut seen = Seen::default();
        let mut due = start + self.gap(index);
        let step = self.gap(self.connections);
        while due < end {
            wait_until(due);
            if end.elapsed() > GRACE {
                // The engine is overrun: what is still due will not be asked.
                while due < end {
                    seen.missed += u32::from(due >= counted);
                    due += step;
                }
                break;
            }
            let act = traffic.next().expect("traffic is endless");
            let fill = |text: &str| {
                text.replace("{user}", &format!("user{}", act.user))
                    .replace("{product}", &format!("product{}", act.product))
            };
            let (path, body) = (fill(&self.path), fill(&self.post));
            let late = due.elapsed();
            let method = if self.post.is_empty() { "GET" } else { "POST" };
            let (status, body) = connection.ask(method, &path, &body)?;
            if due >= counted {
                seen.latencies.push(micros(due.elapsed()));
                seen.late.push(micros(late));
                seen.failed += u32::from(!(200..300).contains(&status));
                seen.bytes += body.len();
            }
            due = if self.closed { Instant::now() } else { due + step };
        }
        Ok(seen)
    }

    /// The time that so many requests take at the rate; none in a closed loop.
    fn gap(&self, requests: u32) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| f64::from(requests) / f64::from(rate));
        Duration::from_secs_f64(seconds)
    }
}

impl Seen {
    fn print(&mut self, seconds: f64) {
        self.latencies.sort_unstable();
        self.late.sort_unstable();
        let count = self.latencies.len();
        println!("requests {count}\nrequests_per_s {:.0}", count as f64 / seconds);
        println!("failed {}\nmissed {}", self.failed, self.missed);
        println!("answer_bytes {}", self.bytes / count.max(1));
        for (name, share) in
            [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
        {
            if let Some(latency) = quantile(&self.latencies, share) {
                println!("{name}_ms {latency:.3}");
            }
        }
        if let Some(late) = quantile(&self.late, 0.99) {
            println!("sent_late_p99_ms {late:.3}");
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// In milliseconds, of sorted microseconds.
fn quantile(sorted: &[u32], share: f64) -> Option<f64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let place = (share * sorted.len() as f64).ceil() as usize;
    Some(f64::from(*sorted.get(place.saturating_sub(1))?) / 1e3)
}
