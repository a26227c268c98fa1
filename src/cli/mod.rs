//! The command line.

mod run;
mod topics;

use crate::config::{Config, ConfigError, Layers};
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Real-time recommendations for a shop: three Kafka topics in, live profiles and answers out.
#[derive(Debug, Parser)]
#[command(version, name = "recsys", after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  recsys topics create               make the topics that are missing
  recsys run -w 2                    two workers, as workers.toml says
  recsys run -w 2 --process 0        the first process of a cluster (see `hosts` in workers.toml)
  recsys check-config                what is in force, and where it was set";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the workers of this process and its HTTP front; they run until Ctrl-C.
    Run(Settings),
    /// Kafka's topics.
    Topics {
        #[command(subcommand)]
        command: TopicsCommand,
    },
    /// Read the configuration and tell what is in force, or all that is wrong with it.
    CheckConfig(Settings),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Make the topics that are missing; those that are there are left as they are.
    Create {
        #[command(flatten)]
        settings: Settings,
        /// Partitions of each topic.
        #[arg(long, default_value_t = 4)]
        partitions: i32,
        /// On how many brokers each partition lies.
        #[arg(long, default_value_t = 3)]
        replication: i32,
    },
}

/// Where settings come from, the later over the earlier: file, RECSYS_… variables, flags.
#[derive(Debug, clap::Args)]
struct Settings {
    /// The configuration file [default: ./workers.toml if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Worker threads in this process.
    #[arg(short = 'w', long, value_name = "N")]
    workers: Option<String>,
    /// Which of the processes of `hosts` this is, from 0.
    #[arg(long, value_name = "I")]
    process: Option<String>,
    /// Any key of the file, as `section.key=value`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

impl Settings {
    fn layers(&self) -> Result<Layers, ConfigError> {
        let layers = Layers::default().file(self.config.as_deref())?.environment(std::env::vars());
        let mut layers = layers;
        if let Some(workers) = &self.workers {
            layers = layers.flag("workers", workers, "-w");
        }
        if let Some(process) = &self.process {
            layers = layers.flag("process", process, "--process");
        }
        for (key, value) in &self.set {
            layers = layers.flag(key, value, "--set");
        }
        Ok(layers)
    }

    fn config(&self) -> Result<Config, Exit> {
        let (config, _) = self.layers().and_then(Layers::check).map_err(Exit::Config)?;
        Ok(config)
    }
}

/// How the command ends, when not well.
#[derive(Debug)]
pub enum Exit {
    /// The configuration is wrong: 64.
    Config(ConfigError),
    /// It failed: 1.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Exit {
        Exit::Failed(error)
    }
}

impl Exit {
    /// Shows what is wrong with the words (64), or the help that was asked for (0).
    pub fn usage(error: &clap::Error) -> ExitCode {
        // There is nobody to tell that it can't be told.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
    }

    fn code(&self) -> ExitCode {
        let (text, code) = match self {
            Exit::Config(error) => (error.to_string(), 64),
            Exit::Failed(error) => (format!("{error:#}"), 1),
        };
        let _ = writeln!(std::io::stderr(), "recsys: {text}");
        ExitCode::from(code)
    }
}

impl Cli {
    /// Does what was asked for.
    pub fn execute(self) -> ExitCode {
        match self.command.execute() {
            Ok(()) => ExitCode::SUCCESS,
            Err(exit) => exit.code(),
        }
    }
}

impl Command {
    fn execute(self) -> Result<(), Exit> {
        match self {
            Command::Run(settings) => run::run(&settings.config()?)?,
            Command::Topics {
                command: TopicsCommand::Create { settings, partitions, replication },
            } => topics::create(&settings.config()?, partitions, replication)?,
            Command::CheckConfig(settings) => {
                let checked = settings.layers().and_then(Layers::check).map_err(Exit::Config)?;
                for setting in checked.1 {
                    say(&format!("{} = {}  # {}", setting.key, setting.value, setting.origin))?;
                }
            }
            Command::Completions { shell } => {
                let mut command = Cli::command();
                clap_complete::generate(shell, &mut command, "recsys", &mut std::io::stdout());
            }
        }
        Ok(())
    }
}

/// Prints a line of the command's own output.
fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
