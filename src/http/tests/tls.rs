//! The front over TLS: both versions of HTTP, and a certificate that changes.

use super::fixture::{Engine, Fixture, http_config};
use crate::config::TlsConfig;
use crate::http::{Doors, DoorsError, TlsError};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Writes a certificate of its own and its key; returns where they are.
fn certify(folder: &Path) -> TlsConfig {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsConfig { certificate: folder.join("shop.pem"), key: folder.join("shop.key") };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    files
}

/// A client that trusts a certificate, and speaks these versions of HTTP.
fn client(trusted: &[u8], versions: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = versions.iter().map(|version| version.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(address: SocketAddr, client: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    client.connect("localhost".try_into().unwrap(), stream).await
}

/// A client of HTTP/2, and the end of its connection.
async fn http2_client(
    address: SocketAddr,
    client: &TlsConnector,
) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>) {
    let stream = TokioIo::new(connect(address, client).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn fixture(files: &TlsConfig) -> Fixture {
    let mut http = http_config();
    http.tls = Some(files.clone());
    http.hosts = vec!["shop.example".into()];
    Fixture::with(Engine::Scripted, http)
}

fn get(target: &str) -> Request<Empty<Bytes>> {
    Request::get(target).body(Empty::new()).unwrap()
}

#[test]
fn clients_that_can_speak_http_2_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let fixture = fixture(&files);
    let trusted = std::fs::read(&files.certificate).unwrap();
    run(async {
        let client = client(&trusted, &[b"h2", b"http/1.1"]);
        let (sender, _) = http2_client(fixture.address, &client).await;
        // All of them at once, on one connection.
        let asked = (0..50).map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move {
                let request = get("https://shop.example/api/user-profile/user1");
                let reply = sender.send_request(request).await.unwrap();
                assert_eq!((reply.status().as_u16(), reply.version()), (200, Version::HTTP_2));
                assert!(reply.headers().contains_key("x-as-of"));
                reply.into_body().collect().await.unwrap().to_bytes()
            })
        });
        for answer in asked.collect::<Vec<_>>() {
            assert_eq!(answer.await.unwrap(), r#"{"electronics":9,"audio":1.5}"#);
        }
        let mut sender = sender;
        let elsewhere = get("https://other.example/healthz");
        assert_eq!(sender.send_request(elsewhere).await.unwrap().status(), 421);
    });
    run(async {
        let client = client(&trusted, &[]);
        let stream = TokioIo::new(connect(fixture.address, &client).await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let reply = sender.send_request(get("/healthz")).await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.version()), (200, Version::HTTP_11));
    });
}

#[test]
fn a_shutdown_lets_requests_of_http_2_finish() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let mut http = http_config();
    http.tls = Some(files.clone());
    let mut fixture = Fixture::with(Engine::ByHand, http);
    let trusted = std::fs::read(&files.certificate).unwrap();
    run(async {
        let (mut sender, ended) = http2_client(fixture.address, &client(&trusted, &[b"h2"])).await;
        let request = get("https://localhost/api/user-profile/user1");
        let asked = tokio::spawn(async move { sender.send_request(request).await });
        let questions = fixture.questions.clone();
        let question = tokio::task::spawn_blocking(move || questions.recv().unwrap()).await;
        fixture.stop();
        let question = question.unwrap();
        let found = question.queries().iter().filter_map(super::fakes::scripted).collect();
        question.answer(1, found);
        assert_eq!(asked.await.unwrap().unwrap().status(), 200);
        ended.await.unwrap().unwrap();
    });
    fixture.join();
}

#[test]
fn a_request_that_was_given_up_keeps_no_connection_open() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let mut http = http_config();
    http.tls = Some(files.clone());
    http.keep_alive = Duration::from_millis(200);
    let fixture = Fixture::with(Engine::ByHand, http);
    let trusted = std::fs::read(&files.certificate).unwrap();
    run(async {
        let (mut sender, ended) = http2_client(fixture.address, &client(&trusted, &[b"h2"])).await;
        let request = get("https://localhost/api/user-profile/user1");
        // While a client could ask more, it does not end the connection itself.
        let _could_ask = sender.clone();
        let asked = tokio::spawn(async move { sender.send_request(request).await });
        let questions = fixture.questions.clone();
        let _question = tokio::task::spawn_blocking(move || questions.recv().unwrap()).await;
        assert!(!ended.is_finished(), "a request under way keeps it open");
        asked.abort();
        let end = tokio::time::timeout(Duration::from_secs(5), ended).await;
        end.expect("the connection is idle").unwrap().unwrap();
    });
}

#[test]
fn a_certificate_changes_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let fixture = fixture(&files);
    let before = std::fs::read(&files.certificate).unwrap();
    certify(folder.path());
    let after = std::fs::read(&files.certificate).unwrap();
    let begun = Instant::now();
    let trusts = |trusted: &[u8]| {
        run(async { connect(fixture.address, &client(trusted, &[])).await.is_ok() })
    };
    while !trusts(&after) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the files were not read again");
    }
    assert!(!trusts(&before));
}

#[test]
fn what_is_no_certificate_with_its_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = certify(folder.path());
    let refused = |certificate: &str, key: &str| {
        let mut http = http_config();
        let [certificate, key] = [certificate, key].map(|name| folder.path().join(name));
        http.tls = Some(TlsConfig { certificate, key });
        match Doors::open(&http) {
            Err(DoorsError::Tls(error)) => error,
            _ => panic!("the certificate was taken"),
        }
    };
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(certify(other.path()).key, folder.path().join("other.key")).unwrap();
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    assert!(matches!(refused("none.pem", "shop.key"), TlsError::Unreadable { .. }));
    assert!(matches!(refused("empty.pem", "shop.key"), TlsError::Bad { .. }));
    assert!(matches!(refused("shop.pem", "empty.pem"), TlsError::Bad { .. }));
    assert!(matches!(refused("shop.pem", "other.key"), TlsError::Unfit { .. }));
    let mut http = http_config();
    http.tls = Some(files);
    assert!(Doors::open(&http).is_ok());
}
