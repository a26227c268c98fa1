//! The key of hashes in segments, which whoever makes it first has made for all.

use crate::error::{Error, Reason, Refusal};
use crate::hex;
use crate::store::Store;
use object_store::path::Path;
use ring::rand::{SecureRandom, SystemRandom};

const KEY: &str = "key";

/// The key of a store: 128 bits, which are made at random when they are first asked for.
///
/// # Errors
///
/// The store does not answer, or the key is damaged.
pub async fn key(store: &Store) -> Result<u128, Error> {
    let path = Path::from(KEY);
    if let Some(key) = read(store).await? {
        return Ok(key);
    }
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    let key = u128::from_le_bytes(bytes);
    if store.create(&path, hex::format(key).into_bytes()).await? {
        return Ok(key);
    }
    // Another one was faster.
    Box::pin(self::key(store)).await
}

/// Gives another store the key of this one, if this one has any.
pub(crate) async fn copy(store: &Store, to: &Store) -> Result<(), Error> {
    let Some(key) = read(store).await? else { return Ok(()) };
    to.write(&Path::from(KEY), hex::format(key).into()).await?;
    let is_there = read(to).await? == Some(key);
    if is_there { Ok(()) } else { Err(Refusal::new(KEY, Reason::Missing).into()) }
}

/// The key, if there is one.
async fn read(store: &Store) -> Result<Option<u128>, Error> {
    let Some(bytes) = store.read(&Path::from(KEY)).await? else { return Ok(None) };
    let parsed = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
    let parsed = parsed.and_then(|text| hex::parse(text.trim()));
    parsed.map(Some).map_err(|reason| Refusal::new(KEY, Reason::Syntax(reason)).into())
}
