//! TLS with ZooKeeper: the certificates, read when a session begins, and what is wrong with them.

use crate::config::{ZooKeeperTls, name_and_port};
use crate::tls_probe::{meaning, tls_fault};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use zookeeper::TlsOptions;

/// Something that any server answers at once, whether or not it may: so it is heard what it says of certificates.
const QUESTION: &[u8] = b"ruok";

/// Makes the client's options of the files as they are now.
///
/// # Errors
/// When a file cannot be read, or holds no certificate or no key; for a person.
pub(super) fn options(tls: &ZooKeeperTls) -> Result<TlsOptions, String> {
    // The client takes the process's own. An error means that there is one already, which is as good.
    let _ = ring::default_provider().install_default();
    // It tells apart what is wrong with which file, which the client does not.
    config(tls)?;
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let bad = |error: zookeeper::Error| error.to_string();
    let options = TlsOptions::new().with_pem_ca(&read(&tls.ca_file)?).map_err(bad)?;
    match &tls.certificate {
        None => Ok(options),
        Some((certificate, key)) => {
            options.with_pem_identity(&read(certificate)?, &read(key)?).map_err(bad)
        }
    }
}

/// Why TLS with a server fails, for a person, if it does. It asks the server, for some seconds at most.
pub(super) fn fault(tls: &ZooKeeperTls, host: &str) -> Option<String> {
    let config = match config(tls) {
        Ok(config) => config,
        Err(error) => return Some(error),
    };
    let error = tls_fault(name_and_port(host), Arc::new(config), QUESTION)?;
    Some(meaning(&error, "zookeeper", tls.certificate.is_some()))
}

fn config(tls: &ZooKeeperTls) -> Result<ClientConfig, String> {
    let certificates = |path: &Path| {
        let bad = |error: String| format!("{}: {error}", path.display());
        let read = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
        let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| bad(error.to_string()))?;
        if all.is_empty() { Err(bad("it has no certificates in PEM".into())) } else { Ok(all) }
    };
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(certificates(&tls.ca_file)?);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(authorities);
    let Some((certificate, key)) = &tls.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let read = PrivateKeyDer::from_pem_file(key);
    let read = read.map_err(|error| format!("{}: {error}", key.display()))?;
    let made = builder.with_client_auth_cert(certificates(certificate)?, read);
    made.map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))
}
