//! What the front is locked with: the tokens and the certificate, which change with their files.

use crate::access::{Keys, KeysError, WatchedFile};
use crate::config::HttpConfig;
use crate::http::tls::{Tls, TlsError};
use std::time::Duration;

/// How often the files are looked at.
const PACE: Duration = Duration::from_secs(1);

/// The tokens and the certificate in force.
pub struct Doors {
    pub(super) keys: Keys,
    pub(super) tls: Option<Tls>,
    /// The files, as they were before they were read.
    files: Files,
}

#[derive(Clone)]
struct Files {
    tokens: Option<WatchedFile>,
    certificate: Vec<WatchedFile>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum DoorsError {
    /// The tokens cannot be read.
    #[error("http.tokens_file")]
    Keys(#[from] KeysError),
    /// The certificate cannot be read.
    #[error("http.tls_cert_file")]
    Tls(#[from] TlsError),
}

impl Doors {
    /// Reads the tokens and the certificate of a configuration.
    ///
    /// # Errors
    /// When a file cannot be read, or is bad.
    pub fn open(http: &HttpConfig) -> Result<Doors, DoorsError> {
        let access = &http.access;
        let certificate = http.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]);
        let files = Files {
            tokens: access.tokens_file.as_ref().map(WatchedFile::new),
            certificate: certificate.map(WatchedFile::new).collect(),
        };
        let keys = Keys::open(access.tokens.clone(), access.tokens_file.clone())?;
        let tls = http.tls.clone().map(Tls::open).transpose()?;
        Ok(Doors { keys, tls, files })
    }

    /// The tokens in force.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// Reads the files again whenever they change, and calls `changed` when there are other tokens. What is bad is told, and
/// what was in force stays.
pub(super) async fn watch(doors: &Doors, changed: impl Fn()) {
    let mut files = doors.files.clone();
    loop {
        tokio::time::sleep(PACE).await;
        if let Some(file) = &mut files.tokens
            && read_tokens(&doors.keys, file)
        {
            changed();
        }
        if let Some(tls) = &doors.tls {
            read_certificate(tls, &mut files.certificate);
        }
    }
}

/// Returns whether there are others now.
fn read_tokens(keys: &Keys, file: &mut WatchedFile) -> bool {
    let taken = match file.changed() {
        Ok(None) => return false,
        Ok(Some(content)) => keys.take(&content).map_err(anyhow::Error::from),
        Err(error) => Err(error.into()),
    };
    let (path, known) = (file.path().display(), keys.now().len());
    match taken {
        Ok(()) => tracing::info!(%path, tokens = known, "the tokens were read again"),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(%path, error, "the tokens stay as they were");
            return false;
        }
    }
    true
}

fn read_certificate(tls: &Tls, files: &mut [WatchedFile]) {
    // Each is asked, so that a change is seen once.
    let changes: Vec<_> = files.iter_mut().map(WatchedFile::changed).collect();
    if !changes.iter().any(|change| matches!(change, Ok(Some(_)) | Err(_))) {
        return;
    }
    match tls.read_again() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::error!(error, "the certificate stays as it was");
        }
    }
}
