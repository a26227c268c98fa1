//! `recsys replay`: a public click set as events, into Kafka or topic files.

use super::args::ReplayArgs;
use super::failure::Interrupted;
use super::interrupt::interrupts;
use super::output::{say, sum};
use super::writer::{RecordWriter, open};
use crate::config::Config;
use crate::event_log::Subject;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use offline::read::{ClickRecord, Tally, check_readable, read};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why sending ended early.
#[derive(Debug)]
enum End {
    Interrupted,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for End {
    fn from(error: E) -> End {
        End::Failed(error.into())
    }
}

/// An event that is to be sent.
struct Sendable {
    time: i64,
    topic: &'static str,
    user: String,
    json: Vec<u8>,
}

pub(super) fn run(config: &Config, args: &ReplayArgs) -> anyhow::Result<()> {
    // Before anything is sent.
    args.files.iter().try_for_each(|file| check_readable(file))?;
    let stop = interrupts()?;
    let mut writer = open(config, args.to)?;
    let template = "{spinner} {human_pos} events, {per_sec}, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is as it should");
    let bar = ProgressBar::new_spinner().with_style(style);
    let mut tally = Tally::default();
    let sent = shift(args, &stop).and_then(|shift| {
        if shift != 0 {
            say(&format!("times are moved by {}", days(shift)))?;
        }
        match args.speed.0 {
            None => at_once(args, shift, writer.as_mut(), &mut tally, &stop, &bar),
            Some(speed) => in_time(args, shift, speed, writer.as_mut(), &mut tally, &stop, &bar),
        }
    });
    writer.finish()?;
    bar.finish();
    let sum = sum(&bar);
    match sent {
        Err(End::Failed(error)) => Err(error),
        Err(End::Interrupted) => Err(Interrupted(sum).into()),
        Ok(()) => {
            say(&sum)?;
            tally.complaint().map_or(Ok(()), |complaint| say(&complaint))
        }
    }
}

/// Returns by how many milliseconds the set's times are moved, so that the newest event is now when it
/// is sent.
fn shift(args: &ReplayArgs, stop: &AtomicBool) -> Result<i64, End> {
    let mut times: Option<(i64, i64)> = None;
    for file in args.files.iter().filter(|_| !args.as_recorded) {
        read(file, args.format, &mut Tally::default(), |record| {
            let (first, last) = times.unwrap_or((record.time, record.time));
            times = Some((first.min(record.time), last.max(record.time)));
            if stop.load(Ordering::Relaxed) { Err(End::Interrupted) } else { Ok(()) }
        })?;
    }
    let Some((first, last)) = times else { return Ok(0) };
    let takes = match args.speed.0 {
        None => Duration::ZERO,
        // Slower than it happened, events would come before their times.
        Some(speed) => due(last - first, speed.max(1.0)),
    };
    let takes = i64::try_from(takes.as_millis()).unwrap_or(0);
    Ok(Timestamp::now().as_millisecond() + takes - last)
}

/// Tells a time to a person.
fn days(milliseconds: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
    let days = milliseconds as f64 / 86_400_000.0;
    format!("{days:.1} days")
}

/// Sends every event as it is read.
fn at_once(
    args: &ReplayArgs,
    shift: i64,
    writer: &mut dyn RecordWriter,
    tally: &mut Tally,
    stop: &AtomicBool,
    bar: &ProgressBar,
) -> Result<(), End> {
    for file in &args.files {
        read(file, args.format, tally, |record| {
            if stop.load(Ordering::Relaxed) {
                return Err(End::Interrupted);
            }
            writer.send(
                Subject::from(record.event_type.topic()).topic(),
                record.user,
                &json(record, shift),
            )?;
            bar.inc(1);
            Ok(writer.wait(Duration::ZERO)?)
        })?;
    }
    Ok(())
}

/// Sends every event when it is due, from the earliest on.
fn in_time(
    args: &ReplayArgs,
    shift: i64,
    speed: f64,
    writer: &mut dyn RecordWriter,
    tally: &mut Tally,
    stop: &AtomicBool,
    bar: &ProgressBar,
) -> Result<(), End> {
    let mut events: Vec<Sendable> = Vec::new();
    for file in &args.files {
        read(file, args.format, tally, |record| {
            let (topic, user) =
                (Subject::from(record.event_type.topic()).topic(), record.user.to_owned());
            events.push(Sendable { time: record.time, topic, user, json: json(record, shift) });
            if stop.load(Ordering::Relaxed) { Err(End::Interrupted) } else { Ok(()) }
        })?;
    }
    events.sort_by_key(|event| event.time);
    let (begun, first) = (Instant::now(), events.first().map_or(0, |event| event.time));
    for event in events {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(End::Interrupted);
            }
            match due(event.time - first, speed).checked_sub(begun.elapsed()) {
                Some(left) if !left.is_zero() => writer.wait(left.min(STOP_CHECK))?,
                _ => break,
            }
        }
        writer.send(event.topic, &event.user, &event.json)?;
        bar.inc(1);
    }
    Ok(())
}

