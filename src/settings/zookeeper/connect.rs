//! Begins a session, with the login and the certificates that their files hold by then.

use super::tls;
use crate::config::{Secret, ZooKeeperConfig};
use zookeeper::{Client, Error};

/// No session could be begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The servers do not answer, or refuse.
    #[error(transparent)]
    ZooKeeper(#[from] Error),
    /// A file cannot be used. The text is for a person.
    #[error("{0}")]
    File(String),
}

/// The credentials, as they are now.
///
/// # Errors
/// When their file cannot be read.
pub(super) fn credentials(config: &ZooKeeperConfig) -> Result<Option<Secret>, ConnectError> {
    let read = config.auth.as_ref().map(|(_, credentials)| credentials.read()).transpose();
    read.map_err(|error| ConnectError::File(error.to_string()))
}

/// Begins a session.
///
/// # Errors
/// When no server answers for about the session's time-out, the credentials are refused, or a file cannot be read.
pub(crate) async fn connect(config: &ZooKeeperConfig) -> Result<Client, ConnectError> {
    begin(config, credentials(config)?.as_ref()).await
}

/// The same with credentials that have been read.
pub(super) async fn begin(
    config: &ZooKeeperConfig,
    credentials: Option<&Secret>,
) -> Result<Client, ConnectError> {
    let mut connector = Client::connector().with_session_timeout(config.session_timeout);
    if let (Some((scheme, _)), Some(credentials)) = (&config.auth, credentials) {
        connector = connector.with_auth(scheme, credentials.expose().as_bytes());
    }
    let servers = format!("{}{}", config.hosts.join(","), config.chroot);
    let begun = match &config.tls {
        None => connector.connect(&servers).await,
        Some(tls) => {
            let options = tls::options(tls).map_err(ConnectError::File)?;
            connector.with_tls(options).secure_connect(&servers).await
        }
    };
    Ok(begun?)
}
