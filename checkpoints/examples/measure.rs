//! Measures, on one thread, how many rows a second are built, encoded, summed up and decoded, and SHA-256.
//!
//! `cargo run --release --workspace --example measure`

#![allow(clippy::print_stdout, reason = "it prints what it measures")]
#![allow(clippy::unwrap_used, reason = "nothing is lost if it ends")]

use checkpoints::{Column, Rows, Shard, Table, Value, decode, encode, sum_of_shard};
use std::time::Instant;

static PROFILES: Table = Table {
    name: "profiles",
    columns: &[Column::text("user"), Column::text("tag").with_dictionary()],
    counts: &["views", "carts", "purchases"],
};

const USERS: u64 = 250_000;
const TAGS: u64 = 20;

fn main() {
    let rows = USERS * TAGS;
    let timed = |what: &str, began: Instant| {
        let seconds = began.elapsed().as_secs_f64();
        println!("{what:28} {seconds:6.2} s {:6.1} M rows/s", rows as f64 / seconds / 1e6);
    };
    let users: Vec<String> = (0..USERS).map(|user| format!("user-{user:08}")).collect();
    let tags: Vec<String> = (0..200).map(|tag| format!("category > tag {tag}")).collect();

    let began = Instant::now();
    let mut built = Rows::new(&PROFILES);
    for (user, number) in users.iter().zip(0..) {
        for (tag, count) in
            tags.iter().cycle().skip(usize::try_from(number % 200).unwrap()).zip(1..=TAGS)
        {
            let counts = [1 + count.cast_signed() % 7, i64::from(count == 3), 0];
            built.push(Shard::of(number), &[Value::Text(user), Value::Text(tag)], &counts);
        }
    }
    let shards = built.into_shards();
    timed("built", began);

    let began = Instant::now();
    let encoded = encode(&PROFILES, &shards).unwrap();
    timed("encoded, with SHA-256", began);
    println!("{:28} {:6.1} MB", "", encoded.bytes.len() as f64 / 1e6);

    let began = Instant::now();
    let decoded: usize =
        decode(&PROFILES, &encoded.bytes, None).unwrap().iter().map(|batch| batch.len()).sum();
    timed("decoded", began);
    assert_eq!(decoded as u64, rows);

    let began = Instant::now();
    let segments = [encoded.bytes.clone()];
    let summed: usize =
        Shard::all().map(|shard| sum_of_shard(&PROFILES, &segments, shard).unwrap().len()).sum();
    timed("decoded and added up", began);
    assert_eq!(summed as u64, rows);

    let began = Instant::now();
    ring::digest::digest(&ring::digest::SHA256, &encoded.bytes);
    let seconds = began.elapsed().as_secs_f64();
    println!("SHA-256 {:.0} MB/s", encoded.bytes.len() as f64 / seconds / 1e6);
}
