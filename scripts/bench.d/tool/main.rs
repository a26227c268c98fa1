//! What `scripts/bench` measures with. Every command prints what it found as `key value` lines, as
//! the peers do.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "../../../dataflows/examples/drive/traffic.rs"]
mod traffic;
mod wait;
mod http;
mod metrics;
mod fill;
mod watch;
mod load;
mod freshness;
mod digest;
mod reweigh;
mod table;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The tools of scripts/bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write events to Kafka, at a rate or as fast as it goes
    Fill(fill::Fill),
    /// Watch an engine until it has taken all events in
    Watch(watch::Watch),
    /// Ask over HTTP, at a rate (open loop) or as fast as answers come (closed loop)
    Load(load::Load),
    /// Read how fresh an engine's profiles are in Redis, over some seconds
    Freshness(freshness::Freshness),
    /// Sum up all profiles in Redis, in a number that their order does not change
    Digest(digest::Digest),
    /// Give new weights, and see when reads and Redis have them
    Reweigh(reweigh::Reweigh),
    /// Show results, a table a benchmark
    Table(table::Table),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Fill(fill) => fill.run(),
        Command::Watch(watch) => watch.run(),
        Command::Load(load) => load.run(),
        Command::Freshness(freshness) => freshness.run(),
        Command::Digest(digest) => digest.run(),
        Command::Reweigh(reweigh) => reweigh.run(),
        Command::Table(table) => table.run(),
    }
}
