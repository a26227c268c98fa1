//! Writes events to Kafka: all at once for a backlog, or at a rate, for so long.

use crate::digest::Sum;
use crate::traffic::{TAGS, Traffic, TrafficEvent};
use crate::wait::wait_until;
use anyhow::{Context, bail, ensure};
use clap::Args;
use dataflows::record::event::Kind;
use dataflows::score::weights::Weights;
use jiff::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use recsys::event_log::Subject;
use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

type Sender = ThreadedProducer<DefaultProducerContext>;

#[derive(Args)]
pub(crate) struct Fill {
    /// Kafka's brokers
    #[arg(long)]
    brokers: String,
    /// What stands before the topics' names
    #[arg(long)]
    prefix: String,
    /// How many events
    #[arg(long)]
    events: u64,
    /// Events a second; as fast as it goes when not given
    #[arg(long)]
    rate: Option<u64>,
    #[arg(long, default_value_t = 500_000)]
    users: u32,
    /// All users are as likely
    #[arg(long)]
    even_users: bool,
    #[arg(long, default_value_t = 100_000)]
    products: u32,
    /// Over how many days, up to now, the events' own times are spread
    #[arg(long, default_value_t = 0)]
    days: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many milliseconds a record may wait for others: fewer is fresher, more is less work for
    /// the brokers
    #[arg(long, default_value_t = 5)]
    linger: u32,
    /// Every event brings two pairs of a user and a tag that none brought before
    #[arg(long)]
    distinct: bool,
    /// Tell what Redis must hold when a profile has been made of all events
    #[arg(long)]
    expect: bool,
}

impl Fill {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let producer = self.producer()?;
        let topics =
            Kind::ALL.map(|kind| format!("{}{}", self.prefix, Subject::from(kind).topic()));
        let mut traffic = Traffic::new(self.seed, self.users, self.products).even(self.even_users);
        let mut scores: HashMap<(u32, u32), i64> = HashMap::new();
        let (began, mut done, mut late) = (Instant::now(), 0, Duration::ZERO);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let start = Timestamp::now().as_millisecond();
        while done < self.events {
            // A turn of a paced stream is a millisecond's events.
            let turn = self.rate.map_or(10_000, |rate| (rate / 1_000).max(1));
            if let Some(rate) = self.rate {
                let due = began + Duration::from_nanos(done * 1_000_000_000 / rate);
                wait_until(due);
                late = late.max(due.elapsed());
            }
            let now = Timestamp::now().as_millisecond();
            for number in done..(done + turn).min(self.events) {
                let mut act = traffic.next().expect("traffic is endless");
                if self.distinct {
                    self.make_distinct(&mut act, number)?;
                }
                let time = if self.days == 0 { now } else { start - self.age(number) };
                write_event(&act, Timestamp::from_millisecond(time)?, &mut key, &mut value)?;
                send(&producer, &topics[act.kind.index()], &key, &value)?;
                if self.expect {
                    for tag in act.tags {
                        *scores.entry((act.user, tag)).or_default() +=
                            Weights::default().of(act.kind).0;
                    }
                }
            }
            done = (done + turn).min(self.events);
        }
        producer.flush(Duration::from_secs(60)).context("events were not acknowledged")?;
        let seconds = began.elapsed().as_secs_f64();
        println!("events {done}\nseconds {seconds:.3}\nevents_per_s {:.0}", done as f64 / seconds);
        println!("latest_ms {:.1}", late.as_secs_f64() * 1e3);
        if self.expect {
            expected(&scores).print();
        }
        Ok(())
    }

    fn producer(&self) -> anyhow::Result<Sender> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config.set("linger.ms", self.linger.to_string());
        // In order in each partition, and each once: a backlog must be what it is said to be. At a
        // rate librdkafka would spin while its five requests are under way, for a tenth of a second
        // where the broker that is to answer waits for this very core.
        config.set("enable.idempotence", self.rate.is_none().to_string());
        // That all were written is known once the queue is empty.
        config.set("delivery.report.only.error", "true");
        config.set("queue.buffering.max.messages", "500000");
        Ok(config.create_with_context(DefaultProducerContext)?)
    }

    /// All users in turn get the first two tags, then the next two; spread by a prime.
    fn make_distinct(&self, act: &mut TrafficEvent, number: u64) -> anyhow::Result<()> {
        let users = u64::from(self.users);
        act.user = u32::try_from(number * 2_654_435_761 % users)?;
        let first = u32::try_from(number / users)? * 2;
        ensure!(first + 1 < TAGS, "there are only {TAGS} tags");
        act.tags = [first, first + 1];
        Ok(())
    }

    fn age(&self, number: u64) -> i64 {
        let left = u128::from(self.events - number) * u128::from(self.days) * 86_400_000;
        i64::try_from(left / u128::from(self.events)).unwrap_or(0)
    }
}

fn write_event(
    act: &TrafficEvent,
    time: Timestamp,
    key: &mut Vec<u8>,
    value: &mut Vec<u8>,
) -> anyhow::Result<()> {
    key.clear();
    value.clear();
    write!(key, "user{}", act.user)?;
    let (kind, [first, second]) = (act.kind.name(), act.tags);
    write!(
        value,
        r#"{{"eventType":"{kind}","userId":"user{}","product":"product{}","#,
        act.user, act.product
    )?;
    write!(value, r#""timestamp":"{time:.3}","tags":["tag{first}","tag{second}"]}}"#)?;
    Ok(())
}

fn send(producer: &Sender, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
    let mut record = BaseRecord::to(topic).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                wait_until(Instant::now() + Duration::from_millis(5));
            }
            Err((error, _)) => bail!(error),
        }
    }
}

/// The sum of the hashes that all scores make.
fn expected(scores: &HashMap<(u32, u32), i64>) -> Sum {
    let mut sum = Sum::default();
    for (&(user, tag), &score) in scores {
        let score = dataflows::score::weights::Score(score).to_string();
        sum.field(&format!("user:profile:user{user}"), &format!("tag{tag}"), &score);
    }
    sum
}
