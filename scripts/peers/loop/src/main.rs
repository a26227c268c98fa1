//! The profile job as one would write it by hand for one thread: consume, parse, add up in hash
//! maps, `HSET`, no faster way spared. No delivery guarantee, no restart, no other weights.
//!
//! Options and output are those of the other peers; see ../README.md.

mod consume;
mod redis;

use consume::Consumer;
use hashbrown::{HashMap, HashTable};
use redis::Redis;
use serde::Deserialize;
use std::error::Error;
use std::hash::BuildHasher;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "eventType")]
    kind: &'a str,
    #[serde(borrow, rename = "userId")]
    user: &'a str,
    #[serde(borrow)]
    tags: Vec<&'a str>,
}

/// Strings to dense numbers.
#[derive(Default)]
struct Names {
    ids: HashTable<u32>,
    texts: Vec<Box<str>>,
    hasher: hashbrown::DefaultHashBuilder,
}

impl Names {
    fn id(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(&id) = self.ids.find(hash, |&id| *self.texts[id as usize] == *text) {
            return id;
        }
        let id = u32::try_from(self.texts.len()).expect("fewer than 2^32 names fit into memory");
        self.texts.push(text.into());
        let (hasher, texts) = (&self.hasher, &self.texts);
        self.ids.insert_unique(hash, id, |&id| hasher.hash_one(&*texts[id as usize]));
        id
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, default: &str| {
        let place = options.iter().position(|option| option == name);
        place.and_then(|place| options.get(place + 1)).map_or(default.into(), String::clone)
    };
    let expect: u64 = option("--expect", "").parse().map_err(|_| "--expect N is required")?;
    let (bootstrap, prefix) =
        (option("--bootstrap", "127.0.0.1:9093"), option("--prefix", "bench-"));
    let mut consumer = Consumer::open(&bootstrap, &prefix)?;
    let mut redis = Redis::open(&option("--redis", "127.0.0.1:6390"))?;

    let (mut users, mut tags) = (Names::default(), Names::default());
    let mut scores: HashMap<u64, u32> = HashMap::new();
    let (mut events, mut failure) = (0, None);
    let mut first = None;
    while events < expect && failure.is_none() {
        events += consumer.batch(|record| {
            first.get_or_insert_with(Instant::now);
            let event: Event<'_> = match sonic_rs::from_slice(record) {
                Ok(event) => event,
                Err(error) => {
                    failure = Some(error.to_string());
                    return;
                }
            };
            let weight = match event.kind {
                "view" => 1,
                "add_to_cart" => 3,
                _ => 5,
            };
            let user = u64::from(users.id(event.user)) << 32;
            redis.begin(event.user, event.tags.len());
            for tag in event.tags {
                let score = scores.entry(user | u64::from(tags.id(tag))).or_default();
                *score += weight;
                redis.field(tag, *score);
            }
            if let Err(error) = redis.end() {
                failure = Some(error.to_string());
            }
        });
    }
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    redis.flush()?;
    let seconds = first.ok_or("there was no event")?.elapsed().as_secs_f64();
    println!("events {events}\nseconds {seconds:.3}\nevents_per_s {:.0}", events as f64 / seconds);
    tell_process()
}

/// CPU seconds and the most memory of this process.
fn tell_process() -> Result<(), Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no name")?.1.split(' ').collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    println!("cpu_s {:.2}", ticks / 100.0);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("max_rss_mb {:.0}", peak / 1024.0);
    Ok(())
}
