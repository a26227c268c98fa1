//! The errors of requests, and how the client is told of them.

use crate::event_log::LogError;
use crate::http::json;
use crate::http::reply::{Reply, json_reply};
use crate::settings::StoreError;
use crate::settings::write::{LARGEST_VALUE, WriteError};
use hyper::StatusCode;
use hyper::header::{ACCEPT_ENCODING, ALLOW, HeaderValue, RETRY_AFTER};

/// Why a request failed. The text is the `error` of the answer, the field its `details`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("bad request")]
    Bad(String),
    #[error("cross-site write refused")]
    CrossOrigin(String),
    #[error("this server does not answer under that name")]
    WrongHost(String),
    #[error("no such route")]
    NoRoute(String),
    #[error("no such node")]
    NoNode(String),
    #[error("not forgotten")]
    NotForgotten(String),
    #[error("the merge would close a circle")]
    Circle(String),
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
        /// The number of records, all of which are meant.
        records: usize,
    },
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Fault::Bad(_) => StatusCode::BAD_REQUEST,
            Fault::CrossOrigin(_) => StatusCode::FORBIDDEN,
            Fault::WrongHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Fault::NoRoute(_) | Fault::NoNode(_) | Fault::NotForgotten(_) => StatusCode::NOT_FOUND,
            Fault::Circle(_) | Fault::NotLearned(_) => StatusCode::CONFLICT,
            Fault::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Fault::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Fault::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Fault::Refused(_) => StatusCode::BAD_GATEWAY,
            Fault::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Late(_) | Fault::Unknown { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What happened, for a person.
    pub(super) fn details(&self) -> String {
        match self {
            Fault::Bad(details)
            | Fault::CrossOrigin(details)
            | Fault::NoRoute(details)
            | Fault::NoNode(details)
            | Fault::NotForgotten(details)
            | Fault::Circle(details)
            | Fault::NotLearned(details)
            | Fault::Internal(details)
            | Fault::Refused(details)
            | Fault::Unavailable(details)
            | Fault::Late(details)
            | Fault::Unknown { details, .. } => details.clone(),
            Fault::WrongHost(host) => {
                format!("add it to http.hosts, if {host:?} is to lead to this server")
            }
            Fault::Method { allow } => format!("this route allows {allow}"),
            Fault::SlowBody => "send the body sooner".into(),
            Fault::Encoding(found) => format!("Content-Encoding is gzip or none, not {found:?}"),
            Fault::TooLarge { limit } => format!("the limit is {limit} bytes"),
        }
    }

    /// Makes the answer, with the headers that belong to its status.
    pub(super) fn into_reply(self) -> Reply {
        let mut body = Vec::with_capacity(128);
        match self {
            Fault::Unknown { records, .. } => {
                json::unknown(&mut body, &self.to_string(), &self.details(), records);
            }
            _ => json::error(&mut body, &self.to_string(), &self.details()),
        }
        let mut reply = json_reply(body);
        *reply.status_mut() = self.status();
        match self {
            Fault::Method { allow } => {
                let allow = HeaderValue::from_str(&allow).expect("methods are plain ASCII");
                reply.headers_mut().insert(ALLOW, allow);
            }
            Fault::Encoding(_) => {
                reply.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
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
    /// Of so many records that have all met an error of the log.
    pub(super) fn of_records(records: usize, error: &LogError) -> Fault {
        let details = error.to_string();
        match error {
            LogError::Unavailable(_) => Fault::Unavailable(details),
            LogError::Refused(_) => Fault::Refused(details),
            LogError::Unknown(_) => Fault::Unknown { details, records },
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
