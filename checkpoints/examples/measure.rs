//! Measures, on one thread, how many rows a second are built, encoded, summed up and decoded, and SHA-256.
//!
//! `cargo run --release --workspace --example measure`

#![allow(clippy::print_stdout, reason = "it prints what it measures")]
#![allow(clippy::unwrap_used, reason = "nothing is lost if it ends")]

use checkpoints::{Batch, Column, Effort, Table, decode, encode, sum};
use columns::{Texts, Values};
use std::sync::Arc;
use std::time::Instant;

static PROFILES: Table = Table {
    name: "profiles",
    columns: &[Column::text("user"), Column::text("tag")],
    counts: &["views", "carts", "purchases"],
};

const USERS: u32 = 250_000;
const TAGS: u32 = 20;

fn main() {
    let rows = u64::from(USERS * TAGS);
    let timed = |what: &str, began: Instant| {
        let seconds = began.elapsed().as_secs_f64();
        println!("{what:32} {seconds:6.2} s {:6.1} M rows/s", rows as f64 / seconds / 1e6);
    };
    let users: Vec<String> = (0..USERS).map(|user| format!("user-{user:08}")).collect();
    let tags: Vec<String> = (0..200).map(|tag| format!("category > tag {tag}")).collect();

    let began = Instant::now();
    let (mut users_of, mut tags_of, mut counts) = (Vec::new(), Vec::new(), vec![Vec::new(); 3]);
    for user in 0..USERS {
        for number in 0..TAGS {
            users_of.push(user);
            tags_of.push((user + number) % 200);
            let views = 1 + i64::from(number) % 7;
            let new = [views, i64::from(number == 2), 0];
            counts.iter_mut().zip(new).for_each(|(counts, count)| counts.push(count));
        }
    }
    let columns = vec![
        Values::Text(dictionary(&users), users_of).into(),
        Values::Text(dictionary(&tags), tags_of).into(),
    ];
    let batch = Batch::new(&PROFILES, columns, counts);
    timed("built", began);

    for (what, effort) in [("encoded, with SHA-256", Effort::Fast), ("small", Effort::Small)] {
        let began = Instant::now();
        let encoded = encode(&PROFILES, effort, std::slice::from_ref(&batch)).unwrap();
        timed(what, began);
        println!("{:32} {:6.1} MB", "", encoded.bytes.len() as f64 / 1e6);
    }

    let encoded = encode(&PROFILES, Effort::Fast, &[batch]).unwrap();
    let began = Instant::now();
    let decoded: Vec<Batch> =
        decode(&PROFILES, &encoded.bytes).unwrap().map(Result::unwrap).collect();
    timed("decoded", began);

    let began = Instant::now();
    assert_eq!(sum(&PROFILES, &decoded).len() as u64, rows);
    timed("added up", began);

    let began = Instant::now();
    ring::digest::digest(&ring::digest::SHA256, &encoded.bytes);
    let seconds = began.elapsed().as_secs_f64();
    println!("SHA-256 {:.0} MB/s", encoded.bytes.len() as f64 / seconds / 1e6);
}

fn dictionary(names: &[String]) -> Arc<Texts> {
    let mut texts = Texts::default();
    names.iter().for_each(|name| {
        texts.push(name);
    });
    texts.into()
}
