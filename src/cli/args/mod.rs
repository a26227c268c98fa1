//! The commands with their arguments and help.

pub(super) mod asking;
pub(super) mod events;

pub(super) use asking::{
    RecommendArgs, RulesArgs, StatusArgs, TailArgs, UserArgs, WeightsAction, WeightsArgs, WhyArgs,
};
pub(super) use events::{Destination, GenerateArgs, ReplayArgs};

use crate::cli::evaluate::EvaluateArgs;
use crate::cli::exit_code;
use crate::cli::flag::{Flag, flag};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use std::path::PathBuf;

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
  recsys status --watch           watch what the engine does
  recsys recommend user1          see what a user is recommended, and why
  recsys weights set purchase=8   have purchases count more, at once

Every setting of workers.toml can be given as RECSYS_<SECTION>_<KEY> or --set section.key=value.
RECSYS_LOG=debug logs more.";

fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit_code::table())
}

/// Real-time recommendations for a shop.
///
/// Reads what visitors do from Kafka, keeps what each of them cares about up to date within
/// milliseconds, and answers over HTTP and in Redis.
#[derive(Debug, Parser)]
#[command(name = "recsys", version, after_help = after_help())]
pub(in crate::cli) struct Cli {
    #[command(flatten)]
    pub(in crate::cli) options: Options,
    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,
}

/// The options of all commands.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct Options {
    /// The configuration; ./workers.toml, where there is one, when none is named
    /// [env: RECSYS_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// One setting, which counts above the file and the environment; may be repeated. Passwords
    /// are better given in the environment: others can see command lines
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub(in crate::cli) set: Vec<String>,
}

