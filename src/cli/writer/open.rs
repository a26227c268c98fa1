//! Chooses the writer of a command.

use super::RecordWriter;
use super::files::TopicFiles;
use super::kafka::Topics;
use crate::cli::args::Destination;
use crate::cli::failure;
use crate::config::Config;

/// Opens the writer that is named; by default Kafka where the configuration has one, else files.
pub(in crate::cli) fn open(
    config: &Config,
    to: Option<Destination>,
) -> anyhow::Result<Box<dyn RecordWriter>> {
    let default = if config.kafka.is_some() { Destination::Kafka } else { Destination::Files };
    Ok(match to.unwrap_or(default) {
        Destination::Kafka => {
            let kafka = failure::named(config.kafka.as_ref(), "kafka.brokers")?;
            Box::new(Topics::new(kafka)?)
        }
        Destination::Files => Box::new(TopicFiles::new(&config.files.dir)?),
    })
}
