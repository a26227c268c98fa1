//! The client of one server: address, login and certificates, as their files are now.

use crate::config::RedisConfig;
use redis::{
    Client, ClientTlsConfig, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates,
};
use std::io::{Error, Result};
use std::path::Path;
use std::time::Duration;

/// A server by its name or address, and its port.
pub(super) type Server = (String, u16);

/// Makes a client of Redis itself, at another address than the URL's where one is given. It connects later.
///
/// # Errors
/// When a file of certificates or of the password cannot be read, or holds none.
pub(super) fn client(config: &RedisConfig, at: Option<&Server>) -> RedisResult<Client> {
    let mut info = config.url.expose().into_connection_info()?;
    if let Some(file) = &config.password_file {
        let password = file.read().map_err(Error::other)?;
        let login = info.redis_settings().clone().set_password(password);
        info = info.set_redis_settings(login);
    }
    if let Some(at) = at {
        info = info.set_addr(address(config, at));
    }
    with_certificates(config, info)
}

/// Makes a client of a sentinel, which has a login of its own, and the certificates of Redis.
///
/// # Errors
/// As above.
pub(super) fn sentinel(config: &RedisConfig, at: &Server) -> RedisResult<Client> {
    let mut login = RedisConnectionInfo::default();
    if let Some(sentinels) = &config.sentinels
        && let Some(password) = &sentinels.password
    {
        login = login.set_password(password.read().map_err(Error::other)?.expose());
        if let Some(user) = &sentinels.user {
            login = login.set_username(user);
        }
    }
    let info = address(config, at).into_connection_info()?.set_redis_settings(login);
    with_certificates(config, info)
}

/// Connects, with a time-out for that and for each answer.
pub(super) fn connection(client: &Client, timeout: Duration) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.set_write_timeout(Some(timeout))?;
    Ok(connection)
}

/// The address of a server; with TLS if the URL has it.
pub(super) fn address(config: &RedisConfig, (host, port): &Server) -> ConnectionAddr {
    let (host, port) = (host.clone(), *port);
    match is_tls(config) {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

fn is_tls(config: &RedisConfig) -> bool {
    config.url.expose().starts_with("rediss:")
}

fn with_certificates(config: &RedisConfig, info: ConnectionInfo) -> RedisResult<Client> {
    if !is_tls(config) {
        return Client::open(info);
    }
    let client_tls = match &config.certificate {
        None => None,
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
    };
    let root_cert = config.ca_file.as_deref().map(read).transpose()?;
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })
}

/// Reads a file; an error names it.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}
