//! Holds the manifests of Kubernetes and the units of systemd to the program. `scripts/test` has each system check
//! its own.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest that a process takes to end, in seconds.
const END: u64 = 10;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(name)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(folder(file)).unwrap()
}

/// The first word after a text that stands once.
fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let rests: Vec<_> = text.split(before).skip(1).collect();
    assert_eq!(rests.len(), 1, "{before}");
    rests[0].split_whitespace().next().unwrap()
}

/// The settings that the program makes of the configuration of Kubernetes, as process 1.
fn settings() -> toml::Table {
    let mut program = Command::new(env!("CARGO_BIN_EXE_recsys"));
    program.args(["check-config", "--config"]).arg(folder("kubernetes/workers.toml"));
    let output = program.env("RECSYS_PROCESS", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines = shown.lines().map(|line| line.split(" # ").next().unwrap().trim());
    lines.collect::<Vec<_>>().join("\n").parse().unwrap_or_else(|error| panic!("{error}: {shown}"))
}

#[test]
fn there_is_a_host_for_each_replica_at_the_name_that_it_has() {
    let manifest = text("kubernetes/statefulset.yaml");
    let replicas: usize = after(&manifest, "\n  replicas: ").parse().unwrap();
    let port = after(&manifest, "{name: peers, containerPort: ").trim_end_matches('}');
    let service = after(&manifest, "serviceName: ");
    let hosts = (0..replicas).map(|index| format!("recsys-{index}.{service}:{port}"));
    let settings = settings();
    let listed = settings["hosts"].as_array().unwrap().iter().map(|host| host.as_str().unwrap());
    assert_eq!(listed.collect::<Vec<_>>(), hosts.collect::<Vec<_>>());
    let listen = settings["http"]["listen"].as_str().unwrap();
    let http = after(&manifest, "{name: http, containerPort: ").trim_end_matches('}');
    assert_eq!(listen, format!("0.0.0.0:{http}"));
    assert_eq!(
        settings["process"].as_integer(),
        Some(1),
        "the variable of the manifest is a setting"
    );
    let services = text("kubernetes/services.yaml");
    assert!(services.contains(&format!("name: {service}\n")));
    assert_eq!(after(&services, "{name: peers, port: ").trim_end_matches(','), port);
}

/// Whether a place is the same for all processes, wherever they run.
fn is_a_bucket(url: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| url.starts_with(scheme))
}

#[test]
fn checkpoints_are_where_every_pod_reaches_them() {
    let settings = settings();
    let url = settings["checkpoint"]["url"].as_str().unwrap();
    assert!(is_a_bucket(url), "{url}");
    // Its credentials come with the Secret, of which every key is a variable.
    let manifest = text("kubernetes/statefulset.yaml");
    assert!(manifest.contains("envFrom:\n            - secretRef: {name: recsys, optional: true}"));
    // Who has no bucket makes a volume of comments.
    let uncommented: String = manifest.replace("# - {name: checkpoints", "- {name: checkpoints");
    let mounted = after(&uncommented, "\n            - {name: checkpoints, mountPath: ");
    assert_eq!(mounted, "/checkpoints}");
    assert!(uncommented.contains("\n        - {name: checkpoints, persistentVolumeClaim: "));
}

#[test]
fn the_processes_of_a_host_have_one_place_for_checkpoints() {
    let unit = text("systemd/recsys@.service");
    let place = after(&unit, "\nEnvironment=RECSYS_CHECKPOINT_URL=");
    let (_, rest) = unit.split_once("\nStateDirectory=").unwrap();
    let below: Vec<_> = rest.lines().next().unwrap().split(' ').collect();
    let own = below.iter().map(|folder| format!("/var/lib/{folder}"));
    assert!(own.collect::<Vec<_>>().contains(&place.to_owned()), "{place} is not made");
    assert!(!place.contains('%'), "{place} is one process's");
    // The file that has a bucket's credentials, and its name, comes later, and so outranks it.
    let files = unit.find("\nEnvironmentFile=-/etc/recsys/secrets.env").unwrap();
    assert!(unit.find("RECSYS_CHECKPOINT_URL=/").unwrap() < files);
}

#[test]
fn the_kustomization_has_every_manifest() {
    let kustomization = text("kubernetes/kustomization.yaml");
    let listed = kustomization.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let listed = listed.filter(|item| !item.contains(": "));
    let listed: BTreeSet<_> =
        listed.map(str::to_owned).chain(["kustomization.yaml".into()]).collect();
    let files = std::fs::read_dir(folder("kubernetes")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(listed, files.collect());
}

#[test]
fn probes_ask_for_what_the_front_has() {
    let manifest = text("kubernetes/statefulset.yaml");
    for (probe, route) in
        [("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")]
    {
        let (_, rest) = manifest.split_once(&format!("{probe}Probe:\n")).unwrap();
        assert_eq!(after(rest.lines().next().unwrap(), "path: "), format!("{route},"), "{probe}");
    }
}

#[test]
fn a_process_has_the_time_that_its_end_takes() {
    let manifest = text("kubernetes/statefulset.yaml");
    let grace: u64 = after(&manifest, "terminationGracePeriodSeconds: ").parse().unwrap();
    let unit = text("systemd/recsys@.service");
    let stop: u64 = after(&unit, "\nTimeoutStopSec=").parse().unwrap();
    assert!(grace > END && stop > END, "{grace} {stop}");
}