impl Options {
    /// The named configuration: by the command line, or else by the environment. An empty variable names
    /// none.
    pub(in crate::cli) fn file(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("RECSYS_CONFIG").filter(|path| !path.is_empty());
        self.config.clone().or_else(|| variable().map(PathBuf::from))
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
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
    /// Hold what Redis has to the state of the engine that writes there
    Redis(RedisArgs),
    /// Ask the process that has this configuration whether it is alive, or ready
    Health(HealthArgs),
    /// Show what the process that has this configuration says of itself: its progress, what is wrong, and the
    /// settings in force
    Status(StatusArgs),
    /// Show what is known of a user: profile, visit, purchases
    User(UserArgs),
    /// Show what a user is recommended, and why
    Recommend(RecommendArgs),
    /// Show why a user is recommended a product, or is not
    Why(WhyArgs),
    /// Show events as they come
    Tail(TailArgs),
    /// Show the weights of views, carts and purchases, or change some of them
    Weights(WeightsArgs),
    /// Show the rules of merchandising in words
    Rules(RulesArgs),
    /// Read or write what may change at run time
    Config(ConfigArgs),
    /// Write a checkpoint, or look at those that there are
    Checkpoint(CheckpointArgs),
    /// Check the configuration, and show every setting with where it comes from
    CheckConfig,
    /// Make a token for a program, or a key for a visitor's browser
    Token(TokenArgs),
    /// See whether a receipt of a forget is what was signed
    Receipt(ReceiptArgs),
    /// Write the manual pages of all commands
    #[command(after_help = "Example:\n  recsys man /usr/local/share/man/man1")]
    Man {
        /// The folder that they go to, which is made if it is not there
        folder: PathBuf,
    },
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
  recsys run --process 0 & recsys run --process 1 --set http.listen=127.0.0.1:8081
  recsys run --accept-loss             read on behind records that Kafka no longer has")]
pub(in crate::cli) struct RunArgs {
    /// Worker threads [workers]
    #[arg(short, long, value_name = "N")]
    workers: Option<String>,
    /// Which of the hosts this process is, from 0 [process]
    #[arg(long, value_name = "I")]
    process: Option<String>,
    /// Read on where records were deleted before they were read [kafka.accept_loss]
    #[arg(long)]
    accept_loss: bool,
    /// Begin without the checkpoints that there are, and read the topics from their beginning [checkpoint.rebuild]
    #[arg(long)]
    rebuild: bool,
    /// Take Redis from another engine that is alive: it ends. Of several processes, the first needs it
    #[arg(long)]
    pub(in crate::cli) take_over: bool,
}

impl RunArgs {
    pub(in crate::cli) fn flags(&self) -> Vec<Flag> {
        let [accepts, rebuilds] =
            [self.accept_loss, self.rebuild].map(|is_set| is_set.then(|| "true".to_owned()));
        let flags = [
            flag("workers", "--workers", self.workers.as_ref()),
            flag("process", "--process", self.process.as_ref()),
            flag("kafka.accept_loss", "--accept-loss", accepts.as_ref()),
            flag("checkpoint.rebuild", "--rebuild", rebuilds.as_ref()),
        ];
        flags.into_iter().flatten().collect()
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
    pub(in crate::cli) fn flags(&self) -> Vec<Flag> {
        let listen = format!("127.0.0.1:{}", self.port);
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        let workers = flag("workers", "--workers", self.workers.as_ref());
        let dir = flag("files.dir", "--dir", dir.as_ref());
        let listen = flag("http.listen", "--port", Some(&listen));
        listen.into_iter().chain(dir).chain(workers).collect()
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TopicsArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: TopicsAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TopicsAction {
    /// Make the topics that are missing
    ///
    /// The state after a start is what the topics hold, so nothing in those that are read expires
    /// (retention.ms=-1), unless --retention-days is given, but for what the catalogue has later rows of. A record
    /// whose time is more than an hour ahead of its broker's clock is refused (message.timestamp.after.max.ms,
    /// which brokers know from Kafka 3.6 on). A topic that is there is left as it is; one that differs from what
    /// is asked for is told, and the exit code is 1.
    #[command(after_help = "Example:\n  recsys topics create --partitions 8 --replication 3")]
    Create {
        /// Partitions of each; workers share them out
        #[arg(long, default_value_t = 4, value_parser = value_parser!(i32).range(1..=10_000))]
        partitions: i32,
        /// How many brokers hold each partition
        #[arg(long, default_value_t = 3, value_parser = value_parser!(i32).range(1..=100))]
        replication: i32,
        /// After how many days records expire, in place of never: profiles then go back no further after a start,
        /// and a process that reads nothing for so long loses what has expired. More than views.horizon_days
        #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=36_500))]
        retention_days: Option<u32>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys check all && recsys run")]
pub(in crate::cli) struct CheckArgs {
    /// Which service; all are those that the configuration names
    pub(in crate::cli) what: Service,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RedisArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: RedisAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RedisAction {
    /// Compare all of Redis with the state, and print what differs; the exit code is 1 when anything does
    ///
    /// A running engine is asked, through Redis: it compares every profile with what it has written there, while it
    /// goes on writing. What is missing has no key, what is wrong has other fields, and what is foreign is the key of
    /// nobody who has a profile.
    #[command(
        after_help = "Example:\n  recsys redis check --repair --set redis.url=redis://10.0.0.5"
    )]
    Check {
        /// Mend what differs: profiles are written anew, and foreign keys deleted. Then the exit code is 0
        #[arg(long)]
        repair: bool,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  recsys health --ready --set http.listen=0.0.0.0:8081")]
pub(in crate::cli) struct HealthArgs {
    /// Whether it is ready: it has caught up, and answers
    #[arg(long)]
    pub(in crate::cli) ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Service {
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
  recsys config set recommendation/weights < weights.json
  recsys config restore recommendation/weights")]
pub(in crate::cli) struct ConfigArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigAction {
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
    /// Bring the default of a setting back, or delete a node below /config/custom
    Restore {
        /// The node, below /config
        path: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys checkpoint now
  recsys checkpoint verify --set checkpoint.url=s3://shop/recsys
  recsys checkpoint verify --absent user17
  recsys checkpoint export --to /backup/monday")]
pub(in crate::cli) struct CheckpointArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: CheckpointAction,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum CheckpointAction {
    /// Have the process that has this configuration write one, and wait for it
    Now,
    /// List all, the newest first, a line of JSON each, and whether their files are there
    List,
    /// The same, and read every file: its checksum, its rows and its columns
    ///
    /// The exit code is 65 if one is damaged.
    Verify {
        /// Also look for this text, such as a user's id, in everything that is stored; the exit code is 1 if it is there
        #[arg(long, value_name = "TEXT")]
        absent: Option<String>,
    },
    /// Copy one to a place that is empty, as a backup: list, verify and begin with it by checkpoint.url
    ///
    /// Files are compared with their checksums while they are copied; if one is damaged, it is named, and the exit code
    /// is 65. The manifest is written last. The engine may go on meanwhile.
    Export {
        /// Where to: a folder, which is made if it is not there, or a URL as checkpoint.url may be
        #[arg(long, value_name = "FOLDER")]
        to: String,
        /// Its number, as list shows it; without one, the newest
        number: Option<u64>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  recsys token new --name shop --scope write --file tokens
  recsys token new --name pages --scope sign --file tokens
  recsys token sign --with pages --visitor user17 --origin https://shop.example --set http.tokens_file=tokens")]
pub(in crate::cli) struct TokenArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: TokenAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenAction {
    /// Make a token, and show it this once: what is kept is its digest
    New {
        /// What it is called, in the audit log among others
        #[arg(long)]
        name: String,
        /// What it grants; sign makes a secret that visitors' keys are signed with
        #[arg(long)]
        scope: TokenScope,
        /// The file that its line is added to [http.tokens_file]; without one, the line is only shown
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Mint the key of a visitor: a browser reads that visitor's profile and recommendations with it
    Sign {
        /// The name of the signing secret
        #[arg(long, value_name = "NAME")]
        with: String,
        /// The user or the session, as in events
        #[arg(long, value_name = "ID")]
        visitor: String,
        /// The pages that may use it, such as https://shop.example; any when it is left out
        #[arg(long)]
        origin: Option<String>,
        /// For how long it is good
        #[arg(long, default_value_t = 60, value_parser = value_parser!(u64).range(1..=525_600))]
        minutes: u64,
    },
}

/// What a new token grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TokenScope {
    /// For browsers: add events of pages of the allowed origins, and ask by products
    Public,
    /// Ask anything
    Read,
    /// Also add events, and change users and products
    Write,
    /// Everything
    Admin,
    /// No token but a secret, with which a shop's server mints visitors' keys
    Sign,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReceiptArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: ReceiptAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ReceiptAction {
    /// Verify the signature of a receipt; the exit code is 1 when it is not that of the key
    #[command(after_help = "Example:\n  recsys receipt verify --key shop.pem receipt.json")]
    Verify {
        /// The public key of who gave it: Ed25519 in PEM, as openssl pkey -pubout writes it
        #[arg(long, value_name = "PUBLIC.pem")]
        key: PathBuf,
        /// The receipt with its signature, as JSON
        #[arg(value_name = "RECEIPT.json")]
        receipt: PathBuf,
    },
}
