//! The queue of the lab: of the questions that bring their own model, a process has one under way.

use dataflows::questions::ask::Ask;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::time::Time;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turn that one question has at a time.
#[derive(Debug)]
pub(super) struct LabQueue(Arc<Semaphore>);

/// A question whose turn it is until the workers have answered it, or have ended.
pub(super) struct InTurn<A> {
    ask: A,
    _turn: OwnedSemaphorePermit,
}

impl LabQueue {
    pub(super) fn new() -> LabQueue {
        LabQueue(Arc::new(Semaphore::new(1)))
    }

    /// Waits for a question's turn, behind those that wait already. Who gives up waiting leaves the queue; who gives up
    /// waiting for the answer does not end the turn, for the workers still have the question.
    pub(super) async fn turn<A: Ask>(&self, ask: A) -> InTurn<A> {
        let turn = self.0.clone().acquire_owned().await.expect("the queue is never closed");
        InTurn { ask, _turn: turn }
    }
}

impl<A: Ask> Ask for InTurn<A> {
    type Answer = A::Answer;

    fn queries(&self) -> Vec<Query> {
        self.ask.queries()
    }

    fn user(&self) -> Option<&str> {
        self.ask.user()
    }

    fn settled_after(&self) -> Option<Time> {
        self.ask.settled_after()
    }

    fn is_urgent(&self) -> bool {
        self.ask.is_urgent()
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> A::Answer {
        self.ask.answer(answers)
    }
}
