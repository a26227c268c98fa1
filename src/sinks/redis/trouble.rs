//! Says what is wrong when Redis or a sentinel can't be used, in words that tell what to set.

use crate::access::SecretFileError;
use crate::config::RedisConfig;
use crate::tls_probe::{first_byte, meaning, speaks_tls};
use redis::{ConnectionAddr, ErrorKind, RedisError};
use std::error::Error;

/// What is wrong, so that its kind is logged when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind, which stays the same from one try to the next: the label of its metric.
    pub kind: &'static str,
    /// What to tell a person.
    pub text: String,
}

/// No sentinel says where the master is, or no node of a cluster who has its slots, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Unfound {
    /// The kind of what is wrong with the first of them.
    pub(super) kind: &'static str,
    /// What nobody tells, and what is wrong with each.
    pub(super) text: String,
}

/// Where an error was met, and the settings by which it is logged in there.
pub(super) struct Place {
    name: &'static str,
    login: &'static str,
    /// `None` where nobody has named a master yet.
    address: Option<ConnectionAddr>,
    has_certificate: bool,
    is_cluster: bool,
}

impl Place {
    pub(super) fn redis(config: &RedisConfig, address: Option<ConnectionAddr>) -> Place {
        let login = if config.password_file.is_some() {
            "redis.url and redis.password_file"
        } else {
            "redis.url"
        };
        let has_certificate = config.certificate.is_some();
        let is_cluster = !config.cluster.is_empty();
        Place { name: "Redis", login, address, has_certificate, is_cluster }
    }

    pub(super) fn sentinel(config: &RedisConfig, address: ConnectionAddr) -> Place {
        let login = "redis.sentinel_password";
        let has_certificate = config.certificate.is_some();
        let (address, is_cluster) = (Some(address), false);
        Place { name: "the sentinel", login, address, has_certificate, is_cluster }
    }
}

/// Says what is wrong, given the error that a client met. Where the error alone does not tell, it may ask
/// the server, for a second or two.
pub(super) fn trouble(place: &Place, error: &RedisError) -> Trouble {
    let told = |kind, text| Trouble { kind, text };
    if let Some(kind) = own(error) {
        return told(kind, error.to_string());
    }
    // The answer to SELECT comes without its code.
    let is_no_login = || error.detail().is_some_and(|it| it.contains("Authentication required"));
    let (label, code) = match error.kind() {
        ErrorKind::AuthenticationFailed => ("WRONGPASS", Some("WRONGPASS")),
        _ if is_no_login() => ("NOAUTH", Some("NOAUTH")),
        _ => (label(error), error.code()),
    };
    let Place { name, login, .. } = place;
    match (label, code) {
        (kind @ "NOAUTH", _) => {
            told(kind, format!("{name} wants a password, and {login} has none (NOAUTH)"))
        }
        (kind @ "WRONGPASS", _) => {
            told(kind, format!("{name} refuses the user or the password of {login} (WRONGPASS)"))
        }
        (kind @ "NOPERM", _) => {
            told(kind, format!("{name}'s user lacks a right; workers.toml lists them: {error}"))
        }
        (kind @ ("MOVED" | "CLUSTERDOWN"), _) if !place.is_cluster => {
            let why = "Redis is a node of a cluster: redis.cluster must name some of its nodes";
            told(kind, format!("{why}; docs/operations.md tells more: {error}"))
        }
        (kind @ "CLUSTERDOWN", _) => {
            told(kind, format!("the cluster has no master for some slots yet: {error}"))
        }
        (kind @ ("MOVED" | "ASK" | "TRYAGAIN"), _) => {
            told(kind, format!("slots of the cluster are being moved: {error}"))
        }
        (kind, Some(_)) => told(kind, error.to_string()),
        (kind, None) => {
            of_connection(place, error).unwrap_or_else(|| told(kind, error.to_string()))
        }
    }
}

/// The kind of an error that was made here, and says itself what is wrong.
fn own(error: &RedisError) -> Option<&'static str> {
    let error = error.source()?.downcast_ref::<std::io::Error>()?.get_ref()?;
    if let Some(unfound) = error.downcast_ref::<Unfound>() {
        Some(unfound.kind)
    } else if error.is::<SecretFileError>() {
        Some("password")
    } else {
        None
    }
}

/// Says whether a connection failed as one end speaks TLS and the other does not.
fn of_connection(place: &Place, error: &RedisError) -> Option<Trouble> {
    let told = |kind, text| Some(Trouble { kind, text });
    let name = place.name;
    match place.address.as_ref()? {
        ConnectionAddr::Tcp(host, port) if speaks_tls((host.as_str(), *port)) => told(
            "tls",
            format!("{name} speaks TLS at {host}:{port}: redis.url must begin with rediss://"),
        ),
        ConnectionAddr::TcpTls { host, port, .. } => {
            let first = first_byte((host.as_str(), *port), b"PING\r\n");
            // `+PONG`, or the error of a server that wants a password.
            if first.is_ok_and(|first| b"+-".contains(&first)) {
                let text = format!(
                    "{name} speaks no TLS at {host}:{port}: redis.url must begin with redis://"
                );
                return told("tls", text);
            }
            let text = error.to_string();
            if text.contains("close_notify") {
                return told("connection", format!("{name} has closed the connection"));
            }
            let is_of_tls = ["certificate", "Certificate", "alert", "TLS"];
            is_of_tls.iter().any(|word| text.contains(word)).then(|| {
                let text = meaning(&text, "redis", place.has_certificate);
                Trouble { kind: "tls", text: format!("TLS with {name} fails: {text}") }
            })
        }
        _ => None,
    }
}

/// The label of an error: Redis's own code where it is one that an operator can act on.
fn label(error: &RedisError) -> &'static str {
    const CODES: [&str; 12] = [
        "OOM",
        "READONLY",
        "NOPERM",
        "MOVED",
        "ASK",
        "TRYAGAIN",
        "LOADING",
        "CLUSTERDOWN",
        "NOAUTH",
        "WRONGPASS",
        "MISCONF",
        "NOREPLICAS",
    ];
    match error.code() {
        Some(code) => CODES.into_iter().find(|known| *known == code).unwrap_or("other"),
        None => "connection",
    }
}
