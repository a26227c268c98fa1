//! Asks the process that has this configuration.

use crate::config::Config;
use anyhow::{Context, bail};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest time that a connection, or a part of the answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
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
    let answer =
        ask(at, method, path, patience).with_context(|| format!("{at} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
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

fn ask(at: SocketAddr, method: &str, path: &str, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::called;

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
}
