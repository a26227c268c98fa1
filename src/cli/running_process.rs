//! Asks the process that has this configuration.

use super::failure::Usage;
use super::own_certificate::connect;
use crate::config::{Config, TlsConfig};
use anyhow::{Context, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

/// The longest time that a connection, or a part of the answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before a stream is begun again.
const PAUSE: Duration = Duration::from_secs(1);
/// The variable with the token that is sent, where the process wants one.
const TOKEN: &str = "RECSYS_TOKEN";
/// The most bytes of an answer.
const LARGEST: u64 = 1 << 20;

/// The body of the process's answer to `GET path`.
///
/// # Errors
/// When nobody answers, or the answer is not 200.
pub(super) fn get(config: &Config, path: &str) -> anyhow::Result<String> {
    Ok(call(config, &Request::new("GET", path), PATIENCE)?.1)
}

/// The same, of JSON.
///
/// # Errors
/// As above, and when it is none.
pub(super) fn get_json(config: &Config, path: &str) -> anyhow::Result<Value> {
    serde_json::from_str(&get(config, path)?)
        .with_context(|| format!("the answer of {path} is no JSON"))
}

/// Listens to the messages of a stream of the process until `each`, which is given the name and the data of one, has had
/// enough. A stream that ends, as all do when tokens change, is begun again.
///
/// # Errors
/// When nobody answers, the answer is not 200, or `each` fails.
pub(super) fn listen(
    config: &Config,
    path: &str,
    mut each: impl FnMut(&str, &str) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<()> {
    while listen_once(config, path, &mut each)?.is_continue() {
        std::thread::park_timeout(PAUSE);
    }
    Ok(())
}

fn listen_once(
    config: &Config,
    path: &str,
    each: &mut impl FnMut(&str, &str) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<ControlFlow<()>> {
    let at = called(config.http.listen);
    let silent = || format!("{at} does not answer");
    // The stream's own end is that of an answer of HTTP/1.0.
    let request = Request { version: "1.0", ..Request::new("GET", path) }.with(&token()?);
    let mut stream = connected(at, config.http.tls.as_ref(), PATIENCE).with_context(silent)?;
    stream.write_all(request.as_bytes()).with_context(silent)?;
    let mut lines = BufReader::new(stream).lines();
    let mut head = String::new();
    loop {
        let line = lines.next().transpose().with_context(silent)?.unwrap_or_default();
        if line.is_empty() {
            break;
        }
        head += &line;
    }
    if head.split(' ').nth(1) != Some("200") {
        let body: Vec<String> = lines.map_while(Result::ok).collect();
        return check(at, &head, &body.join("\n")).map(ControlFlow::Continue);
    }
    let mut name = String::new();
    for line in lines {
        let line = line.context("the stream has broken off")?;
        if let Some(told) = line.strip_prefix("event: ") {
            told.clone_into(&mut name);
        } else if let Some(data) = line.strip_prefix("data: ")
            && each(&name, data)?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The body of the process's answer to `POST path`, without a body, which may take as long as its requests may.
///
/// # Errors
/// As above.
pub(super) fn post(config: &Config, path: &str) -> anyhow::Result<String> {
    let patience = config.http.request_timeout + PATIENCE;
    Ok(call(config, &Request::new("POST", path), patience)?.1)
}

/// A setting as the process has it in force.
pub(super) struct ReadSetting {
    /// Its value, as JSON.
    pub(super) value: String,
    /// By which it is written only if nobody else has changed it.
    tag: String,
}

/// Reads a setting from the process.
///
/// # Errors
/// When nobody answers, or the answer is not 200.
pub(super) fn get_setting(config: &Config, path: &str) -> anyhow::Result<ReadSetting> {
    let (head, value) = call(config, &Request::new("GET", path), PATIENCE)?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let tag = headers.find(|(name, _)| name.eq_ignore_ascii_case("etag"));
    Ok(ReadSetting { value, tag: tag.map_or_else(String::new, |(_, tag)| tag.to_owned()) })
}

/// Has the process write a setting, unless it was changed since it was read.
///
/// # Errors
/// As above, and when the value is bad.
pub(super) fn put_setting(
    config: &Config,
    path: &str,
    ReadSetting { value, tag }: &ReadSetting,
) -> anyhow::Result<()> {
    let if_match = if tag.is_empty() { String::new() } else { format!("if-match: {tag}\r\n") };
    let request = Request { headers: &if_match, body: value, ..Request::new("PUT", path) };
    call(config, &request, config.http.request_timeout + PATIENCE).map(|_| ())
}

/// What is asked.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    version: &'a str,
    /// Lines of headers.
    headers: &'a str,
    body: &'a str,
}

impl<'a> Request<'a> {
    fn new(method: &'a str, path: &'a str) -> Request<'a> {
        Request { method, path, version: "1.1", headers: "", body: "" }
    }

    fn with(&self, token: &str) -> String {
        let Request { method, path, version, headers, body } = self;
        let authorization = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let length = body.len();
        format!(
            "{method} {path} HTTP/{version}\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}{authorization}\r\n{body}"
        )
    }
}

/// The head and the body of an answer that is 200.
fn call(
    config: &Config,
    request: &Request<'_>,
    patience: Duration,
) -> anyhow::Result<(String, String)> {
    let at = called(config.http.listen);
    let request = request.with(&token()?);
    let tls = config.http.tls.as_ref();
    let answer =
        ask(at, tls, &request, patience).with_context(|| format!("{at} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    check(at, head, body)?;
    Ok((head.to_owned(), body.to_owned()))
}

/// Passes an answer that is 200.
fn check(at: SocketAddr, head: &str, body: &str) -> anyhow::Result<()> {
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status @ ("401" | "403")) => {
            bail!("{at} answers {status}: {}; the variable {TOKEN} is for its token", told(body))
        }
        Some(status) => bail!("{at} answers {status}: {}", told(body)),
        None => bail!("{at} does not speak HTTP"),
    }
}

/// What an error says to a person.
fn told(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    match (&problem["error"], &problem["details"]) {
        (Value::String(error), Value::String(details)) => format!("{error}: {details}"),
        (Value::String(error), _) => error.clone(),
        _ => body.to_owned(),
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

fn ask(
    at: SocketAddr,
    tls: Option<&TlsConfig>,
    request: &str,
    patience: Duration,
) -> anyhow::Result<String> {
    let mut stream = connected(at, tls, patience)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

/// A connection, by TLS where the process has it.
fn connected(
    at: SocketAddr,
    tls: Option<&TlsConfig>,
    patience: Duration,
) -> anyhow::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(match tls {
        Some(tls) => Box::new(connect(stream, tls)?),
        None => Box::new(stream),
    })
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

#[cfg(test)]
mod tests {
    use super::{Request, called};

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
        let request = |token| Request { body: "{}", ..Request::new("PUT", "/") }.with(token);
        assert!(!request("").contains("authorization"));
        assert!(request("t").contains("\r\ncontent-length: 2\r\n"));
        assert!(request("t").ends_with("\r\nauthorization: Bearer t\r\n\r\n{}"));
    }
}
