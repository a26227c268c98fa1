//! The password that clients log in with, which changes with its file: connections stay, and the next ones use the new
//! one.
//!
//! librdkafka has a call for that which rdkafka does not expose, so this file calls it itself; the compiler
//! cannot check its memory safety.
#![allow(unsafe_code, reason = "librdkafka is C; what each call relies on stands beside it")]

use super::cluster::KafkaCluster;
use crate::access::{SecretFile, WatchedFile};
use rdkafka::bindings::{rd_kafka_error_destroy, rd_kafka_sasl_set_credentials};
use rdkafka::client::{Client, ClientContext};
use std::ffi::CString;
use std::time::{Duration, Instant};

/// The property that may change while clients live. Others count for those that are made later.
const PASSWORD: &str = "sasl.password";
/// The least time between two looks at the file.
const PACE: Duration = Duration::from_secs(1);

/// The login of some clients whose password is in a file.
pub(super) struct Login {
    user: String,
    file: SecretFile,
    watched: WatchedFile,
    looked: Instant,
}

/// A user with a password.
pub(super) struct Credentials {
    user: CString,
    password: CString,
}

impl Login {
    /// The login of a cluster, if its password is in a file. It is made before the clients: no change is missed.
    pub(super) fn new(cluster: &KafkaCluster) -> Option<Login> {
        let file = cluster.secret_files.get(PASSWORD)?.clone();
        let user = cluster.properties.get("sasl.username").cloned().unwrap_or_default();
        let watched = WatchedFile::new(file.path());
        Some(Login { user, file, watched, looked: Instant::now() })
    }

    /// What is to be used from now on, if the file has changed since it was looked at last.
    pub(super) fn changed(&mut self) -> Option<Credentials> {
        if self.looked.elapsed() < PACE {
            return None;
        }
        self.looked = Instant::now();
        if let Ok(None) = self.watched.changed() {
            return None;
        }
        // Whatever it was that has changed: this reads the file as it was read at the start.
        let made = self.file.read().map_err(|error| error.to_string()).and_then(|password| {
            let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
            Ok(Credentials { user: text(&self.user)?, password: text(&password)? })
        });
        made.inspect_err(|error| tracing::warn!(error, "the password for Kafka stays as it was"))
            .ok()
    }
}

impl Credentials {
    /// Has a client use them for its next connections.
    pub(super) fn give<C: ClientContext>(&self, client: &Client<C>) {
        // SAFETY: the client lives, and so do the texts, which librdkafka copies. An error that it returns is ours.
        unsafe {
            let (user, password) = (self.user.as_ptr(), self.password.as_ptr());
            let error = rd_kafka_sasl_set_credentials(client.native_ptr(), user, password);
            if !error.is_null() {
                rd_kafka_error_destroy(error);
                tracing::warn!(
                    "librdkafka does not take the password that sasl.password_file has now"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_a_changed_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "first\n").unwrap();
        let file = SecretFile::new("kafka.properties.sasl.password_file", &path);
        let mut cluster = KafkaCluster::default();
        assert!(Login::new(&cluster).is_none());
        cluster.secret_files.insert(PASSWORD.into(), file);
        cluster.properties.insert("sasl.username".into(), "shop".into());
        let config = cluster.client(&[], &[]);
        assert_eq!(config.get(PASSWORD), Some("first"));
        let mut login = Login::new(&cluster).unwrap();
        let mut look = || {
            login.looked = login.looked.checked_sub(PACE).unwrap();
            let credentials = login.changed()?;
            let text = |text: CString| text.into_string().unwrap();
            Some((text(credentials.user), text(credentials.password)))
        };
        assert_eq!(look(), None);
        let other = folder.path().join("other");
        std::fs::write(&other, "second").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(look(), Some(("shop".into(), "second".into())));
        assert_eq!(cluster.client(&[], &[]).get(PASSWORD), Some("second"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(look(), None, "an empty file is no password");
    }
}
