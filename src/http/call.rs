//! A request as its handler sees it, and the waiting for others, each until the request's deadline.

use crate::config::HttpConfig;
use crate::engine::InForce;
use crate::engine::question::{Answer, Refusal};
use crate::http::Front;
use crate::http::body::{self, Body, BodyBudget};
use crate::http::caller::Caller;
use crate::http::fault::Fault;
use crate::http::lab_queue::LabQueue;
use crate::http::listeners::Listeners;
use crate::http::query::Query;
use crate::http::turn::Turn;
use crate::readiness::CAUGHT_UP;
use crate::settings::registry::SETTINGS;
use dataflows::questions::ask::Ask;
use hyper::HeaderMap;
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::oneshot::Receiver;
use tokio::time::{Instant, timeout_at};

/// A request as its handler sees it.
pub(super) struct Call<'a> {
    pub(super) front: &'a Front,
    pub(super) http: &'a HttpConfig,
    pub(super) budget: &'a Arc<BodyBudget>,
    pub(super) lab: &'a LabQueue,
    pub(super) listeners: &'a Arc<Listeners>,
    /// Who has sent it.
    pub(super) caller: &'a Caller,
    pub(super) headers: &'a HeaderMap,
    /// The time at which waiting is given up.
    pub(super) deadline: Instant,
    pub(super) turn: &'a Turn,
    /// The value of the pattern's parameter, percent-encoded.
    pub(super) parameter: &'a str,
    pub(super) query: Query<'a>,
}

impl<'a> Call<'a> {
    /// The same call with another deadline.
    pub(super) fn until(&self, deadline: Instant) -> Call<'a> {
        Call { deadline, query: self.query.clone(), ..*self }
    }

    /// Asks the dataflow and waits for its answer. Without a model there is none, and none of a past that the process has
    /// still to catch up from.
    pub(super) async fn ask<A: Ask>(&self, ask: A) -> Result<Answer<A::Answer>, Fault> {
        let answers = self.ask_all([ask]).await?;
        Ok(answers.into_iter().next().expect("each question has an answer"))
    }

    /// Asks several questions at once, as [`Call::ask`] does one, and waits for all answers.
    pub(super) async fn ask_all<A: Ask>(
        &self,
        asks: impl IntoIterator<Item = A>,
    ) -> Result<Vec<Answer<A::Answer>>, Fault> {
        if let Some(wait) = self.front.status.readiness.wait_for(CAUGHT_UP) {
            return Err(Fault::Unavailable(format!("the views are behind: {}", wait.details)));
        }
        let since = self.in_force()?.since;
        let asked = asks.into_iter().map(|ask| self.send(ask)).collect::<Result<Vec<_>, _>>()?;
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(self.answered(answer).await?);
        }
        // Workers may still ask as of a time that is a little earlier.
        let is_early = answers.iter().any(|answer| answer.as_of < since);
        if is_early { Err(self.no_model()) } else { Ok(answers) }
    }

    /// Returns the model in force.
    pub(super) fn in_force(&self) -> Result<InForce, Fault> {
        self.front.in_force.get().ok_or_else(|| self.no_model())
    }

    fn no_model(&self) -> Fault {
        let unknown = SETTINGS.iter().filter_map(|it| self.front.nodes.of(it.name).unknown);
        let reasons: Vec<String> = unknown.collect();
        Fault::Unavailable(if reasons.is_empty() {
            "the settings are not in force yet".into()
        } else {
            format!(
                "nothing is answered, or written, without good settings: {}",
                reasons.join("; ")
            )
        })
    }

    /// Asks the dataflow for what no model has a part in.
    pub(super) async fn ask_of_input<A: Ask>(&self, ask: A) -> Result<Answer<A::Answer>, Fault> {
        self.answered(self.send(ask)?).await
    }

    fn send<A: Ask>(&self, ask: A) -> Result<Receiver<Answer<A::Answer>>, Fault> {
        self.front.asker.ask(ask).map_err(|refusal| {
            if refusal == Refusal::Overloaded {
                self.front.metrics.engine.questions_refused.inc();
            }
            Fault::Unavailable(refusal.to_string())
        })
    }

    async fn answered<T>(&self, answer: Receiver<Answer<T>>) -> Result<Answer<T>, Fault> {
        match timeout_at(self.deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            // The worker drops its questions when it ends.
            Ok(Err(_)) => Err(Fault::Unavailable(Refusal::Closed.to_string())),
            Err(_) => Err(Fault::Late("the workers have not answered yet".into())),
        }
    }

    /// Waits for something else, named by `what`.
    pub(super) async fn wait<T, E>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Fault>
    where
        Fault: From<E>,
    {
        match timeout_at(self.deadline, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Fault::Late(format!("{what} has not answered yet"))),
        }
    }

    /// Reads the request's whole body. Keep it for as long as what was made of it is as large.
    pub(super) async fn read(&self, body: Incoming) -> Result<Body, Fault> {
        self.read_at_most(usize::MAX, body).await
    }

    /// Reads the request's whole body, if it has no more bytes than these, nor than the limit.
    pub(super) async fn read_at_most(&self, most: usize, body: Incoming) -> Result<Body, Fault> {
        let most = most.min(self.http.max_body_bytes);
        let read = body::read(body, self.headers, most, self.budget);
        self.turn.wait_for_body(true);
        let body = timeout_at(self.deadline, read).await.unwrap_or(Err(Fault::SlowBody));
        self.turn.wait_for_body(false);
        body
    }
}
