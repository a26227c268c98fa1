//! Answers requests: finds the route, lets the request in, calls its handler, adds what every answer has.

use crate::config::HttpConfig;
use crate::http::Front;
use crate::http::audit::{self, Deed};
use crate::http::body::BodyBudget;
use crate::http::call::Call;
use crate::http::cors::Cors;
use crate::http::doors::Doors;
use crate::http::fault::Fault;
use crate::http::guard::{Guard, Knock};
use crate::http::hosts::Hosts;
use crate::http::lab_queue::LabQueue;
use crate::http::listeners::Listeners;
use crate::http::measure::{Asked, Measure};
use crate::http::peer::Peer;
use crate::http::query::Query;
use crate::http::rates::{Rates, Standing};
use crate::http::reply::Reply;
use crate::http::request_id::{REQUEST_ID, RequestIds};
use crate::http::routes::{self, Route, Verb};
use crate::http::slots::Full;
use crate::http::turn::Turn;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio::time::Instant;

/// The state that all connections share.
pub(super) struct Service {
    pub(super) front: Front,
    pub(super) http: HttpConfig,
    pub(super) doors: Doors,
    budget: Arc<BodyBudget>,
    lab: LabQueue,
    pub(super) listeners: Arc<Listeners>,
    hosts: Hosts,
    cors: Cors,
    guard: Guard,
    rates: Rates,
    ids: RequestIds,
    measure: Measure,
}

/// What is known of a request from its head.
struct Head<'a> {
    parts: &'a Parts,
    peer: Peer,
    id: &'a HeaderValue,
    verb: Verb,
    /// Its route, and the value of the pattern's parameter.
    found: Option<(Route, &'a str)>,
    deadline: Instant,
    turn: &'a Turn,
}

impl Service {
    pub(super) fn new(front: Front, doors: Doors, http: HttpConfig) -> Service {
        Service {
            budget: Arc::new(BodyBudget::new(http.body_budget_bytes)),
            lab: LabQueue::new(),
            listeners: Arc::default(),
            hosts: Hosts::new(&http.hosts),
            cors: Cors::new(&http.cors_origins, &http.cors_headers),
            guard: Guard::new(&http.access, doors.keys.clone()),
            rates: Rates::new(&http.rates),
            ids: RequestIds::new(),
            measure: Measure::new(front.metrics.http.request_duration.clone()),
            front,
            http,
            doors,
        }
    }

    /// Answers a request, whatever it is. If the slots for connections are `full`, it answers those
    /// alone that operators need just then.
    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        turn: &Turn,
        full: Option<Full>,
    ) -> Reply {
        turn.pass();
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        name_host(&mut parts);
        let verb = Verb::of(&parts.method);
        let found = routes::find(parts.uri.path());
        let route = found.map(|(route, _)| route);
        let deadline = started + self.http.request_timeout;
        let id = self.ids.of(&parts.headers);
        let head = Head { parts: &parts, peer, id: &id, verb, found, deadline, turn };
        let mut standing = None;
        let answer = match full {
            Some(full) if !route.is_some_and(Route::is_for_operators) => {
                Err(Fault::Unavailable(full.to_string()))
            }
            _ => self.answer(&head, body, &mut standing).await,
        };
        let mut reply = answer.unwrap_or_else(Fault::into_reply);
        if verb != Verb::Options {
            let method = route.and_then(|route| route.spec().method(verb));
            self.cors.mark(&mut reply, &parts.headers, method.map(|method| method.right));
        }
        if let Some(standing) = standing {
            standing.mark(&mut reply);
        }
        let headers = reply.headers_mut();
        if route.is_some_and(Route::is_about_a_person) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        // A browser must not guess that an answer is a page.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let waits = route.is_some_and(|route| route.waits(verb, parts.uri.query().unwrap_or("")));
        let (status, took) = (reply.status(), started.elapsed());
        self.measure.observe(Asked { route, verb, waits }, status, took);
        tracing::debug!(
            request = id.to_str().unwrap_or_default(),
            method = verb.name(),
            route = route.map_or("", |route| route.spec().pattern),
            status = status.as_u16(),
            ?took,
            "answered"
        );
        reply.headers_mut().insert(REQUEST_ID, id);
        turn.pass();
        reply
    }

    /// Answers a request, and tells how its client stands to its limit, if it has one.
    async fn answer(
        &self,
        head: &Head<'_>,
        body: Incoming,
        standing: &mut Option<Standing>,
    ) -> Result<Reply, Fault> {
        let &Head { parts, peer, id, verb, found, deadline, turn } = head;
        self.hosts.check(&parts.uri, &parts.headers)?;
        let (route, parameter) = found.ok_or_else(|| Fault::NoRoute(parts.uri.path().into()))?;
        let spec = route.spec();
        if verb == Verb::Options {
            return Ok(self.cors.preflight(spec, &parts.headers));
        }
        let method = spec.method(verb).ok_or_else(|| Fault::Method { allow: spec.allow() })?;
        let query = Query::parse(parts.uri.query().unwrap_or(""), method.parameters)?;
        let (headers, right) = (&parts.headers, method.right);
        let knock = Knock { peer, headers, query: &query, right, parameter };
        let caller = self.guard.let_in(&knock, &self.cors)?;
        if !route.is_for_probes() {
            *standing = self.rates.count(&caller, peer.client());
        }
        standing.as_ref().map_or(Ok(()), Standing::check)?;
        self.cors.check(headers, right)?;
        let Service { front, http, budget, lab, listeners, .. } = self;
        let caller = &caller;
        let call = &Call {
            front,
            http,
            budget,
            lab,
            listeners,
            caller,
            headers,
            deadline,
            turn,
            parameter,
            query,
        };
        let answer = route.handle(verb, call, body).await;
        let deed = Deed { caller, id, method: verb.name(), route, right, parameter };
        audit::tell(&deed, &answer);
        answer
    }
}

/// Has a request of HTTP/2 name its host where those of HTTP/1.1 do.
fn name_host(parts: &mut Parts) {
    if parts.headers.contains_key(HOST) {
        return;
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        parts.headers.insert(HOST, host);
    }
}
