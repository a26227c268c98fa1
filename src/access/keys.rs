//! The tokens and secrets in force, which change with their file.

use super::keyring::{Keyring, KeyringError};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// The tokens and secrets in force. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    in_force: Arc<RwLock<Arc<Keyring>>>,
    /// Those of the settings, which stay as they are.
    of_settings: Keyring,
    file: Option<PathBuf>,
}

/// Why tokens cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("{}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not as it should be.
    #[error("{}", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyringError,
    },
    /// The file has a name that the settings have.
    #[error("{}: {name} is also in http.tokens", .path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

impl Keys {
    /// Those of the settings, and those of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or is bad.
    pub fn open(of_settings: Keyring, file: Option<PathBuf>) -> Result<Keys, KeysError> {
        let keys = Keys { in_force: Arc::default(), of_settings, file };
        let content = keys.file.as_ref().map(std::fs::read).transpose();
        let path = || keys.file.clone().unwrap_or_default();
        let content = content.map_err(|source| KeysError::Unreadable { path: path(), source })?;
        keys.take(content.as_deref().unwrap_or_default())?;
        Ok(keys)
    }

    /// Those in force now.
    pub fn now(&self) -> Arc<Keyring> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts what the file has now in force.
    ///
    /// # Errors
    /// When it is bad: then the ones before stay.
    pub fn take(&self, content: &[u8]) -> Result<(), KeysError> {
        let path = || self.file.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(content);
        let keyring = text.parse().map_err(|source| KeysError::Bad { path: path(), source })?;
        let all = self.of_settings.clone().with(keyring);
        let all = all.map_err(|name| KeysError::Twice { path: path(), name })?;
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_last_good_ones_stay_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, format!("shop write {DIGEST}")).unwrap();
        let of_settings = format!("page public {DIGEST}").parse::<Keyring>().unwrap();
        let keys = Keys::open(of_settings.clone(), Some(file.clone())).unwrap();
        assert_eq!(keys.now().len(), 2);
        for bad in ["shop write", &format!("page read {DIGEST}")] {
            assert!(keys.take(bad.as_bytes()).is_err(), "{bad}");
            assert!(keys.now().has("shop"), "{bad}");
        }
        keys.take(b"").unwrap();
        assert!(!keys.now().has("shop") && keys.now().has("page"));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(Keys::open(of_settings, Some(file)), Err(KeysError::Unreadable { .. })));
    }
}
