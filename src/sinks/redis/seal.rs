//! The seal: what an engine that is told to stop leaves in Redis, so that the next one need not write all profiles anew.
//!
//! It says which profiles Redis holds, all of those of a checkpoint, and with which weights they were written. It is put on
//! behind the last pipeline of all, once nothing is left to be written. It counts if the lease has been given back since, no
//! worker of any engine has sent a pipeline, and there are as many keys. Whoever takes the lease next takes it off
//! before anything is written. An engine of several processes puts none on: none of them knows when the others have read last.

use crate::sinks::redis::nodes::{Home, Nodes};
use dataflows::score::weights::Weights;
use redis::RedisResult;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The key of the seal.
const KEY: &str = "recsys:seal";

/// The profiles that Redis holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profiles {
    /// The next offset of each partition, as of which they are.
    pub positions: BTreeMap<String, i64>,
    /// The digest of the view.
    pub digest: String,
    /// The weights that they were scored with.
    pub weights: Weights,
}

#[derive(Serialize, Deserialize)]
struct Seal {
    profiles: Profiles,
    /// The markers of the workers, by key.
    markers: BTreeMap<String, Option<String>>,
    /// How many keys there are, without the seal.
    keys: u64,
}

/// The command that puts the seal on. The workers' markers have these keys, and say this, unless the worker has written
/// nothing. In a Redis that has lost what was acknowledged they say something else: then there is nothing to seal.
pub(super) fn put(
    nodes: &mut Nodes,
    markers: impl Iterator<Item = (String, Option<String>)>,
    profiles: Profiles,
) -> RedisResult<redis::Pipeline> {
    let mut put = redis::pipe();
    let mut seal = Seal { profiles, markers: BTreeMap::new(), keys: 0 };
    for (key, written) in markers {
        let marker: Option<String> = nodes.query_key(&key, redis::cmd("GET").arg(&key))?;
        if written.is_some() && written != marker {
            return Ok(put);
        }
        seal.markers.insert(key, marker);
    }
    seal.keys = nodes.size()?;
    put.set(nodes.home().key(KEY), serde_json::to_string(&seal).expect("its keys are texts"));
    Ok(put)
}

/// Takes the seal off. Returns what Redis holds, if nothing speaks against it.
pub(super) fn take(nodes: &mut Nodes) -> RedisResult<Option<Profiles>> {
    let Some(seal) = read(&mut nodes.home())? else { return Ok(None) };
    let keys = seal.keys + 1;
    let is_whole = has(nodes, &seal.markers)? && nodes.size().is_ok_and(|found| found == keys);
    remove(&mut nodes.home())?;
    Ok(is_whole.then_some(seal.profiles))
}

/// Reads the seal. What is at its key and is none is taken off as well.
fn read(home: &mut Home<'_>) -> RedisResult<Option<Seal>> {
    let key = home.key(KEY);
    let found: RedisResult<Option<Vec<u8>>> = redis::cmd("GET").arg(key).query(home);
    let seal = match found {
        Ok(None) => return Ok(None),
        Ok(Some(found)) => serde_json::from_slice(&found).ok(),
        Err(error) if error.code() == Some("WRONGTYPE") => None,
        Err(error) => return Err(error),
    };
    if seal.is_none() {
        remove(home)?;
    }
    Ok(seal)
}

fn remove(home: &mut Home<'_>) -> RedisResult<()> {
    let key = home.key(KEY);
    redis::cmd("DEL").arg(key).exec(home)
}

fn has(nodes: &mut Nodes, markers: &BTreeMap<String, Option<String>>) -> RedisResult<bool> {
    for (key, marker) in markers {
        match nodes.query_key::<Option<String>>(key, redis::cmd("GET").arg(key)) {
            Ok(found) if found == *marker => {}
            // It is no text any more, for one.
            Err(error) if error.code().is_none() => return Err(error),
            _ => return Ok(false),
        }
    }
    Ok(true)
}
