//! TLS: the server's certificate, which is read again when its files change.

use crate::config::TlsConfig;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not PEM with what it should have.
    #[error("{}: {rule}", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What it should have.
        rule: &'static str,
    },
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("{} with {}", .certificate.display(), .key.display())]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The certificate in force.
pub(super) struct Tls {
    files: TlsConfig,
    in_force: RwLock<TlsAcceptor>,
}

impl Tls {
    pub(super) fn open(files: TlsConfig) -> Result<Tls, TlsError> {
        let in_force = RwLock::new(acceptor(&files)?);
        Ok(Tls { files, in_force })
    }

    /// What makes connections that begin now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// When they are bad, as they are between the changes of one and of the other: then the ones before stay.
    pub(super) fn read_again(&self) -> Result<(), TlsError> {
        let acceptor = acceptor(&self.files)?;
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }
}

fn acceptor(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.clone(), source })
    };
    let bad = |path: &PathBuf, rule| TlsError::Bad { path: path.clone(), rule };
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(&read(&files.certificate)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| bad(&files.certificate, "it has no certificates in PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?);
    let key = key.map_err(|_| bad(&files.key, "it has no private key in PEM"))?;
    let unfit = |source| {
        let TlsConfig { certificate, key } = files.clone();
        TlsError::Unfit { certificate, key, source }
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
