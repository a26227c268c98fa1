//! The command line: parses it, and runs the command.

mod flag;
mod exit_code;
mod end;
mod args;
mod failure;
mod log;
mod panic;
mod output;
mod files;
mod interrupt;
mod kafka;
mod caught_up;
mod memory;
mod modelled;
mod stop;
mod supervisor;
mod descriptors;
mod settings;
mod run;
mod topics;
mod writer;
mod generate;
mod demo_folder;
mod demo;
mod replay;
mod evaluate;
mod check;
mod own_certificate;
mod running_process;
mod redis;
mod words;
mod health;
mod status;
mod asked;
mod tail;
mod checkpoint;
mod config;
mod model;
mod receipt;
mod token;
mod manual;
mod next;

use crate::config::{Config, EffectiveSetting, Layers};
use args::{Cli, Command, Options, RunArgs};
use clap::{CommandFactory, Parser};
use failure::Usage;
use flag::Flag;
use std::process::ExitCode;

/// Parses the command line and runs the command. The help has the exit codes.
pub fn main() -> ExitCode {
    // There is a second one among the dependencies' dependencies, so that rustls chooses none by itself.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return failure::report_usage(&error),
        // Help and version come this way as well.
        Err(help) => return ended(output::written(help.print())),
    };
    ended(dispatch(cli))
}

fn ended(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let options = cli.options;
    let Some(command) = cli.command else {
        return next::run(&load(&options, [])?.0);
    };
    check_options(&options, &command)?;
    if !matches!(command, Command::Run(_) | Command::Demo(_)) {
        log::start_quiet()?;
    }
    match command {
        Command::Run(args) => serve(&options, &args),
        Command::Demo(args) => {
            let config = embedded(&options, args.flags())?;
            log::start(&config.log)?;
            panic::ends_the_process();
            demo::run(&config, &args)
        }
        Command::Topics(args) => topics::run(&load(&options, [])?.0, &args),
        Command::Generate(args) => {
            let config = load(&options, args.flags())?.0;
            output::say(&generate::run(&config, &args, interrupt::interrupts()?.as_ref())?)
        }
        Command::Replay(args) => replay::run(&load(&options, args.flags())?.0, &args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Check(args) => check::run(&load(&options, [])?.0, args.what),
        Command::Redis(args) => redis::run(&load(&options, [])?.0, &args.action),
        Command::Health(args) => health::run(&load(&options, [])?.0, &args),
        Command::Status(args) => status::run(&load(&options, [])?.0, &args),
        Command::User(args) => asked::user(&load(&options, [])?.0, &args),
        Command::Recommend(args) => asked::recommend(&load(&options, [])?.0, &args),
        Command::Why(args) => asked::why(&load(&options, [])?.0, &args),
        Command::Tail(args) => tail::run(&load(&options, [])?.0, &args),
        Command::Weights(args) => model::weights(&load(&options, [])?.0, &args),
        Command::Rules(args) => model::rules(&load(&options, [])?.0, &args),
        Command::Config(args) => config::run(&load(&options, [])?.0, args.action),
        Command::Checkpoint(args) => checkpoint::run(&load(&options, [])?.0, &args),
        Command::CheckConfig => config::show(&load(&options, [])?.1),
        Command::Token(args) => token::run(&load(&options, [])?.0, &args.action),
        Command::Receipt(args) => receipt::run(&args),
        Command::Man { folder } => manual::write(Cli::command(), &folder),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "recsys", &mut script);
            output::write(&script)
        }
    }
}

/// Refuses options that a command would ignore.
fn check_options(options: &Options, command: &Command) -> Result<(), Usage> {
    let (name, reads_settings) = match command {
        Command::Demo(_) => ("demo", true),
        Command::Evaluate(_) => ("evaluate", false),
        Command::Receipt(_) => ("receipt", false),
        Command::Man { .. } => ("man", false),
        Command::Completions { .. } => ("completions", false),
        _ => return Ok(()),
    };
    if options.config.is_some() {
        return Err(Usage(format!("--config: {name} reads no configuration")));
    }
    if !options.set.is_empty() && !reads_settings {
        return Err(Usage(format!("--set: {name} has no settings")));
    }
    Ok(())
}

