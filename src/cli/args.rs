//! The commands with their arguments and help.

use super::evaluate::EvaluateArgs;
use crate::evaluate::read::Format;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use std::path::PathBuf;
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  recsys demo                     a shop with visitors, on nothing but this machine
  recsys topics create            make the topics, then
  recsys run -w 2                 run the engine on the services of ./workers.toml
  recsys run --process 1          run the second process of the hosts in workers.toml
  recsys generate --rate 1000     have visitors come, a thousand events a second
  recsys replay --format rees46 2019-Oct.csv
                                  have those of a public click set come
  recsys check all                see whether Kafka, Redis and ZooKeeper answer
  recsys config set recommendation/weights '{\"view\":1,\"add_to_cart\":3,\"purchase\":8}'

Every setting of workers.toml can be given as RECSYS_<SECTION>_<KEY> or --set section.key=value.
RECSYS_LOG=debug logs more. Exit codes: 0 done, 1 failed, 64 bad usage or configuration.";

/// Real-time recommendations for a shop.
///
/// Reads what visitors do from Kafka, keeps what each of them cares about up to date within
/// milliseconds, and answers over HTTP and in Redis.
#[derive(Debug, Parser)]
#[command(name = "recsys", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The options of all commands.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// The configuration; ./workers.toml, where there is one, when none is named
    #[arg(long, global = true, value_name = "FILE", env = "RECSYS_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// One setting, which counts above the file and the environment; may be repeated. Passwords
    /// are better given in the environment: others can see command lines
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub(super) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the engine: one process, or one of several
    Run(RunArgs),
    /// Run the engine without any service, with visitors of its own and a web page
    Demo(DemoArgs),
    /// Make the Kafka topics
    Topics(TopicsArgs),
    /// Make up visitors of a shop: views, carts and purchases, into Kafka or topic files
    Generate(GenerateArgs),
    /// Send a public click set as events, into Kafka or topic files
    Replay(ReplayArgs),
    /// Measure the recommendations on a public click set, beside the methods of the literature
    Evaluate(EvaluateArgs),
    /// See whether a service answers: write to it, read it back, clean up
    Check(CheckArgs),
    /// Read or write what may change at run time
    Config(ConfigArgs),
    /// Check the configuration, and show every setting with where it comes from
    CheckConfig,
    /// Print the completions for a shell
    #[command(after_help = "Example:\n  recsys completions bash > /etc/bash_completion.d/recsys")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys run -w 2
  recsys run --config /etc/recsys.toml --set http.listen=0.0.0.0:8080
  recsys run --process 0 & recsys run --process 1 --set http.listen=127.0.0.1:8081")]
pub(super) struct RunArgs {
    /// Worker threads [workers]
    #[arg(short, long, value_name = "N")]
    workers: Option<String>,
    /// Which of the hosts this process is, from 0 [process]
    #[arg(long, value_name = "I")]
    process: Option<String>,
}

impl RunArgs {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let workers = flag("workers", "--workers", self.workers.as_ref());
        workers.into_iter().chain(flag("process", "--process", self.process.as_ref())).collect()
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys demo                          on http://127.0.0.1:8080, gone when it ends
  recsys demo --dir shop --rate 5000   kept in the folder shop, and busier")]
pub(crate) struct DemoArgs {
    /// Events a second; 0 leaves it to you to post some
    #[arg(long, default_value_t = 50, value_name = "EVENTS")]
    pub(crate) rate: u64,
    /// The port to listen on
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where to keep everything; a folder that goes with the demo when none is named
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Worker threads
    #[arg(short, long, value_name = "N")]
    workers: Option<String>,
}

impl DemoArgs {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let listen = format!("127.0.0.1:{}", self.port);
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        let workers = flag("workers", "--workers", self.workers.as_ref());
        let dir = flag("files.dir", "--dir", dir.as_ref());
        let listen = flag("http.listen", "--port", Some(&listen));
        listen.into_iter().chain(dir).chain(workers).collect()
    }
}

