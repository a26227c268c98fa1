//! A client that sees every byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// `name: value` lines, names in lower case.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        // Nothing here takes long; a test that would hang fails instead.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// The same connection, to write to while another thread reads from it.
    pub(super) fn another(&self) -> Client {
        Client { stream: BufReader::new(self.stream.get_ref().try_clone().unwrap()) }
    }

    pub(super) fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub(super) fn send(&mut self, request: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
        let mut text = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for header in headers.lines() {
            text.push_str(&format!("{}\r\n", header.trim()));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.send_raw([format!("{text}\r\n").as_bytes(), body].concat());
    }

    pub(super) fn receive(&mut self, bodiless: bool) -> Reply {
        let status = self.line();
        let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {status:?}"));
        let status = status.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if bodiless { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    /// Whether the front has closed the connection without saying more.
    pub(super) fn is_closed(&mut self) -> bool {
        self.stream.fill_buf().unwrap().is_empty()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
