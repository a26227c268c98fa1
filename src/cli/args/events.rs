//! The arguments of the commands that send events: `generate` and `replay`.

use crate::cli::flag::{Flag, flag};
use clap::{Args, ValueEnum, value_parser};
use offline::read::Format;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys generate --rate 1000                          live, until Ctrl-C
  recsys generate --events 1000000 --days 7            a week's history, as fast as it goes
  recsys generate --catalogue --events 0               the catalogue alone
  recsys generate --to files --dir shop --events 5000  into shop/view-events.jsonl and so on")]
pub(in crate::cli) struct GenerateArgs {
    /// Events a second; as fast as it goes when not given
    #[arg(long, value_name = "EVENTS", value_parser = value_parser!(u64).range(1..))]
    pub(in crate::cli) rate: Option<u64>,
    /// How many events; until Ctrl-C when not given
    #[arg(long, value_name = "N", required_unless_present = "rate")]
    pub(in crate::cli) events: Option<u64>,
    /// Over how many days, up to now, to spread them; with 0 each happens when it is made
    #[arg(long, default_value_t = 0, requires = "events", conflicts_with = "rate",
        value_parser = value_parser!(u16).range(0..=3650))]
    pub(in crate::cli) days: u16,
    /// How many people there are
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) users: u32,
    /// How many products there are
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) products: u32,
    /// What decides everything that is not chosen here
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// Where to [default: kafka where kafka.brokers names some]
    #[arg(long)]
    pub(in crate::cli) to: Option<Destination>,
    /// The folder of topic files [files.dir]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write the catalogue before the events
    #[arg(long)]
    pub(in crate::cli) catalogue: bool,
}

impl GenerateArgs {
    /// The arguments for visitors that come at a rate, into topic files, until they are stopped.
    pub(in crate::cli) fn visitors(rate: u64, users: u32, products: u32) -> GenerateArgs {
        let (rate, to) = (Some(rate), Some(Destination::Files));
        let (events, dir) = (None, None);
        GenerateArgs { rate, events, days: 0, users, products, seed: 1, to, dir, catalogue: true }
    }

    pub(in crate::cli) fn flags(&self) -> Option<Flag> {
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        flag("files.dir", "--dir", dir.as_ref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Destination {
    /// The brokers of kafka.brokers
    Kafka,
    /// Topic files
    Files,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys replay --format rees46 2019-Oct.csv                       as fast as it goes
  recsys replay --format rees46 --speed 60 2019-Oct.csv            a minute a second
  recsys replay --format taobao --to files --dir shop UserBehavior.csv

The set's times are moved, all by the same, so that its newest event is now; the files are read once
before to find it. A file is sent in its order; with a speed, in the order of times.")]
pub(in crate::cli) struct ReplayArgs {
    /// How the files are written
    #[arg(long)]
    pub(in crate::cli) format: Format,
    /// How many times as fast as it happened; max is as fast as it goes
    #[arg(long, default_value = "max")]
    pub(in crate::cli) speed: Speed,
    /// Leave the times as they are in the set. Trends, visits and what fades go by the newest event of
    /// all, so that one live click makes the whole set the past: trending then shows that click alone,
    /// and what is older than views.horizon_days leaves the history
    #[arg(long)]
    pub(in crate::cli) as_recorded: bool,
    /// Where to [default: kafka where kafka.brokers names some]
    #[arg(long)]
    pub(in crate::cli) to: Option<Destination>,
    /// The folder of topic files [files.dir]
    #[arg(long)]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// The click set
    #[arg(required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
}

impl ReplayArgs {
    pub(in crate::cli) fn flags(&self) -> Option<Flag> {
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        flag("files.dir", "--dir", dir.as_ref())
    }
}

/// How many times as fast as it happened; `None` is as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cli) struct Speed(pub(in crate::cli) Option<f64>);

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Speed(None)),
            Ok(0.0) => Ok(Speed(None)),
            Ok(speed) if speed > 0.0 && speed.is_finite() => Ok(Speed(Some(speed))),
            _ => Err("must be a number above 0, or max".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Speed;

    #[test]
    fn speeds_are_read() {
        let cases = [
            ("max", Ok(Speed(None))),
            ("0", Ok(Speed(None))),
            ("60", Ok(Speed(Some(60.0)))),
            ("0.5", Ok(Speed(Some(0.5)))),
            ("-1", Err(())),
            ("inf", Err(())),
            ("fast", Err(())),
        ];
        for (text, speed) in cases {
            assert_eq!(text.parse().map_err(|_: String| ()), speed, "{text}");
        }
    }
}
