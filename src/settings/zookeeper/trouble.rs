//! Says what is wrong when ZooKeeper can't be used, in words that tell what to set.

use crate::config::ZooKeeperConfig;
use crate::tls_probe::speaks_tls;
use zookeeper::Error;

/// Says what an error of an operation means.
pub(crate) fn refusal(config: &ZooKeeperConfig, error: &Error) -> String {
    match (error, &config.auth) {
        (Error::NoAuth, None) => {
            "ZooKeeper's access rights (ACL) refuse it without a login: set zookeeper.auth_scheme and \
             zookeeper.auth"
                .into()
        }
        (Error::NoAuth, Some(_)) => {
            "ZooKeeper's access rights (ACL) refuse it to the login of zookeeper.auth".into()
        }
        (Error::AuthFailed, _) => {
            "ZooKeeper refuses zookeeper.auth_scheme and zookeeper.auth".into()
        }
        _ => error.to_string(),
    }
}

/// Says why there is no session. It may ask the servers, for some seconds, and blocks meanwhile.
pub(crate) fn no_session(config: &ZooKeeperConfig, error: &Error) -> String {
    if *error != Error::AuthFailed
        && let Some(host) = config.hosts.iter().find(|host| speaks_tls(host.as_str()))
    {
        return format!(
            "ZooKeeper speaks TLS at {host}, and this program does not: it needs a plain port"
        );
    }
    refusal(config, error)
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
            auth: auth.map(|auth| ("digest".into(), Secret::new(auth))),
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
            assert_eq!(no_session(config, &error), told);
        }
    }
}
