//! Says what is wrong with the brokers, from what librdkafka tells, in words that tell what to set.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What is wrong with the brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Its kind, which stays the same from one try to the next.
    pub(super) kind: TroubleKind,
    /// What to tell a person.
    pub(super) text: String,
}

/// The kinds of trouble that a configuration may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// Brokers refuse the user or the password, or how they are given.
    Login,
    /// TLS fails.
    Tls,
    /// Brokers expect TLS or a login, or don't.
    Protocol,
}

/// What librdkafka says of a client that does not begin as its broker expects.
const PROTOCOL: &str = "security.protocol";
/// What it says of a broker that answers no handshake.
const PLAIN_BROKER: &str = "connecting to a PLAINTEXT broker listener?";

/// Says what is wrong, given an error of a client and librdkafka's reason for it; `None` where a broker is
/// just away.
pub(super) fn trouble(error: &KafkaError, reason: &str) -> Option<Trouble> {
    let (kind, meaning) = match error.rdkafka_error_code()? {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => (
            TroubleKind::Login,
            "Kafka refuses the login (sasl.username, sasl.password, sasl.mechanism)",
        ),
        // The handshake fails, or its connection is just closed.
        _ if reason.contains(PLAIN_BROKER) => {
            (TroubleKind::Protocol, "Kafka speaks no TLS there (security.protocol)")
        }
        RDKafkaErrorCode::SSL => (TroubleKind::Tls, "TLS with Kafka fails (ssl.*)"),
        _ if reason.contains(PROTOCOL) && reason.contains("SASL") => {
            (TroubleKind::Protocol, "Kafka may want a login (security.protocol, sasl.*)")
        }
        _ if reason.contains(PROTOCOL) => {
            (TroubleKind::Protocol, "Kafka may speak TLS there (security.protocol)")
        }
        _ => return None,
    };
    Some(Trouble { kind, text: format!("{meaning}: {}", lasting(reason)) })
}

/// Says that brokers answered in TLS to a client that speaks none.
pub(super) fn hidden_tls(broker: &str) -> Trouble {
    let text = format!("Kafka speaks TLS there (security.protocol): {broker} answers in TLS");
    Trouble { kind: TroubleKind::Protocol, text }
}

/// A reason without what changes from one try to the next: `(after 3ms in state …)`.
fn lasting(reason: &str) -> &str {
    reason.split(" (after ").next().unwrap_or(reason).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_configuration_makes_is_told_from_what_is_away() {
        let told = |code, reason: &str| trouble(&KafkaError::Global(code), reason);
        for (code, reason, kind, text) in [
            (
                RDKafkaErrorCode::Authentication,
                "sasl_ssl://b:9093/1: SASL authentication error: Authentication failed: Invalid username or password (after 312ms in state AUTH_REQ, 3 identical error(s) suppressed)",
                TroubleKind::Login,
                "Kafka refuses the login (sasl.username, sasl.password, sasl.mechanism): sasl_ssl://b:9093/1: SASL authentication error: Authentication failed: Invalid username or password",
            ),
            (
                RDKafkaErrorCode::SSL,
                "ssl://b:9093/1: SSL handshake failed: wrong version number: connecting to a PLAINTEXT broker listener? (after 1ms in state SSL_HANDSHAKE)",
                TroubleKind::Protocol,
                "Kafka speaks no TLS there (security.protocol): ssl://b:9093/1: SSL handshake failed: wrong version number: connecting to a PLAINTEXT broker listener?",
            ),
            (
                RDKafkaErrorCode::BrokerTransportFailure,
                "ssl://b:9093/1: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener? (after 2ms in state SSL_HANDSHAKE)",
                TroubleKind::Protocol,
                "Kafka speaks no TLS there (security.protocol): ssl://b:9093/1: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener?",
            ),
            (
                RDKafkaErrorCode::SSL,
                "ssl://b:9093/1: SSL handshake failed: certificate verify failed (after 1ms in state SSL_HANDSHAKE)",
                TroubleKind::Tls,
                "TLS with Kafka fails (ssl.*): ssl://b:9093/1: SSL handshake failed: certificate verify failed",
            ),
            (
                RDKafkaErrorCode::BrokerTransportFailure,
                "b:9093/1: Disconnected: requesting ApiVersion: might be caused by incorrect security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10 (after 1ms in state APIVERSION_QUERY)",
                TroubleKind::Protocol,
                "Kafka may speak TLS there (security.protocol): b:9093/1: Disconnected: requesting ApiVersion: might be caused by incorrect security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10",
            ),
            (
                RDKafkaErrorCode::BrokerTransportFailure,
                "b:9093/1: Disconnected: verify that security.protocol is correctly configured, broker might require SASL authentication (after 9ms in state UP)",
                TroubleKind::Protocol,
                "Kafka may want a login (security.protocol, sasl.*): b:9093/1: Disconnected: verify that security.protocol is correctly configured, broker might require SASL authentication",
            ),
        ] {
            assert_eq!(told(code, reason), Some(Trouble { kind, text: text.into() }));
        }
        let away = "b:9093/1: Connect to ipv4#127.0.0.1:9093 failed: Connection refused (after 0ms in state CONNECT)";
        assert_eq!(told(RDKafkaErrorCode::BrokerTransportFailure, away), None);
        assert_eq!(told(RDKafkaErrorCode::AllBrokersDown, "3/3 brokers are down"), None);
    }
}
