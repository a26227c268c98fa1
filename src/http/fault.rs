//! The errors of requests, and how the client is told of them.

use crate::event_log::LogError;
use crate::http::problem::{self, Problem};
use crate::http::reply::{PROBLEM, Reply, typed_reply};
use crate::settings::StoreError;
use crate::settings::write::{LARGEST_VALUE, WriteError};
use hyper::StatusCode;
use hyper::header::{ACCEPT_ENCODING, ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// Why a request failed. The text is the `error` of the answer, the field its `details`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("bad request")]
    Bad(String),
    #[error("who asks is not known")]
    NotKnown(String),
    #[error("not allowed")]
    Forbidden(String),
    #[error("too many requests")]
    TooMany {
        /// The seconds until the next one is answered.
        seconds: u64,
    },
    #[error("cross-site write refused")]
    CrossOrigin(String),
    #[error("this server does not answer under that name")]
    WrongHost(String),
    #[error("no such route")]
    NoRoute(String),
    #[error("no such node")]
    NoNode(String),
    #[error("no such product")]
    NoProduct(String),
    #[error("not forgotten")]
    NotForgotten(String),
    #[error("the merge would close a circle")]
    Circle(String),
    #[error("it has changed")]
    Changed(String),
    #[error("nothing to accept")]
    NotLearned(String),
    #[error("method not allowed")]
    Method {
        /// The methods that the route allows.
        allow: String,
    },
    #[error("the request's body did not arrive in time")]
    SlowBody,
    #[error("the request's body is too large")]
    TooLarge {
        /// The largest body that is allowed, in bytes.
        limit: usize,
    },
    #[error("the request's body is encoded in a way that is not decoded here")]
    Encoding(String),
    #[error("internal error")]
    Internal(String),
    #[error("refused by a service behind")]
    Refused(String),
    #[error("unavailable now, try again")]
    Unavailable(String),
    #[error("no answer in time")]
    Late(String),
    #[error("stored or not, which is not known")]
    Unknown {
        details: String,
        /// The indices of the events that are meant.
        events: Vec<usize>,
    },
}

impl Fault {
    /// The status, and what happened in a word that does not change, for programs.
    fn known_as(&self) -> (StatusCode, &'static str) {
        match self {
            Fault::Bad(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            Fault::NotKnown(_) => (StatusCode::UNAUTHORIZED, "not-known"),
            Fault::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Fault::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
            Fault::CrossOrigin(_) => (StatusCode::FORBIDDEN, "cross-origin"),
            Fault::WrongHost(_) => (StatusCode::MISDIRECTED_REQUEST, "wrong-host"),
            Fault::NoRoute(_) => (StatusCode::NOT_FOUND, "no-route"),
            Fault::NoNode(_) => (StatusCode::NOT_FOUND, "no-node"),
            Fault::NoProduct(_) => (StatusCode::NOT_FOUND, "no-product"),
            Fault::NotForgotten(_) => (StatusCode::NOT_FOUND, "not-forgotten"),
            Fault::Circle(_) => (StatusCode::CONFLICT, "circle"),
            Fault::Changed(_) => (StatusCode::PRECONDITION_FAILED, "changed"),
            Fault::NotLearned(_) => (StatusCode::CONFLICT, "not-learned"),
            Fault::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Fault::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow-body"),
            Fault::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "large-body"),
            Fault::Encoding(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding"),
            Fault::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Fault::Refused(_) => (StatusCode::BAD_GATEWAY, "refused"),
            Fault::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Fault::Late(_) => (StatusCode::GATEWAY_TIMEOUT, "late"),
            Fault::Unknown { .. } => (StatusCode::GATEWAY_TIMEOUT, "unknown"),
        }
    }

    /// What happened, for a person.
    pub(super) fn details(&self) -> String {
        match self {
            Fault::Bad(details)
            | Fault::NotKnown(details)
            | Fault::Forbidden(details)
            | Fault::CrossOrigin(details)
            | Fault::NoRoute(details)
            | Fault::NoNode(details)
            | Fault::NoProduct(details)
            | Fault::NotForgotten(details)
            | Fault::Circle(details)
            | Fault::NotLearned(details)
            | Fault::Changed(details)
            | Fault::Internal(details)
            | Fault::Refused(details)
            | Fault::Unavailable(details)
            | Fault::Late(details)
            | Fault::Unknown { details, .. } => details.clone(),
            Fault::WrongHost(host) => {
                format!("add it to http.hosts, if {host:?} is to lead to this server")
            }
            Fault::Method { allow } => format!("this route allows {allow}"),
            Fault::TooMany { seconds } => format!("ask again in {seconds} s"),
            Fault::SlowBody => "send the body sooner".into(),
            Fault::Encoding(found) => format!("Content-Encoding is gzip or none, not {found:?}"),
            Fault::TooLarge { limit } => format!("the limit is {limit} bytes"),
        }
    }

    /// Makes the answer, with the headers that belong to its status.
    pub(super) fn into_reply(self) -> Reply {
        let mut body = Vec::with_capacity(256);
        let (error, details) = (self.to_string(), self.details());
        let (status, word) = self.known_as();
        let told = Problem { word, status, error: &error, details: &details };
        match &self {
            Fault::Unknown { events, .. } => problem::unknown(&mut body, &told, events),
            _ => problem::write(&mut body, &told),
        }
        let mut reply = typed_reply(PROBLEM, body);
        *reply.status_mut() = status;
        match self {
            Fault::Method { allow } => {
                let allow = HeaderValue::from_str(&allow).expect("methods are plain ASCII");
                reply.headers_mut().insert(ALLOW, allow);
            }
            Fault::Encoding(_) => {
                reply.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            }
            Fault::NotKnown(_) => {
                let bearer = HeaderValue::from_static("Bearer realm=\"recsys\"");
                reply.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            Fault::Forbidden(_) => {
                let bearer = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
                reply.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            Fault::TooMany { seconds } => {
                reply.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            Fault::Unavailable(_) => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        reply
    }
}

impl Fault {
    /// Of a merge, where others lead back from its account along a path already.
    pub(super) fn circle(path: &[String]) -> Fault {
        let path: Vec<_> = path.iter().map(|user| format!("{user:?}")).collect();
        Fault::Circle(format!("merges lead from {} already", path.join(" to ")))
    }

    /// Of events that have all met an error of the log.
    pub(super) fn of_events(events: Vec<usize>, error: &LogError) -> Fault {
        let details = error.to_string();
        match error {
            LogError::Unavailable(_) => Fault::Unavailable(details),
            LogError::Refused(_) => Fault::Refused(details),
            LogError::Unknown(_) => Fault::Unknown { details, events },
        }
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Fault {
        match error {
            WriteError::Store(error) => error.into(),
            WriteError::TooLarge { .. } => Fault::TooLarge { limit: LARGEST_VALUE },
            WriteError::Bad { .. } | WriteError::Unowned { .. } => Fault::Bad(error.to_string()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        match error {
            StoreError::Unavailable(_) => Fault::Unavailable(error.to_string()),
            StoreError::BadPath { .. } => Fault::Bad(error.to_string()),
            StoreError::Refused(_) => Fault::Refused(error.to_string()),
        }
    }
}
