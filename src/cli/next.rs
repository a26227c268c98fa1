//! `recsys` alone: says what to do next, by what there is.

use super::output::say;
use super::running_process::get_json;
use crate::config::Config;

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let status = get_json(config, "/api/status").ok();
    let at = format!("http://{}", config.http.listen);
    let has_services = config.kafka.is_some();
    let what = match &status {
        Some(status) if status["ready"] == true => {
            format!("An engine runs here: '{at}' shows what it does. Next:")
        }
        Some(_) => "An engine runs here, and is not ready. Next:".into(),
        None if has_services => {
            "No engine runs here, and the configuration names services. Next:".into()
        }
        None => "Recommendations for a shop, in real time. No engine runs here. Next:".into(),
    };
    let next: &[(&str, &str)] = match (status.is_some(), has_services) {
        (true, _) => &[
            ("recsys status --watch", "watch what it does"),
            ("recsys tail", "see events as they come"),
            ("recsys recommend user1", "see what a user is recommended, and why"),
            ("recsys weights set purchase=8", "have purchases count more, at once"),
        ],
        (false, true) => &[
            ("recsys check all", "see whether the services answer"),
            ("recsys topics create", "make the topics"),
            ("recsys run", "run the engine"),
        ],
        (false, false) => &[
            ("recsys demo", "a shop with visitors, on nothing but this machine"),
            ("recsys run", "the engine, with topics and settings in files"),
            ("recsys --help", "all commands; with Kafka, Redis and ZooKeeper see workers.toml"),
        ],
    };
    let lines = next.iter().map(|(command, why)| format!("  {command:<31}{why}\n"));
    say(&format!("{what}\n\n{}", lines.collect::<String>()))
}
