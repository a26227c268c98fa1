//! Says what is wrong when ZooKeeper can't be used, in words that tell what to set.

use super::connect::ConnectError;
use super::tls;
use crate::config::{SecretSource, ZooKeeperConfig};
use crate::tls_probe::{first_byte, speaks_tls};
use zookeeper::Error;

/// Says what an error of an operation means.
pub(crate) fn refusal(config: &ZooKeeperConfig, error: &Error) -> String {
    match (error, &config.auth) {
        (Error::NoAuth, None) => {
            "ZooKeeper's access rights (ACL) refuse it without a login: set zookeeper.auth_scheme and \
             zookeeper.auth"
                .into()
        }
        (Error::NoAuth, Some((_, SecretSource::Setting(_)))) => {
            "ZooKeeper's access rights (ACL) refuse it to the login of zookeeper.auth".into()
        }
        (Error::NoAuth, Some((_, SecretSource::File(_)))) => {
            "ZooKeeper's access rights (ACL) refuse it to the login of zookeeper.auth_file".into()
        }
        (Error::AuthFailed, _) => {
            "ZooKeeper refuses zookeeper.auth_scheme and zookeeper.auth".into()
        }
        _ => error.to_string(),
    }
}

/// Says why there is no session. It may ask the servers, for some seconds, and blocks meanwhile.
pub(crate) fn no_session(config: &ZooKeeperConfig, error: &ConnectError) -> String {
    let error = match error {
        ConnectError::File(error) => return error.clone(),
        ConnectError::ZooKeeper(error) => error,
    };
    let told = if *error == Error::AuthFailed { None } else { of_tls(config) };
    told.unwrap_or_else(|| refusal(config, error))
}

/// What the servers tell of TLS, by the first of them that tells anything.
fn of_tls(config: &ZooKeeperConfig) -> Option<String> {
    config.hosts.iter().find_map(|host| match &config.tls {
        None => speaks_tls(host.as_str()).then(|| {
            format!("ZooKeeper speaks TLS at {host}: set zookeeper.ca_file, or name its plain port")
        }),
        // The answer to one of its words, or the refusal of it, in letters.
        Some(_) if first_byte(host.as_str(), b"ruok").is_ok_and(|it| it.is_ascii_lowercase()) => {
            Some(format!(
                "ZooKeeper speaks no TLS at {host}: name its TLS port, or leave zookeeper.ca_file empty"
            ))
        }
        Some(tls) => {
            let fault = tls::fault(tls, host)?;
            Some(format!("TLS with ZooKeeper at {host} fails: {fault}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use std::time::Duration;

    #[test]
    fn a_refusal_tells_what_to_set() {
        let config = |auth: Option<&str>| ZooKeeperConfig {
            hosts: vec!["127.0.0.1:1".into()],
            chroot: String::new(),
            auth: auth.map(|auth| ("digest".into(), SecretSource::Setting(Secret::new(auth)))),
            tls: None,
            session_timeout: Duration::from_secs(1),
            poll: Duration::from_secs(1),
        };
        let (none, some) = (config(None), config(Some("shop:wrong")));
        for (config, error, expected) in [
            (&none, Error::NoAuth, "without a login"),
            (&some, Error::NoAuth, "to the login of zookeeper.auth"),
            (&some, Error::AuthFailed, "refuses zookeeper.auth_scheme"),
            (&some, Error::ConnectionLoss, "connection to server has lost"),
        ] {
            let told = refusal(config, &error);
            assert!(told.contains(expected) && !told.contains("wrong"), "{told}");
            assert_eq!(no_session(config, &error.into()), told);
        }
    }
}
