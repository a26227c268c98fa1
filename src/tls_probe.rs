//! Asks a server in a word whether it speaks TLS: most that expect the other end a connection without a reason.

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use std::io::{Error, ErrorKind, Read, Result, Write};
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
    let mut stream = connect(server)?;
    stream.write_all(greeting)?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    Ok(first[0])
}

fn connect(server: impl ToSocketAddrs) -> Result<TcpStream> {
    let mut last = ErrorKind::NotFound.into();
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Why TLS with a server fails, given the certificates of both sides and a question that it answers: one that misses a
/// client's certificate says so only then. `None` where TLS does not fail, or the server is silent.
pub fn tls_fault(
    (host, port): (&str, u16),
    config: Arc<ClientConfig>,
    question: &[u8],
) -> Option<String> {
    let talk = || {
        let name = ServerName::try_from(host.to_owned()).map_err(Error::other)?;
        let mut client = ClientConnection::new(config, name).map_err(Error::other)?;
        let mut socket = connect((host, port))?;
        let mut stream = Stream::new(&mut client, &mut socket);
        stream.write_all(question)?;
        stream.read_exact(&mut [0])
    };
    // What is wrong with the connection has other kinds.
    let error = talk().err().filter(|error| error.kind() == ErrorKind::InvalidData)?;
    Some(error.to_string())
}

/// Says what an error of TLS means, given the section of the settings that it is of, and whether these have a certificate
/// of this client.
pub fn meaning(error: &str, section: &str, has_certificate: bool) -> String {
    let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let is_of_client = has(&[
        "BadCertificate",
        "UnsupportedCertificate",
        "CertificateRevoked",
        "CertificateExpired",
        "CertificateUnknown",
        "UnknownCA",
        "AccessDenied",
        "DecryptError",
        "HandshakeFailure",
    ]) && has(&["alert"]);
    let meaning = if has(&["UnknownIssuer"]) {
        format!("its certificate comes from no authority that is trusted ({section}.ca_file)")
    } else if has(&["not valid for name", "NotValidForName"]) {
        "its certificate is of another name".into()
    } else if has(&["certificate expired"]) {
        "its certificate has expired".into()
    } else if has(&["CertificateRequired"]) || (is_of_client && !has_certificate) {
        format!(
            "it wants a certificate of this client, and gets none ({section}.cert_file, {section}.key_file)"
        )
    } else if is_of_client {
        format!("it refuses this client's certificate ({section}.cert_file)")
    } else {
        return error.into();
    };
    format!("{meaning}: {error}")
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
    fn an_error_of_tls_tells_what_to_set() {
        for (error, has_certificate, expected) in [
            ("invalid peer certificate: UnknownIssuer", true, "trusted (redis.ca_file)"),
            ("received fatal alert: CertificateRequired", false, "gets none (redis.cert_file"),
            ("received fatal alert: BadCertificate", false, "gets none (redis.cert_file"),
            ("received fatal alert: UnknownCA", true, "refuses this client's certificate"),
            ("invalid peer certificate: certificate expired: …", true, "has expired"),
            (
                "invalid peer certificate: certificate not valid for name \"a\"",
                true,
                "another name",
            ),
        ] {
            let told = meaning(error, "redis", has_certificate);
            assert!(told.contains(expected) && told.ends_with(error), "{told}");
        }
        assert_eq!(meaning("a secret", "redis", true), "a secret");
    }

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