#[derive(Debug, Args)]
pub(super) struct TopicsArgs {
    #[command(subcommand)]
    pub(super) action: TopicsAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum TopicsAction {
    /// Make the topics that are missing
    #[command(after_help = "Example:\n  recsys topics create --partitions 8 --replication 3")]
    Create {
        /// Partitions of each; workers share them out
        #[arg(long, default_value_t = 4, value_parser = value_parser!(i32).range(1..=10_000))]
        partitions: i32,
        /// How many brokers hold each partition
        #[arg(long, default_value_t = 3, value_parser = value_parser!(i32).range(1..=100))]
        replication: i32,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys generate --rate 1000                          live, until Ctrl-C
  recsys generate --events 1000000 --days 7            a week's history, as fast as it goes
  recsys generate --catalogue --events 0               the catalogue alone
  recsys generate --to files --dir shop --events 5000  into shop/view-events.jsonl and so on")]
pub(super) struct GenerateArgs {
    /// Events a second; as fast as it goes when not given
    #[arg(long, value_name = "EVENTS", value_parser = value_parser!(u64).range(1..))]
    pub(super) rate: Option<u64>,
    /// How many events; until Ctrl-C when not given
    #[arg(long, value_name = "N", required_unless_present = "rate")]
    pub(super) events: Option<u64>,
    /// Over how many days, up to now, to spread them; with 0 each happens when it is made
    #[arg(long, default_value_t = 0, requires = "events", conflicts_with = "rate",
        value_parser = value_parser!(u16).range(0..=3650))]
    pub(super) days: u16,
    /// How many people there are
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub(super) users: u32,
    /// How many products there are
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(1..))]
    pub(super) products: u32,
    /// What decides everything that is not chosen here
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Where to [default: kafka where kafka.brokers names some]
    #[arg(long)]
    pub(super) to: Option<Destination>,
    /// The folder of topic files [files.dir]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write the catalogue before the events
    #[arg(long)]
    pub(super) catalogue: bool,
}

impl GenerateArgs {
    /// The arguments for visitors that come at a rate, into topic files, until they are stopped.
    pub(super) fn visitors(rate: u64, users: u32, products: u32) -> GenerateArgs {
        let (rate, to) = (Some(rate), Some(Destination::Files));
        let (events, dir) = (None, None);
        GenerateArgs { rate, events, days: 0, users, products, seed: 1, to, dir, catalogue: true }
    }

    pub(super) fn flags(&self) -> Option<Flag> {
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        flag("files.dir", "--dir", dir.as_ref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Destination {
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

Events keep their own times. A file is sent in its order; with a speed, in the order of times.")]
pub(super) struct ReplayArgs {
    /// How the files are written
    #[arg(long)]
    pub(super) format: Format,
    /// How many times as fast as it happened; max is as fast as it goes
    #[arg(long, default_value = "max")]
    pub(super) speed: Speed,
    /// Where to [default: kafka where kafka.brokers names some]
    #[arg(long)]
    pub(super) to: Option<Destination>,
    /// The folder of topic files [files.dir]
    #[arg(long)]
    pub(super) dir: Option<PathBuf>,
    /// The click set
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
}

impl ReplayArgs {
    pub(super) fn flags(&self) -> Option<Flag> {
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        flag("files.dir", "--dir", dir.as_ref())
    }
}

/// How many times as fast as it happened; `None` is as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed(pub(super) Option<f64>);

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

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys check all && recsys run")]
pub(super) struct CheckArgs {
    /// Which service; all are those that the configuration names
    pub(super) what: Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Service {
    Kafka,
    Redis,
    Zookeeper,
    All,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys config get recommendation/weights
  recsys config set recommendation/weights '{\"view\":1,\"add_to_cart\":3,\"purchase\":8}'
  recsys config set recommendation/weights < weights.json")]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    pub(super) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
    /// Print the value of a node
    Get {
        /// The node, below /config
        path: String,
    },
    /// Set the value of a node, and make it when it is missing
    Set {
        /// The node, below /config
        path: String,
        /// The value; standard input when it is left out
        value: Option<String>,
    },
}

/// A flag that is a setting: its key, its value, and how it was typed.
pub(super) type Flag = (&'static str, String, String);

/// Makes a setting of a flag, if it was given.
pub(super) fn flag(key: &'static str, flag: &str, value: Option<&String>) -> Option<Flag> {
    value.map(|value| (key, value.clone(), flag.to_owned()))
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
