//! HTTP/1.1 over kept connections, with as little work as can be: whoever measures shares the
//! machine with what is measured.

use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

/// One connection that waits for its answers.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> anyhow::Result<Connection> {
        let stream = connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Connection { stream, request: Vec::new(), answer: Vec::new() })
    }

    /// The status and the body of the answer.
    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<(u16, &[u8])> {
        self.ask("GET", path, "")
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<(u16, &[u8])> {
        write_request(&mut self.request, method, path, "", body)?;
        self.stream.write_all(&self.request)?;
        self.answer.clear();
        let Answer { status, body } = loop {
            let mut chunk = [0; 16 * 1024];
            let received = self.stream.read(&mut chunk)?;
            ensure!(received > 0, "the connection was closed");
            self.answer.extend_from_slice(&chunk[..received]);
            if let Some(answer) = Answer::whole(&self.answer)? {
                break answer;
            }
        };
        Ok((status, &self.answer[body]))
    }
}

pub(crate) fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let stream =
        TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Writes a request in place of what is there, with a token if it is not empty.
pub(crate) fn write_request(
    out: &mut Vec<u8>,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> anyhow::Result<()> {
    out.clear();
    write!(out, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n")?;
    if !token.is_empty() {
        write!(out, "Authorization: Bearer {token}\r\n")?;
    }
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(())
}

/// An answer that is there: its status, and where its body lies.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

impl Answer {
    /// What was received, if that is all.
    pub(crate) fn whole(received: &[u8]) -> anyhow::Result<Option<Answer>> {
        let Some(head) = memchr::memmem::find(received, b"\r\n\r\n") else { return Ok(None) };
        let start = head + 4;
        let body = start..start + length(&received[..head])?;
        if received.len() < body.end {
            return Ok(None);
        }
        let status = std::str::from_utf8(&received[9..12])?.parse()?;
        Ok(Some(Answer { status, body }))
    }
}

/// What the head says of the length of the body.
fn length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    Ok(length.context("an answer without a length")?.parse()?)
}
