//! Redis behind TLS: the shop's own authority, and clients with certificates.

use crate::harness::{alone, eventually, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A Redis server that speaks TLS alone, killed when dropped.
struct TlsRedis(Child);

impl Drop for TlsRedis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes an authority, and a certificate of it, as NAME-ca.pem, NAME.pem and NAME.key.
fn certify(folder: &Path, name: &str) {
    let mut params = CertificateParams::new([]).unwrap();
    // A name of its own: a certificate whose issuer has its name counts as signed by itself.
    params.distinguished_name.push(DnType::CommonName, format!("{name}'s authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let write = |file: String, text: String| std::fs::write(folder.join(file), text).unwrap();
    write(format!("{name}-ca.pem"), authority.pem());
    write(format!("{name}.pem"), certificate.pem());
    write(format!("{name}.key"), key.serialize_pem());
}

fn start(folder: &Path, port: u16) -> TlsRedis {
    let mut server = Command::new("redis-server");
    server.current_dir(folder).stdout(Stdio::null()).args(["--port", "0", "--save", ""]);
    server.args(["--bind", "127.0.0.1", "--tls-port", &port.to_string()]);
    server.args(["--tls-cert-file", "shop.pem", "--tls-key-file", "shop.key"]);
    server.args(["--tls-ca-cert-file", "shop-ca.pem", "--tls-auth-clients", "yes"]);
    let server = TlsRedis(server.spawn().expect("redis-server is installed by scripts/test"));
    eventually("Redis", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn redis_is_spoken_to_over_tls_with_certificates_of_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), "shop");
    certify(folder.path(), "other");
    let port = free_port();
    let _redis = start(folder.path(), port);
    for (settings, code, expected) in [
        (&["ca_file=shop-ca.pem", "cert_file=shop.pem", "key_file=shop.key"][..], 0, "Hello Redis"),
        // Nobody but the shop knows its authority.
        (&["cert_file=shop.pem", "key_file=shop.key"], 1, "certificate"),
        (&["ca_file=other-ca.pem", "cert_file=shop.pem", "key_file=shop.key"], 1, "certificate"),
        (&["ca_file=shop-ca.pem"], 1, "ertificate"),
        (&["ca_file=none.pem"], 66, "none.pem"),
        (&["cert_file=shop.pem"], 64, "redis.key_file"),
    ] {
        let mut check = alone(folder.path());
        check.args(["check", "redis", "--set", &format!("redis.url=rediss://localhost:{port}")]);
        check
            .args(settings.iter().flat_map(|setting| ["--set".into(), format!("redis.{setting}")]));
        let output = check.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{settings:?}: {said}");
        assert!(said.contains(expected), "{settings:?}: {said}");
    }
}
