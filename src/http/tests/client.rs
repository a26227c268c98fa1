//! A client that sees every byte.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpSocket;

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
    /// The body; of an error its `error` and `details` alone, which the problem details after them repeat.
    pub(super) fn told(&self) -> String {
        match self.body.find(r#","type":"urn:recsys:problem:"#) {
            Some(end) => format!("{}}}", &self.body[..end]),
            None => self.body.clone(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Client {
        Client::on(TcpStream::connect(address).unwrap())
    }

    /// A client that has a given address.
    pub(super) fn from(own: &str, address: SocketAddr) -> Client {
        let connected = async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(connected);
        stream.set_nonblocking(false).unwrap();
        Client::on(stream)
    }

    fn on(stream: TcpStream) -> Client {
        let client = Client { stream: BufReader::new(stream) };
        // Nothing here takes long; a test that would hang fails instead.
        client.patience(Duration::from_secs(20));
        client
    }

    /// The longest time that it waits for the server to write, or to read.
    pub(super) fn patience(&self, patience: Duration) {
        let stream = self.stream.get_ref();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.set_write_timeout(Some(patience)).unwrap();
    }

    /// Asks on and on and reads no answer, until that fails.
    pub(super) fn flood(&mut self) -> io::Error {
        let request = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
        loop {
            if let Err(error) = self.stream.get_mut().write_all(request.as_bytes()) {
                return error;
            }
        }
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

    /// Whether the front neither says anything nor closes the connection for as long as the client is
    /// patient.
    pub(super) fn is_silent(&mut self) -> bool {
        let silent = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
        self.stream.fill_buf().is_err_and(|error| silent.contains(&error.kind()))
    }

    /// The lines up to the first one that begins so; an empty beginning means an empty line.
    pub(super) fn lines_until(&mut self, beginning: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let is_wanted =
                if beginning.is_empty() { line.is_empty() } else { line.starts_with(beginning) };
            lines.push(line);
            if is_wanted {
                return lines;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
