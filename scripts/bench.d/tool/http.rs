//! HTTP/1.1 over one kept connection, with as little work as can be: the load generator shares the
//! machine with what it measures.

use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> anyhow::Result<Connection> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
        stream.set_nodelay(true)?;
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
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\nHost: bench\r\n")?;
        write!(self.request, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        self.stream.write_all(&self.request)?;
        self.answer.clear();
        let (head, length) = loop {
            self.receive()?;
            if let Some(head) = memchr::memmem::find(&self.answer, b"\r\n\r\n") {
                break (head + 4, length(&self.answer[..head])?);
            }
        };
        while self.answer.len() < head + length {
            self.receive()?;
        }
        let status = std::str::from_utf8(&self.answer[9..12])?.parse()?;
        Ok((status, &self.answer[head..]))
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let received = self.stream.read(&mut chunk)?;
        ensure!(received > 0, "the connection was closed");
        self.answer.extend_from_slice(&chunk[..received]);
        Ok(())
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
