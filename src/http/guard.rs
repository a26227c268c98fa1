//! Lets requests in: who has sent one, and whether they may.

use crate::access::{Identity, Keys, Right, Scope};
use crate::config::{AccessConfig, Admission};
use crate::http::caller::Caller;
use crate::http::cors::Cors;
use crate::http::fault::Fault;
use crate::http::given::text;
use crate::http::peer::Peer;
use crate::http::query::Query;
use crate::http::request;
use crate::http::routes::{SECRET, TOKEN};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, ORIGIN};

/// Knows who may do what.
pub(super) struct Guard {
    reads: Admission,
    writes: Admission,
    keys: Keys,
}

/// A request, as far as letting it in depends on it.
pub(super) struct Knock<'a> {
    pub(super) peer: Peer,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Query<'a>,
    /// What it needs.
    pub(super) right: Right,
    /// The value of the pattern's parameter, percent-encoded.
    pub(super) parameter: &'a str,
}

impl Guard {
    pub(super) fn new(access: &AccessConfig, keys: Keys) -> Guard {
        Guard { reads: access.reads, writes: access.writes, keys }
    }

    /// Tells who has sent a request that may be answered.
    ///
    /// # Errors
    /// 401 for a token that is nobody's, and where one is missing; 403 where it grants too little.
    pub(super) fn let_in(&self, knock: &Knock<'_>, cors: &Cors) -> Result<Caller, Fault> {
        if knock.right == Right::Open {
            return Ok(Caller::Unnamed(knock.peer));
        }
        let Some(identity) = self.identity(knock)? else {
            return self.let_unnamed_in(knock);
        };
        match &identity {
            Identity::Token { name, scope } if !scope.grants(knock.right) => {
                let scope = scope.name();
                let details =
                    format!("the token {name} has the scope {scope}, which does not suffice");
                return Err(Fault::Forbidden(details));
            }
            Identity::Token { scope: Scope::Public, .. } => cors.check_public(knock.headers)?,
            Identity::Token { .. } => {}
            Identity::Visitor { claims, .. } => {
                check_visitor(knock, &claims.sub, claims.origin.as_deref())?
            }
        }
        Ok(Caller::Known(identity))
    }

    /// Tells whose token a request has, if it has one. While none is known, what is said may be meant for a proxy.
    fn identity(&self, knock: &Knock<'_>) -> Result<Option<Identity>, Fault> {
        let (in_query, secret) = (text(knock.query, TOKEN)?, text(knock.query, SECRET)?);
        let keys = self.keys.now();
        if keys.is_empty() {
            return Ok(None);
        }
        let known = |sent: &str| keys.identify(sent).map_err(Fault::NotKnown);
        if let Some(sent) = bearer(knock.headers)? {
            return known(sent).map(Some);
        }
        if let Some(secret) = secret {
            return known(&secret).map(Some);
        }
        let Some(sent) = in_query else { return Ok(None) };
        match known(&sent)? {
            identity @ Identity::Token { scope: Scope::Public, .. } => Ok(Some(identity)),
            _ => Err(Fault::NotKnown(
                "only a public token may be in the query, which others see; send it as Authorization: Bearer".into(),
            )),
        }
    }

    fn let_unnamed_in(&self, knock: &Knock<'_>) -> Result<Caller, Fault> {
        let (key, admission) =
            if knock.right.changes() { ("writes", self.writes) } else { ("reads", self.reads) };
        let is_let_in = match admission {
            Admission::Anyone => true,
            Admission::Loopback => knock.peer.is_here(knock.headers),
            Admission::Token => false,
        };
        if is_let_in {
            return Ok(Caller::Unnamed(knock.peer));
        }
        let but_here = if admission == Admission::Loopback { " from another machine" } else { "" };
        Err(Fault::NotKnown(format!(
            "this needs a token{but_here}, as Authorization: Bearer (http.{key})"
        )))
    }
}

/// Holds a request with a visitor's key to what it is for.
fn check_visitor(knock: &Knock<'_>, visitor: &str, origin: Option<&str>) -> Result<(), Fault> {
    match knock.right {
        Right::Visitor if request::user(knock.parameter)? == visitor => {}
        Right::Visitor => {
            return Err(Fault::Forbidden("the key is another visitor's".into()));
        }
        _ => {
            let details = "a visitor's key reads that visitor's profile and recommendations alone";
            return Err(Fault::Forbidden(details.into()));
        }
    }
    // Browsers send it with every request of another origin's page that has a header of its own.
    let sent = knock.headers.get(ORIGIN).map(HeaderValue::as_bytes);
    match (origin, sent) {
        (Some(origin), Some(sent)) if origin.as_bytes() != sent => {
            Err(Fault::Forbidden(format!("the key is for pages of {origin:?}")))
        }
        _ => Ok(()),
    }
}

/// Returns what follows `Bearer` in the header, if that is there. Other schemes are proxies'.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let header = header.to_str().unwrap_or_default();
    let (scheme, sent) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    match sent.trim() {
        "" => Err(Fault::NotKnown("there is no token after Bearer".into())),
        sent => Ok(Some(sent)),
    }
}
