//! What a process that was killed has left half-written in a folder: files with `#` in their names, which no listing
//! shows.

use crate::error::Error;
use crate::names;
use crate::store::Store;
use object_store::path::Path;
use std::io;
use std::path::{Path as FilePath, PathBuf};

/// The half-written files of a folder, by the path below it. Other stores have none.
pub(crate) async fn list(store: &Store) -> Result<Vec<String>, Error> {
    let Some(folder) = store.local() else { return Ok(Vec::new()) };
    let walked = tokio::task::spawn_blocking(move || {
        let files = [names::MANIFESTS, names::SEGMENTS].map(|part| walk(&folder.join(part)));
        let [manifests, segments] = files;
        let files = manifests?.into_iter().chain(segments?);
        let below = |file: PathBuf| Some(file.strip_prefix(&folder).ok()?.to_str()?.to_owned());
        Ok(files.filter_map(below).filter(|path| path.contains('#')).collect())
    });
    let walked = walked.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    walked.map_err(|error| store.failed("the folder", "listed", error))
}

/// Deletes those whose number is below one.
pub(crate) async fn delete_below(store: &Store, number: u64) -> Result<(), Error> {
    let Some(folder) = store.local() else { return Ok(()) };
    for path in list(store).await? {
        let whole = path.split('#').next().unwrap_or(&path);
        let manifest = names::manifest_number(&Path::from(whole));
        if manifest.or_else(|| names::segment_number(whole)).is_some_and(|its| its < number) {
            let file = folder.join(&path);
            let deleted = tokio::task::spawn_blocking(move || {
                std::fs::remove_file(&file)?;
                // The folders above go as well, if nothing else is in them.
                for parent in file.ancestors().skip(1).take(2) {
                    let _ = std::fs::remove_dir(parent);
                }
                Ok(())
            });
            let deleted = deleted.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            deleted.map_err(|error| store.failed(&path, "deleted", error))?;
        }
    }
    Ok(())
}

/// All files below a folder, none if there is no such folder.
fn walk(folder: &FilePath) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(walk(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    Ok(files)
}
