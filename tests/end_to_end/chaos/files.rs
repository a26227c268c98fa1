//! One process on topic files, killed.

use super::{MOVING, Random, damage, number, state, unlearned};
use crate::harness::{Process, alone, eventually};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A user of whom nothing is ever taken away.
const STEADY: &str = "steady";

/// What a run has done.
#[derive(Debug, Default)]
struct Done {
    kills: u64,
    posts: u64,
    decisions: u64,
    checkpoints: u64,
    damaged: u64,
    begun_from: u64,
    /// The greatest score of [`STEADY`] that was seen.
    seen: f64,
    reads: u64,
    refused: u64,
}

impl Done {
    /// Does something to a process, which may be in its start.
    fn act(&mut self, process: &Process, random: &mut Random) {
        let call = |method: &str, path: &str, body: &Value| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            process.try_call(method, path, &body)
        };
        match random.below(10) {
            0..5 => {
                let mut events: Vec<Value> = (0..300).map(|_| random.event()).collect();
                // Below the caps, too.
                if random.one_in(6) {
                    events.push(json!({"eventType": "view", "userId": STEADY, "product": "thing", "tags": ["tag"]}));
                }
                call("POST", "/api/user-behavior", &json!(events));
                self.posts += 1;
            }
            5 => {
                let (from, account) = (random.user(MOVING), random.user(MOVING));
                let path = format!("/api/users/{account}/merge");
                call("POST", &path, &json!({ "from": from }));
                self.decisions += 1;
            }
            6 if random.one_in(2) => {
                call("POST", &format!("/api/users/{}/forget", random.user(MOVING)), &Value::Null);
                self.decisions += 1;
            }
            7 => {
                let written = call("POST", "/api/admin/checkpoint", &Value::Null);
                self.checkpoints += u64::from(written.is_some_and(|(status, _)| status == 200));
            }
            _ => self.look(process),
        }
    }

    /// Reads a score that only grows.
    fn look(&mut self, process: &Process) {
        let path = format!("/api/user-profile/{STEADY}");
        match process.try_call("GET", &path, "") {
            Some((200, answer)) => {
                let profile: Value = serde_json::from_str(&answer).unwrap();
                let tags = profile.as_object().unwrap().values();
                let score: f64 = tags.map(|score| score.as_f64().unwrap()).sum();
                assert!(score >= self.seen, "{STEADY} went back from {} to {score}", self.seen);
                self.seen = score;
                self.reads += 1;
            }
            Some((503, _)) => self.refused += 1,
            other => assert!(other.is_none(), "{other:?}"),
        }
    }
}

#[test]
#[ignore = "takes long; scripts/test and scripts/chaos run it"]
fn killed_at_any_instant_it_is_as_if_it_never_was() {
    let (seed, kills) =
        (number("RECSYS_TEST_CHAOS_SEED", 1), number("RECSYS_TEST_CHAOS_KILLS", 30));
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut done = Done::default();
    let start = |random: &mut Random| {
        let mut program = unlearned(alone(folder.path()));
        program.env("RECSYS_LOG", "warn");
        let workers = (1 + random.below(4)).to_string();
        Process::spawn(program, &workers, &["--set", "checkpoint.interval_s=1"])
    };
    while done.kills < kills {
        let process = start(&mut random);
        if !random.one_in(4) {
            process.wait_ready();
            let begun = &process.get("/api/status")["checkpoint"]["restored"];
            done.begun_from += u64::from(begun.is_u64());
            for _ in 0..random.below(12) {
                done.act(&process, &mut random);
            }
        }
        // In a restore, a flush, a checkpoint, or at rest.
        std::thread::park_timeout(Duration::from_millis(random.below(400)));
        process.kill();
        done.kills += 1;
        if random.one_in(10) {
            done.damaged += u64::from(damage(folder.path(), &mut random));
        }
    }
    let process = start(&mut random);
    process.wait_ready();
    done.look(&process);
    let found = state(&process);
    process.kill();
    // One that reads everything once, on another number of workers, and never stops.
    let mut program = unlearned(alone(folder.path()));
    program.env("RECSYS_LOG", "warn");
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("checkpoint.url={}", elsewhere.path().display());
    let process = Process::spawn(program, "3", &["--set", &url]);
    process.wait_ready();
    let mut expected = state(&process);
    eventually("it has read everything", || {
        expected = state(&process);
        process.metric("recsys_source_lag{", &[]) == 0.0
    });
    println!("seed {seed}, {:?}: {done:?}", began.elapsed());
    assert_eq!(found.0, expected.0, "seed {seed}: the views differ");
    assert_eq!(found.1, expected.1, "seed {seed}: answers differ");
    assert!(done.seen > 0.0 && done.begun_from > 0, "seed {seed}: nothing was tried: {done:?}");
}
