//! New weights, and when they are seen: by a read over HTTP, and by the last hash in Redis.
//!
//! A view's weight is raised by one, so that every score of a user who has only viewed changes. A
//! sample of users is looked at; Redis holds the weights when all of the sample are as a read shows
//! them.

use crate::http::Connection;
use crate::wait::wait_until;
use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Reweigh {
    /// Where the engine listens
    #[arg(long)]
    http: String,
    /// Where Redis listens
    #[arg(long)]
    redis: String,
    /// How many users there are
    #[arg(long)]
    users: u32,
    /// How many of them are looked at
    #[arg(long, default_value_t = 1_000)]
    sample: u32,
}

/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(180);
const WEIGHTS: &str = "/api/recommendation/weights";

type Profile = HashMap<String, f64>;

impl Reweigh {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.http)?;
        let mut redis = redis::Client::open(format!("redis://{}", self.redis))?
            .get_connection()
            .context("Redis does not answer")?;
        let users: Vec<String> = (0..self.sample)
            .map(|place| {
                format!("user{}", u64::from(place) * u64::from(self.users) / u64::from(self.sample))
            })
            .collect();
        let before = profile(&mut connection, &users[0])?;
        ensure!(!before.is_empty(), "{} has no profile", users[0]);

        let (_, weights) = connection.get(WEIGHTS)?;
        let mut weights: Value = serde_json::from_slice(weights)?;
        let view = weights["view"].as_f64().context("the weights have no view")?;
        weights["view"] = (view + 1.0).into();
        let asked = Instant::now();
        let (status, answer) = connection.ask("POST", WEIGHTS, &weights.to_string())?;
        ensure!(status == 200, "{WEIGHTS} answers {status}: {}", String::from_utf8_lossy(answer));
        println!("stored_ms {:.1}", asked.elapsed().as_secs_f64() * 1e3);
        while profile(&mut connection, &users[0])? == before {
            ensure!(asked.elapsed() < PATIENCE, "no read shows the weights");
            wait_until(Instant::now() + Duration::from_micros(500));
        }
        println!("read_ms {:.1}", asked.elapsed().as_secs_f64() * 1e3);

        let wanted: Vec<Profile> =
            users.iter().map(|user| profile(&mut connection, user)).collect::<Result<_, _>>()?;
        loop {
            let mut pipeline = redis::pipe();
            for user in &users {
                pipeline.hgetall(format!("user:profile:{user}"));
            }
            let held: Vec<Profile> = pipeline.query(&mut redis)?;
            if held == wanted {
                break;
            }
            if asked.elapsed() > PATIENCE {
                let wrong = held.iter().zip(&wanted).filter(|(held, wanted)| held != wanted);
                bail!("Redis has other scores for {} of {} users", wrong.count(), users.len());
            }
            wait_until(Instant::now() + Duration::from_millis(50));
        }
        println!("redis_s {:.2}", asked.elapsed().as_secs_f64());
        Ok(())
    }
}

fn profile(connection: &mut Connection, user: &str) -> anyhow::Result<Profile> {
    let (status, body) = connection.get(&format!("/api/user-profile/{user}"))?;
    ensure!(status == 200, "the profile of {user}: {status}");
    Ok(serde_json::from_slice(body)?)
}