fn serve(options: &Options, args: &RunArgs) -> anyhow::Result<()> {
    let config = load(options, args.flags())?.0;
    let level = log::start(&config.log)?;
    panic::ends_the_process();
    let read_again = || match load(options, args.flags()) {
        Ok((config, _)) => level.set(&config.log),
        Err(error) => tracing::error!(%error, "the configuration cannot be read again"),
    };
    let ran = run::bind(&config)
        .and_then(|listener| run::run(&config, listener, args.take_over, &read_again));
    ran.map_err(|error| log::tell_end(&config.log, error))
}

/// Reads the configuration from file, environment and command line.
fn load(
    options: &Options,
    flags: impl IntoIterator<Item = Flag>,
) -> anyhow::Result<(Config, Vec<EffectiveSetting>)> {
    // A variable that is not Unicode is no setting.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let layers = Layers::default().file(options.file().as_deref())?.environment(variables);
    Ok(with_flags(layers, options, flags)?.check()?)
}

/// Reads the configuration from the command line alone, so that neither file nor environment can
/// name a service.
fn embedded(options: &Options, flags: impl IntoIterator<Item = Flag>) -> anyhow::Result<Config> {
    Ok(with_flags(Layers::default(), options, flags)?.check()?.0)
}

fn with_flags(
    mut layers: Layers,
    options: &Options,
    flags: impl IntoIterator<Item = Flag>,
) -> anyhow::Result<Layers> {
    for setting in &options.set {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Usage(format!("--set {setting}: must be section.key=value")))?;
        layers = layers.flag(key, value, format!("--set {key}"));
    }
    Ok(flags.into_iter().fold(layers, |layers, (key, value, flag)| layers.flag(key, value, flag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use failure::{Failures, Unwritable};

    #[test]
    fn clap_finds_no_fault() {
        Cli::command().debug_assert();
    }

    /// The workers and the process of a command line, without a file and an environment.
    fn check(line: &str, expected: Result<(usize, usize), &str>) {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::Run(args)) = cli.command else { panic!("{line}") };
        let outcome = match embedded(&cli.options, args.flags()) {
            Ok(config) => Ok((config.workers, config.process)),
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(
            outcome.as_ref().map_err(|outcome| &**outcome),
            expected.as_ref().map_err(|outcome| &**outcome)
        );
    }

    #[test]
    fn flags_are_settings() {
        check("recsys run", Ok((1, 0)));
        check("recsys run -w 3", Ok((3, 0)));
        check("recsys run --set workers=2 -w 3", Ok((3, 0)));
        check("recsys --set hosts=a:1,b:1 run -w 2 --process 1", Ok((2, 1)));
        check(
            "recsys run -w 0",
            Err("--workers: workers = \"0\": must be a whole number from 1 to 1024"),
        );
        check("recsys run --set workers", Err("--set workers: must be section.key=value"));
    }

    #[test]
    fn the_exit_code_tells_whose_fault_it_is() {
        for (error, code) in [
            (embedded(&Options::default(), [("x", String::new(), "--x".into())]).unwrap_err(), 64),
            (Usage(String::new()).into(), 64),
            (crate::settings::under_config("..").unwrap_err().into(), 64),
            (anyhow::anyhow!("no broker answers"), 1),
            (anyhow::Error::from(Usage(String::new())).context("more"), 64),
            (
                anyhow::Error::from(std::io::Error::other("full")).context(Unwritable("it".into())),
                74,
            ),
            (Failures(vec![Usage(String::new()).into(), Usage(String::new()).into()]).into(), 64),
            (Failures(vec![Usage(String::new()).into(), anyhow::anyhow!("no")]).into(), 1),
        ] {
            assert_eq!(failure::code(&error), code, "{error}");
        }
    }
}
