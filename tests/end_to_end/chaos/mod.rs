//! The engine is disturbed at any instant, again and again: at the end it is as if it never was.
//!
//! The seed decides what is sent and what is done to it, as far as a machine repeats itself. `scripts/chaos` does as much
//! of it as one likes.

mod files;
mod plan;
mod away;
mod watched;
mod sent;
mod members;
mod compared;
mod services;

use crate::checkpoints::{files as files_of, whole};
use crate::harness::{Process, try_call};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// So many that each stays below the caps of a day, where the order of arrival counts.
const USERS: u64 = 12_000;
/// Of this many users some become others, or nobody: so many that no account has more than the caps, whoever it gathers.
const MOVING: u64 = 1_500;

/// The name of a user of whom nothing is ever taken away.
fn steady(index: usize) -> String {
    format!("steady{index}")
}

/// The program with the weights of rankings that it starts with: what it would learn depends on which events come at once,
/// and on what is read again.
fn unlearned(mut program: Command) -> Command {
    program.env("RECSYS_RANKING_LEARNING", "off");
    program
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn index(&mut self, of: usize) -> usize {
        usize::try_from(self.below(of as u64)).unwrap()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// A user, of those that may become others or of the rest.
    fn user(&mut self, of: u64) -> String {
        format!("user{}", self.below(of))
    }

    /// Something that a user does. What has an id may come again, as it was.
    fn event(&mut self) -> Value {
        if self.one_in(2) {
            return self.deed();
        }
        let id = self.below(30_000);
        let mut event = Random::new(id).deed();
        event["eventId"] = json!(id.to_string());
        event
    }

    fn deed(&mut self) -> Value {
        let user = self.user(USERS);
        let kind = *self.one_of(&["view", "view", "add_to_cart", "purchase"]);
        let mut event = json!({"eventType": kind, "product": format!("thing{}", self.below(50))});
        event[if self.one_in(5) { "sessionId" } else { "userId" }] = json!(user);
        if !self.one_in(4) {
            event["tags"] =
                json!([format!("tag{}", self.below(20)), format!("tag{}", self.below(3))]);
        }
        event
    }
}

/// Damages a file of the newest checkpoint in a folder, if there is one before it.
fn damage(folder: &Path, random: &mut Random) -> bool {
    let [newest, _, ..] = whole(folder)[..] else { return false };
    let mut files = files_of(folder, newest);
    files.sort();
    let file = random.one_of(&files);
    let mut bytes = fs::read(file).unwrap();
    match random.below(3) {
        0 => bytes.truncate(bytes.len() / 2),
        1 => bytes.clear(),
        _ => {
            let at = random.index(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
    }
    fs::write(file, bytes).unwrap();
    true
}

fn state(process: &Process) -> (Value, Vec<Value>) {
    let digests = process.get("/api/status")["digests"]["views"].take();
    let users: Vec<String> = (0..300).map(|user| format!("user{user}")).collect();
    let ranked = ["/api/trending?n=50", "/api/products/thing7/similar?n=20"];
    let ranked = ranked.iter().map(|path| process.get(path));
    (digests, [process.profiles(&users)].into_iter().chain(ranked).collect())
}

/// Calls a front that may be stopped or killed meanwhile. It has answered by then, if it can.
fn call(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    try_call(port, method, path, body, Duration::from_secs(6))
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}
