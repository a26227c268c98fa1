//! Asks a server in a word whether it speaks TLS: most that expect the other end a connection without a reason.

use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// The longest time that a server may take for each step.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first bytes of TLS records that answer a greeting: an alert, and a handshake.
const RECORDS: [u8; 2] = [21, 22];

/// Whether a server answers the greeting of TLS in TLS. One that does not answer counts as speaking none.
pub fn speaks_tls(server: impl ToSocketAddrs) -> bool {
    let greeting = greeting().unwrap_or_default();
    first_byte(server, &greeting).is_ok_and(|first| RECORDS.contains(&first))
}

/// The first byte of a server's answer to a greeting.
///
/// # Errors
/// When it can't be reached, or ends the connection without an answer, or does not answer in time.
pub fn first_byte(server: impl ToSocketAddrs, greeting: &[u8]) -> Result<u8> {
    let mut last = std::io::ErrorKind::NotFound.into();
    for address in server.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(greeting)?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        return Ok(first[0]);
    }
    Err(last)
}

/// The first message of a client of TLS.
fn greeting() -> Option<Vec<u8>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    // Nobody goes on from here: no certificate is looked at, whatever the name.
    let name = "localhost".try_into().ok()?;
    let mut client = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut greeting = Vec::new();
    client.write_tls(&mut greeting).ok()?;
    Some(greeting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_server_that_answers_in_tls_is_told_from_others() {
        for (answer, expected) in
            [(&[22, 3, 3][..], true), (&[21], true), (b"-ERR", false), (b"", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut record = [0; 6];
                stream.read_exact(&mut record).unwrap();
                // A handshake, and in it the hello of a client.
                assert_eq!((record[0], record[5]), (22, 1));
                stream.write_all(answer).unwrap();
            });
            assert_eq!(speaks_tls(address), expected, "{answer:?}");
            server.join().unwrap();
        }
        assert!(!speaks_tls("127.0.0.1:1"));
    }
}
