//! All profiles in Redis as one number: equal for equal content, whatever wrote it in which order.

use anyhow::Context;
use clap::Args;
use dataflows::ids::hash::stable_hash;

#[derive(Args)]
pub(crate) struct Digest {
    /// Where Redis listens
    #[arg(long)]
    redis: String,
}

/// The number of fields, and the sum of the hashes of (key, field, value).
#[derive(Default)]
pub(crate) struct Sum {
    fields: u64,
    hashes: u64,
}

impl Sum {
    pub(crate) fn field(&mut self, key: &str, field: &str, value: &str) {
        self.fields += 1;
        let text = format!("{key}\0{field}\0{value}");
        self.hashes = self.hashes.wrapping_add(stable_hash(text.as_bytes()));
    }

    pub(crate) fn print(&self) {
        println!("digest {}-{:016x}", self.fields, self.hashes);
    }
}

/// How many keys are read at a time.
const KEYS: usize = 5_000;

impl Digest {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let client = redis::Client::open(format!("redis://{}", self.redis))?;
        let mut connection = client.get_connection().context("Redis does not answer")?;
        let (mut sum, mut cursor) = (Sum::default(), 0_u64);
        // NB: nobody writes meanwhile, or a key could be shown twice.
        loop {
            let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg("user:profile:*")
                .arg("COUNT")
                .arg(KEYS)
                .query(&mut connection)?;
            if !keys.is_empty() {
                let mut pipeline = redis::pipe();
                for key in &keys {
                    pipeline.hgetall(key);
                }
                let hashes: Vec<Vec<(String, String)>> = pipeline.query(&mut connection)?;
                for (key, fields) in keys.iter().zip(hashes) {
                    for (field, value) in fields {
                        sum.field(key, &field, &value);
                    }
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        sum.print();
        Ok(())
    }
}
