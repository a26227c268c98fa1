//! Answers requests: finds the route, calls its handler, adds what every answer has.

use crate::config::HttpConfig;
use crate::http::Front;
use crate::http::body::BodyBudget;
use crate::http::call::Call;
use crate::http::cors::Cors;
use crate::http::fault::Fault;
use crate::http::hosts::Hosts;
use crate::http::lab_queue::LabQueue;
use crate::http::measure::{Asked, Measure};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::routes::{self, Route, Verb};
use crate::http::slots::Full;
use crate::http::turn::Turn;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio::time::Instant;

/// The state that all connections share.
pub(super) struct Service {
    pub(super) front: Front,
    pub(super) http: HttpConfig,
    budget: Arc<BodyBudget>,
    lab: LabQueue,
    hosts: Hosts,
    cors: Cors,
    measure: Measure,
}

impl Service {
    pub(super) fn new(front: Front, http: HttpConfig) -> Service {
        let hosts = Hosts::new(&http.hosts);
        let cors = Cors::new(&http.cors_origins, &http.cors_headers);
        let measure = Measure::new(front.metrics.http.request_duration.clone());
        let budget = Arc::new(BodyBudget::new(http.body_budget_bytes));
        Service { front, http, budget, lab: LabQueue::new(), hosts, cors, measure }
    }

    /// Answers a request, whatever it is. If the slots for connections are `full`, it answers those
    /// alone that operators need just then.
    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
        turn: &Turn,
        full: Option<Full>,
    ) -> Reply {
        turn.pass();
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let verb = Verb::of(&parts.method);
        let found = routes::find(parts.uri.path());
        let route = found.map(|(route, _)| route);
        let deadline = started + self.http.request_timeout;
        let answer = match full {
            Some(full) if !route.is_some_and(Route::is_for_operators) => {
                Err(Fault::Unavailable(full.to_string()))
            }
            _ => self.answer(&parts, body, found, deadline, turn).await,
        };
        let mut reply = answer.unwrap_or_else(Fault::into_reply);
        if verb != Verb::Options {
            let method = route.and_then(|route| route.spec().method(verb));
            self.cors.mark(&mut reply, &parts.headers, method.map(|method| method.access));
        }
        if route.is_some_and(Route::is_about_a_person) {
            reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        let waits = route.is_some_and(|route| route.waits(verb, parts.uri.query().unwrap_or("")));
        self.measure.observe(Asked { route, verb, waits }, reply.status(), started.elapsed());
        turn.pass();
        reply
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: Incoming,
        found: Option<(Route, &str)>,
        deadline: Instant,
        turn: &Turn,
    ) -> Result<Reply, Fault> {
        self.hosts.check(&parts.uri, &parts.headers)?;
        let (path, verb) = (parts.uri.path(), Verb::of(&parts.method));
        let (route, parameter) = found.ok_or_else(|| Fault::NoRoute(path.into()))?;
        let spec = route.spec();
        if verb == Verb::Options {
            return Ok(self.cors.preflight(spec, &parts.headers));
        }
        let method = spec.method(verb).ok_or_else(|| Fault::Method { allow: spec.allow() })?;
        self.cors.check(&parts.headers, method.access)?;
        let query = Query::parse(parts.uri.query().unwrap_or(""), method.parameters)?;
        let Service { front, http, budget, lab, .. } = self;
        let headers = &parts.headers;
        let call = &Call { front, http, budget, lab, headers, deadline, turn, parameter, query };
        route.handle(verb, call, body).await
    }
}
