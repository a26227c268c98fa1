//! Services with logins and TLS, in a folder of their own.

use crate::harness::{alone, bounded, free_port, services_script};
use redis::{ClientTlsConfig, TlsCertificates};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where they listen.
pub(crate) struct Ports {
    pub(crate) kafka: u16,
    controller: u16,
    pub(crate) redis: u16,
    pub(crate) replica: u16,
    pub(crate) sentinels: [u16; 3],
    /// Three masters, and a replica of the first.
    pub(crate) cluster: [u16; 4],
    cluster_buses: [u16; 4],
    pub(crate) zookeeper: u16,
}

/// One set at a time, beside that which all other tests share.
static SET: Mutex<()> = Mutex::new(());

/// The services with logins and TLS; stopped when dropped.
pub(crate) struct Secure {
    _only: MutexGuard<'static, ()>,
    folder: tempfile::TempDir,
    services: &'static [&'static str],
    pub(crate) ports: Ports,
}

impl Secure {
    pub(crate) fn start(services: &'static [&'static str]) -> Secure {
        let only = SET.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = Ports {
            kafka: free_port(),
            controller: free_port(),
            redis: free_port(),
            replica: free_port(),
            sentinels: [(); 3].map(|()| free_port()),
            cluster: [(); 4].map(|()| free_port()),
            cluster_buses: [(); 4].map(|()| free_port()),
            zookeeper: free_port(),
        };
        let secure = Secure { _only: only, folder: tempfile::tempdir().unwrap(), services, ports };
        secure.script(&[&["up", "--secure"], services].concat());
        // Without the option: the folder tells.
        secure.script(&[&["status"], services].concat());
        secure
    }

    pub(crate) fn script(&self, arguments: &[&str]) {
        self.script_with("recsys-secret", arguments);
    }

    /// The same with another password for what is started.
    pub(crate) fn script_with(&self, password: &str, arguments: &[&str]) {
        let mut script = services_script();
        script.args(arguments).stdout(Stdio::null());
        script.env("SERVICES_DIR", self.folder.path());
        script.env("KAFKA_PORTS", self.ports.kafka.to_string());
        script.env("KAFKA_CONTROLLER_PORTS", self.ports.controller.to_string());
        script.env("REDIS_PORT", self.ports.redis.to_string());
        script.env("REDIS_REPLICA_PORT", self.ports.replica.to_string());
        let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        script.env("SENTINEL_PORTS", list(&self.ports.sentinels));
        script.env("REDIS_CLUSTER_PORTS", list(&self.ports.cluster));
        script.env("REDIS_CLUSTER_BUS_PORTS", list(&self.ports.cluster_buses));
        script.env("ZOOKEEPER_PORT", self.ports.zookeeper.to_string());
        script.env("SERVICES_TIMEOUT", "180");
        script.env("SECURE_PASSWORD", password);
        let status = script.status().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }

    /// Where the node of the cluster at a port hears of the others.
    pub(crate) fn bus(&self, port: u16) -> u16 {
        let at = self.ports.cluster.iter().position(|known| *known == port);
        self.ports.cluster_buses[at.unwrap()]
    }

    /// A file of the certificates.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("tls").join(name)
    }

    /// The program with everything that is right, in a folder of its own.
    pub(crate) fn program(&self, folder: &Path) -> Command {
        let mut program = alone(folder);
        program
            .env("RECSYS_KAFKA_BROKERS", format!("127.0.0.1:{}", self.ports.kafka))
            .env("RECSYS_KAFKA_PROPERTIES_SECURITY_PROTOCOL", "sasl_ssl")
            .env("RECSYS_KAFKA_PROPERTIES_SASL_MECHANISM", "PLAIN")
            .env("RECSYS_KAFKA_PROPERTIES_SASL_USERNAME", "recsys")
            .env("RECSYS_KAFKA_PROPERTIES_SASL_PASSWORD", "recsys-secret")
            .env("RECSYS_KAFKA_PROPERTIES_SSL_CA_LOCATION", self.file("ca.pem"))
            .env("RECSYS_REDIS_URL", self.redis_url("127.0.0.1"))
            .env("RECSYS_REDIS_CA_FILE", self.file("ca.pem"))
            .env("RECSYS_LOG", "warn");
        self.with_zookeeper(program)
    }

    pub(crate) fn redis_url(&self, host: &str) -> String {
        format!("rediss://:recsys-secret@{host}:{}", self.ports.redis)
    }

    /// A program with ZooKeeper, by its own login and certificate.
    pub(crate) fn with_zookeeper(&self, mut program: Command) -> Command {
        program
            .env("RECSYS_ZOOKEEPER_HOSTS", format!("127.0.0.1:{}", self.ports.zookeeper))
            .env("RECSYS_ZOOKEEPER_AUTH_SCHEME", "digest")
            .env("RECSYS_ZOOKEEPER_AUTH", "recsys:recsys-secret")
            .env("RECSYS_ZOOKEEPER_CA_FILE", self.file("ca.pem"))
            .env("RECSYS_ZOOKEEPER_CERT_FILE", self.file("client.pem"))
            .env("RECSYS_ZOOKEEPER_KEY_FILE", self.file("client.key"));
        program
    }

    /// A connection to the Redis at a port, with this password.
    pub(crate) fn redis(&self, port: u16, password: &str) -> redis::RedisResult<redis::Connection> {
        // An error means that there is a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |name: &str| std::fs::read(self.file(name)).unwrap();
        let client_tls =
            ClientTlsConfig { client_cert: read("client.pem"), client_key: read("client.key") };
        let certificates =
            TlsCertificates { client_tls: Some(client_tls), root_cert: Some(read("ca.pem")) };
        let url = format!("rediss://:{password}@127.0.0.1:{port}");
        redis::Client::build_with_tls(url, certificates)?.get_connection()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.script(&[&["down"], self.services].concat());
    }
}

/// Runs a command to its end; returns whether it did well, and all that it said.
pub(crate) fn said(program: Command, arguments: &[&str]) -> (bool, String) {
    let output = bounded(program).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
