//! `recsys generate`: a made-up shop's visitors, into Kafka or topic files.

use super::args::GenerateArgs;
use super::failure::Interrupted;
use super::output::sum;
use super::writer::{RecordWriter, open};
use crate::config::Config;
use crate::event_log::Subject;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use offline::generator::{RateLimiter, Shop, Visitors};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The topic of catalogue rows.
const CATALOGUE: &str = "product-catalog";
/// The number of events between two readings of the clock.
const EVENTS_A_ROUND: u64 = 1_000;
/// The pause before it is checked again which events are due.
const WAIT: Duration = Duration::from_millis(2);

/// Generates until there are as many events as asked for, or `stop` is set. Tells what was sent.
pub(super) fn run(
    config: &Config,
    args: &GenerateArgs,
    stop: &AtomicBool,
) -> anyhow::Result<String> {
    let mut writer = open(config, args.to)?;
    let shop = Shop::new(args.products as usize, args.seed);
    if args.catalogue {
        for item in shop.items() {
            writer.send(CATALOGUE, &item.id, item.to_json().as_bytes())?;
        }
        // Catalogue rows are stored before the events that refer to them.
        writer.finish()?;
    }
    let bar = bar(args.events);
    let made = visitors(&shop, args, writer.as_mut(), &bar, stop);
    writer.finish()?;
    // Of a bar that has a length, the end is its last position.
    let done = bar.position();
    bar.abandon();
    made?;
    match args.events {
        Some(events) if done < events => Err(Interrupted(sum(&bar)).into()),
        _ => Ok(sum(&bar)),
    }
}

/// Sends events until there are as many as asked for, or `stop` is set.
fn visitors(
    shop: &Shop,
    args: &GenerateArgs,
    writer: &mut dyn RecordWriter,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let mut visitors = Visitors::new(shop, args.users as usize, args.seed);
    let mut limiter = args.rate.map(|rate| RateLimiter::new(rate, Instant::now()));
    let total = args.events.unwrap_or(u64::MAX);
    let (mut done, mut json, mut user) = (0, Vec::new(), String::new());
    while done < total && !stop.load(Ordering::Relaxed) {
        let due = limiter
            .as_mut()
            .map_or(EVENTS_A_ROUND, |limiter| limiter.due(Instant::now()))
            .min(total - done);
        let now = Timestamp::now().as_millisecond();
        for number in done..done + due {
            let step = visitors.step();
            json.clear();
            visitors.write(&step, now - age(args.days, number, total), &mut json);
            user.clear();
            user.push_str("user");
            user.push_str(itoa::Buffer::new().format(step.user));
            writer.send(Subject::from(step.kind).topic(), &user, &json)?;
        }
        done += due;
        bar.set_position(done);
        writer.wait(if limiter.is_some() { WAIT } else { Duration::ZERO })?;
    }
    Ok(())
}

/// Returns how long ago an event happened, in milliseconds, so that `total` events spread evenly
/// over `days` up to now.
fn age(days: u16, number: u64, total: u64) -> i64 {
    let span = u128::from(days) * 86_400_000;
    let left = u128::from(total - number) * span / u128::from(total.max(1));
    i64::try_from(left).unwrap_or(0)
}

fn bar(events: Option<u64>) -> ProgressBar {
    let (bar, template) = match events {
        Some(events) => (
            ProgressBar::new(events),
            "{bar:40} {human_pos} of {human_len} events, {per_sec}, {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {human_pos} events, {per_sec}, {elapsed}"),
    };
    bar.with_style(
        ProgressStyle::with_template(template).expect("the templates are as they should"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_ends_now_and_begins_its_days_ago() {
        assert_eq!([0, 50, 100].map(|number| age(1, number, 100)), [86_400_000, 43_200_000, 0]);
        assert_eq!(age(0, 3, u64::MAX), 0);
    }
}