/// The longest wait before it is checked again whether to stop.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Returns when an event is due, after the first, that happened `after` milliseconds after it.
fn due(after: i64, speed: f64) -> Duration {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
    let seconds = after.max(0) as f64 / 1_000.0 / speed;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Makes the JSON of an event from a record, its time moved by some milliseconds.
fn json(record: &ClickRecord<'_>, shift: i64) -> Vec<u8> {
    let time = Timestamp::from_millisecond(record.time.saturating_add(shift)).unwrap_or_default();
    let mut event = json!({
        "eventType": record.event_type.name(),
        "userId": record.user,
        "product": record.product,
        "timestamp": format!("{time:.3}"),
    });
    let texts = [("sessionId", record.session), ("category", record.category)];
    for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        event[key] = text.into();
    }
    if !record.tags.is_empty() {
        event["tags"] = record.tags.clone().into();
    }
    event.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Destination;
    use crate::cli::args::events::Speed;
    use crate::config::Layers;
    use offline::read::Format;
    use std::path::Path;

    #[test]
    fn events_are_due_as_far_apart_as_they_happened() {
        assert_eq!(due(60_000, 60.0), Duration::from_secs(1));
        assert_eq!(due(-5, 1.0), Duration::ZERO);
    }

    const CLICKS: &str = "2,20,7,buy,1511544071\n1,10,7,pv,1511544070\n1,10,";

    /// Replays the clicks, and returns the lines of a topic's file.
    fn replayed(speed: Speed, as_recorded: bool, topic: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clicks.csv");
        std::fs::write(&file, CLICKS).unwrap();
        let args = ReplayArgs {
            format: Format::Taobao,
            speed,
            as_recorded,
            to: Some(Destination::Files),
            dir: None,
            files: vec![file],
        };
        let shop = dir.path().join("shop").display().to_string();
        let layers = Layers::default().flag("files.dir", &shop, "--dir");
        run(&layers.check().unwrap().0, &args).unwrap();
        std::fs::read_to_string(Path::new(&shop).join(topic)).unwrap()
    }

    const SPEEDS: [Speed; 3] = [Speed(None), Speed(Some(1e6)), Speed(Some(4.0))];

    /// A line without the time at which it was written.
    fn unstamped(line: &str) -> String {
        let (stamp, fields) = line.split_once(',').unwrap();
        assert!(stamp.starts_with("{\"recordedAt\":"), "{line}");
        format!("{{{fields}")
    }

    #[test]
    fn clicks_become_events_of_their_topics() {
        for speed in SPEEDS {
            assert_eq!(
                unstamped(&replayed(speed, true, "view-events.jsonl")),
                "{\"eventType\":\"view\",\"userId\":\"1\",\"product\":\"10\",\
                 \"timestamp\":\"2017-11-24T17:21:10.000Z\",\"category\":\"7\",\"tags\":[\"7\"]}\n",
            );
            assert_eq!(
                unstamped(&replayed(speed, true, "purchase-events.jsonl")),
                "{\"eventType\":\"purchase\",\"userId\":\"2\",\"product\":\"20\",\
                 \"timestamp\":\"2017-11-24T17:21:11.000Z\",\"category\":\"7\",\"tags\":[\"7\"]}\n",
            );
        }
    }

    #[test]
    fn the_newest_event_is_now_and_the_others_as_long_before_it_as_they_were() {
        // The view came a second before the purchase, which is the newest.
        for speed in SPEEDS {
            for (topic, before) in [("view-events.jsonl", 1000), ("purchase-events.jsonl", 0)] {
                let begun = Timestamp::now().as_millisecond();
                let line = replayed(speed, false, topic);
                let ended = Timestamp::now().as_millisecond();
                let event: serde_json::Value = serde_json::from_str(&line).unwrap();
                let time: Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
                let newest = time.as_millisecond() + before;
                assert!((begun..=ended).contains(&newest), "{speed:?} {line} {begun} {ended}");
            }
        }
    }
}
