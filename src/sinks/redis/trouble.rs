//! Says what is wrong when Redis can't be used, in words that tell what to set.

use crate::tls_probe::{first_byte, speaks_tls};
use redis::{Client, ConnectionAddr, ErrorKind, RedisError};

/// What is wrong, so that its kind is logged when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind, which stays the same from one try to the next: the label of its metric.
    pub kind: &'static str,
    /// What to tell a person.
    pub text: String,
}

/// Says what is wrong, given the error that a client met. Where the error alone does not tell, it may ask
/// the server, for a second or two.
pub fn trouble(client: &Client, error: &RedisError) -> Trouble {
    let told = |kind, text| Trouble { kind, text };
    // The answer to SELECT comes without its code.
    let is_no_login = || error.detail().is_some_and(|it| it.contains("Authentication required"));
    let (label, code) = match error.kind() {
        ErrorKind::AuthenticationFailed => ("WRONGPASS", Some("WRONGPASS")),
        _ if is_no_login() => ("NOAUTH", Some("NOAUTH")),
        _ => (label(error), error.code()),
    };
    match (label, code) {
        (kind @ "NOAUTH", _) => {
            told(kind, "Redis wants a password, and redis.url has none (NOAUTH)".into())
        }
        (kind @ "WRONGPASS", _) => {
            told(kind, "Redis refuses the user or the password of redis.url (WRONGPASS)".into())
        }
        (kind @ "NOPERM", _) => {
            told(kind, format!("Redis's user lacks a right; workers.toml lists them: {error}"))
        }
        (kind, Some(_)) => told(kind, error.to_string()),
        (kind, None) => {
            of_connection(client, error).unwrap_or_else(|| told(kind, error.to_string()))
        }
    }
}

/// Says whether a connection failed as one end speaks TLS and the other does not.
fn of_connection(client: &Client, error: &RedisError) -> Option<Trouble> {
    let told = |kind, text| Some(Trouble { kind, text });
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) if speaks_tls((host.as_str(), *port)) => told(
            "tls",
            format!("Redis speaks TLS at {host}:{port}: redis.url must begin with rediss://"),
        ),
        ConnectionAddr::TcpTls { host, port, .. } => {
            let first = first_byte((host.as_str(), *port), b"PING\r\n");
            // `+PONG`, or the error of a server that wants a password.
            if first.is_ok_and(|first| b"+-".contains(&first)) {
                let text = format!(
                    "Redis speaks no TLS at {host}:{port}: redis.url must begin with redis://"
                );
                return told("tls", text);
            }
            let text = error.to_string();
            let is_of_tls = ["certificate", "Certificate", "alert", "TLS"];
            is_of_tls
                .iter()
                .any(|word| text.contains(word))
                .then(|| Trouble { kind: "tls", text: format!("TLS with Redis fails: {text}") })
        }
        _ => None,
    }
}

/// The label of an error: Redis's own code where it is one that an operator can act on.
fn label(error: &RedisError) -> &'static str {
    const CODES: [&str; 9] = [
        "OOM",
        "READONLY",
        "NOPERM",
        "MOVED",
        "LOADING",
        "CLUSTERDOWN",
        "NOAUTH",
        "WRONGPASS",
        "MISCONF",
    ];
    match error.code() {
        Some(code) => CODES.into_iter().find(|known| *known == code).unwrap_or("other"),
        None => "connection",
    }
}
