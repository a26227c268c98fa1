//! Pipelines of 5,000 `HSET`s, an event's tags in one, written by hand and answered before the next.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;

const PIPELINE: usize = 5_000;

/// A connection, or none with `none`.
pub struct Redis {
    stream: Option<TcpStream>,
    commands: Vec<u8>,
    waiting: usize,
}

impl Redis {
    pub fn open(address: &str) -> Result<Redis> {
        let stream = match address {
            "none" => None,
            address => Some(TcpStream::connect(address)?),
        };
        Ok(Redis { stream, commands: Vec::new(), waiting: 0 })
    }

    /// A user's hash gets so many fields.
    pub fn begin(&mut self, user: &str, fields: usize) {
        if self.stream.is_none() || fields == 0 {
            return;
        }
        self.commands.push(b'*');
        self.number(2 + 2 * fields);
        self.commands.extend_from_slice(b"\r\n$4\r\nHSET\r\n$");
        self.number(13 + user.len());
        self.commands.extend_from_slice(b"\r\nuser:profile:");
        self.commands.extend_from_slice(user.as_bytes());
        self.commands.extend_from_slice(b"\r\n");
        self.waiting += 1;
    }

    pub fn field(&mut self, tag: &str, score: u32) {
        if self.stream.is_some() {
            self.text(tag);
            self.text(itoa::Buffer::new().format(score));
        }
    }

    /// All fields have been given.
    pub fn end(&mut self) -> Result<()> {
        if self.waiting >= PIPELINE { self.flush() } else { Ok(()) }
    }

    /// Sends what there is and reads all answers. An `HSET` is answered by a number: `:2`.
    pub fn flush(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.write_all(&self.commands)?;
        self.commands.clear();
        while self.waiting > 0 {
            let mut chunk = [0; 64 * 1024];
            let received = stream.read(&mut chunk)?;
            if received == 0 {
                return Err(Error::other("Redis closed the connection"));
            }
            if chunk[..received].contains(&b'-') {
                return Err(Error::other(String::from_utf8_lossy(&chunk[..received]).into_owned()));
            }
            self.waiting -= chunk[..received].iter().filter(|&&byte| byte == b'\n').count();
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.commands.push(b'$');
        self.number(text.len());
        self.commands.extend_from_slice(b"\r\n");
        self.commands.extend_from_slice(text.as_bytes());
        self.commands.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, number: usize) {
        self.commands.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}
