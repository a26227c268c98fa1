//! Holds the image and the compose file to the rest of the project. `scripts/image-check` builds the image.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs::read_to_string;
use std::path::Path;

fn text(file: &str) -> String {
    read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The rest of the one line of a text that begins with this.
fn after<'a>(text: &'a str, begin: &str) -> &'a str {
    let rests: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(begin)).collect();
    assert_eq!(rests.len(), 1, "{begin}: {rests:?}");
    rests[0]
}

#[test]
fn the_image_is_built_with_the_projects_compiler() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().unwrap();
    let version = toolchain["toolchain"]["channel"].as_str().unwrap();
    let dockerfile = text("ops/Dockerfile");
    assert_eq!(after(&dockerfile, "FROM rust:"), format!("{version}-slim-bookworm AS build"));
    assert_eq!(after(&dockerfile, "ENV RUSTUP_TOOLCHAIN="), version);
}

#[test]
fn what_the_image_starts_sets_nothing() {
    let dockerfile = text("ops/Dockerfile");
    assert_eq!(after(&dockerfile, "ENTRYPOINT "), r#"["recsys"]"#);
    // Whatever stood here would outrank the environment.
    assert_eq!(after(&dockerfile, "CMD "), r#"["run"]"#);
    let health = after(&dockerfile, "HEALTHCHECK ");
    assert!(health.ends_with(r#" CMD ["recsys", "health"]"#), "{health}");
    // The step that has the front listen on all addresses changes one line.
    assert_eq!(after(&text("workers.toml"), "listen = "), r#""127.0.0.1:8080""#);
}

/// The services of the compose file with their lines, and the blocks that they take over.
fn services() -> Vec<(String, String)> {
    let compose = text("docker-compose.yml");
    let block = |name: &str| {
        let rest = compose.split_once(&format!("\nx-{name}: &{name}\n")).unwrap().1;
        rest.split("\n\n").next().unwrap().to_owned()
    };
    let (logged, kafka) = (block("logged"), block("kafka"));
    let services = compose.split_once("\nservices:\n").unwrap().1;
    let services = services.split_once("\nvolumes:\n").unwrap().0;
    let mut found: Vec<(String, String)> = Vec::new();
    for line in services.lines() {
        match line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')) {
            Some(name) if !name.starts_with(' ') => found.push((name.into(), String::new())),
            _ => found.last_mut().unwrap().1 += &format!("{line}\n"),
        }
    }
    for (_, lines) in &mut found {
        *lines = lines.replace("<<: *kafka\n", &kafka).replace("<<: *logged", &logged);
    }
    found
}

#[test]
fn no_service_fills_the_disk_or_the_memory() {
    let services = services();
    assert_eq!(services.len(), 10);
    for (name, lines) in &services {
        for setting in ["mem_limit: ", "max-size: ", "max-file: ", "restart: "] {
            assert!(lines.contains(setting), "{name} has no {setting}: {lines}");
        }
    }
}

#[test]
fn checkpoints_outlive_the_container() {
    let services = services();
    let (_, engine) = services.iter().find(|(name, _)| name == "engine").unwrap();
    let place = engine.split_once("RECSYS_CHECKPOINT_URL: ").unwrap().1.lines().next().unwrap();
    let volume = engine.split_once("volumes: [\"").unwrap().1.split('"').next().unwrap();
    let (name, mounted) = volume.split_once(':').unwrap();
    assert!(place.starts_with(&format!("{mounted}/")), "{place} is not in {volume}");
    let compose = text("docker-compose.yml");
    let volumes = compose.split_once("\nvolumes:\n").unwrap().1;
    assert!(volumes.lines().any(|line| line == format!("  {name}:")), "{name} is no volume");
}

#[test]
fn the_engine_has_the_time_that_its_end_takes() {
    let services = services();
    let (_, engine) = services.iter().find(|(name, _)| name == "engine").unwrap();
    let grace = engine.split_once("stop_grace_period: ").unwrap().1;
    let seconds: u64 = grace.split('s').next().unwrap().parse().unwrap();
    assert!(seconds > 10, "{seconds}");
}
