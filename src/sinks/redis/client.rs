//! The client: address, login and certificates.

use crate::config::RedisConfig;
use redis::{Client, ClientTlsConfig, RedisResult, TlsCertificates};
use std::io::{Error, Result};
use std::path::Path;

/// Makes a client, which connects later.
///
/// # Errors
/// When a file of certificates cannot be read, or holds none.
pub fn client(config: &RedisConfig) -> RedisResult<Client> {
    // An error means that there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = config.url.expose();
    if !url.starts_with("rediss:") {
        return Client::open(url);
    }
    let client_tls = match &config.certificate {
        None => None,
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
    };
    let root_cert = config.ca_file.as_deref().map(read).transpose()?;
    Client::build_with_tls(url, TlsCertificates { client_tls, root_cert })
}

/// Reads a file; an error names it.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}
