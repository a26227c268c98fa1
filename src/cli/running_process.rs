//! Asks the process that has this configuration.

use super::failure::Usage;
use super::own_certificate::connect;
use crate::config::{Config, TlsConfig};
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest time that a connection, or a part of the answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The variable with the token that is sent, where the process wants one.
const TOKEN: &str = "RECSYS_TOKEN";
/// The most bytes of an answer.
const LARGEST: u64 = 1 << 20;

/// The body of the process's answer to `GET path`.
///
/// # Errors
/// When nobody answers, or the answer is not 200.
pub(super) fn get(config: &Config, path: &str) -> anyhow::Result<String> {
    call(config, "GET", path, PATIENCE)
}

/// The body of the process's answer to `POST path`, without a body, which may take as long as its requests may.
///
/// # Errors
/// As above.
pub(super) fn post(config: &Config, path: &str) -> anyhow::Result<String> {
    call(config, "POST", path, config.http.request_timeout + PATIENCE)
}

fn call(config: &Config, method: &str, path: &str, patience: Duration) -> anyhow::Result<String> {
    let at = called(config.http.listen);
    let request = request(method, path, &token()?);
    let tls = config.http.tls.as_ref();
    let answer =
        ask(at, tls, &request, patience).with_context(|| format!("{at} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some(status @ ("401" | "403")) => {
            bail!("{at} answers {status}: {body}; the variable {TOKEN} is for its token")
        }
        Some(status) => bail!("{at} answers {status}: {body}"),
        None => bail!("{at} does not speak HTTP"),
    }
}

/// The address under which one that is listened on is called from this machine.
fn called(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The token of the environment, or nothing.
fn token() -> Result<String, Usage> {
    let token = std::env::var(TOKEN).unwrap_or_default();
    match token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(Usage(format!("{TOKEN} must be a token, which has plain letters alone"))),
    }
}

fn request(method: &str, path: &str, token: &str) -> String {
    let authorization = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n{authorization}\r\n"
    )
}

fn ask(
    at: SocketAddr,
    tls: Option<&TlsConfig>,
    request: &str,
    patience: Duration,
) -> anyhow::Result<String> {
    let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match tls {
        Some(tls) => converse(connect(stream, tls)?, request),
        None => converse(stream, request),
    }
}

fn converse(mut stream: impl Read + Write, request: &str) -> anyhow::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::{called, request};

    #[test]
    fn an_address_that_is_all_addresses_is_called_as_this_machine() {
        for (listen, at) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8081", "[::1]:8081"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(called(listen.parse().unwrap()).to_string(), at);
        }
    }

    #[test]
    fn a_token_is_sent_where_there_is_one() {
        assert!(!request("GET", "/", "").contains("authorization"));
        assert!(request("GET", "/", "t").ends_with("\r\nauthorization: Bearer t\r\n\r\n"));
    }
}
