//! Files and folders that a command needs.

use super::failure::{Unreadable, Unwritable};
use crate::config::{HttpConfig, ReceiptsConfig, RedisConfig};
use crate::http::Doors;
use crate::receipt::SigningKey;
use anyhow::Context;
use std::fs::{File, create_dir_all, read, remove_file};
use std::path::{Path, PathBuf};

/// Makes a folder, if need be, and checks that files can be made there.
pub(super) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let probe = folder.join(format!(".recsys-{}", std::process::id()));
    create_dir_all(folder)
        .and_then(|()| File::create(&probe))
        .and_then(|_| remove_file(&probe))
        .with_context(|| Unwritable::path(folder))
}

/// Checks that the certificates of a Redis can be read.
pub(super) fn check_certificates(redis: &RedisConfig) -> anyhow::Result<()> {
    let pair = redis.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
    redis.ca_file.iter().chain(pair).try_for_each(|file: &PathBuf| {
        read(file).map(drop).with_context(|| Unreadable(file.display().to_string()))
    })
}

/// Reads the key that receipts are signed with, if there is to be one.
pub(super) fn receipt_key(receipts: &ReceiptsConfig) -> anyhow::Result<Option<SigningKey>> {
    let Some(file) = &receipts.key_file else { return Ok(None) };
    let name = || file.display().to_string();
    let pem = read(file).with_context(|| Unreadable(name())).context("receipts.key_file")?;
    SigningKey::from_pem(&pem).map(Some).with_context(name).context("receipts.key_file")
}

/// Reads the tokens and the certificate of the front.
pub(super) fn doors(http: &HttpConfig) -> anyhow::Result<Doors> {
    Ok(Doors::open(http)?)
}
