//! Questions on their way to the workers, and the handle that askers hold.

use crossbeam_channel::{Sender, TrySendError};
use dataflows::ids::hash::owner;
use dataflows::questions::ask::Ask;
use dataflows::questions::query::Query;
use dataflows::questions::query::QueryAnswer;
use dataflows::time::Time;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use tokio::sync::oneshot;

/// An answer and the logical time that it is true of.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// Microseconds since the Unix epoch: all input up to this time is in the answer, none after.
    pub as_of: Time,
    /// The answer itself.
    pub body: T,
}

/// A question on its way to a worker, whatever it is.
pub trait Question: Send {
    /// The queries that it consists of.
    fn queries(&self) -> Vec<Query>;
    /// As [`Ask::settled_after`].
    fn settled_after(&self) -> Option<Time>;
    /// As [`Ask::is_urgent`].
    fn is_urgent(&self) -> bool;
    /// Answers it.
    fn answer(self: Box<Self>, as_of: Time, found: Vec<QueryAnswer>);
}

/// A question, and where its answer goes.
struct Asked<A: Ask> {
    ask: A,
    reply: oneshot::Sender<Answer<A::Answer>>,
}

impl<A: Ask> Question for Asked<A> {
    fn queries(&self) -> Vec<Query> {
        self.ask.queries()
    }

    fn settled_after(&self) -> Option<Time> {
        self.ask.settled_after()
    }

    fn is_urgent(&self) -> bool {
        self.ask.is_urgent()
    }

    fn answer(self: Box<Self>, as_of: Time, found: Vec<QueryAnswer>) {
        let Asked { ask, reply } = *self;
        // The asker may have gone; then nobody misses the answer.
        let _ = reply.send(Answer { as_of, body: ask.answer(found) });
    }
}

/// The reason why a question was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The workers have not started.
    #[error("the workers have not started yet")]
    NotStarted,
    /// Too many questions wait.
    #[error("too many questions wait for the workers")]
    Overloaded,
    /// The workers have ended.
    #[error("the workers have ended")]
    Closed,
}

/// A worker's queue of questions, and the thread to wake.
type Queue = (Sender<Box<dyn Question>>, Thread);

/// The askers' handle on the workers of this process, which may be held before they start. Cheap to
/// clone.
#[derive(Clone, Default)]
pub struct Asker {
    workers: Arc<OnceLock<Workers>>,
    next: Arc<AtomicUsize>,
}

struct Workers {
    queues: Vec<Queue>,
    /// The index of the first of these workers among those of all processes.
    first: usize,
    /// The number of workers of all processes.
    peers: usize,
}

impl Asker {
    /// Lets questions pass to a process's workers, given their bounded queues and the threads to wake.
    /// `first` is the index of the first of them among the `peers` of all processes. Workers start once:
    /// a later call changes nothing.
    pub fn start(&self, queues: Vec<Queue>, first: usize, peers: usize) {
        let _ = self.workers.set(Workers { queues, first, peers });
    }

    /// Asks. The answer is as of the newest time that is complete.
    ///
    /// # Errors
    /// When the workers have not started, too many questions wait already, or the workers have ended.
    pub fn ask<A: Ask>(&self, ask: A) -> Result<oneshot::Receiver<Answer<A::Answer>>, Refusal> {
        let workers = self.workers.get().ok_or(Refusal::NotStarted)?;
        let (queue, worker) = &workers.queues[self.worker_for(ask.user(), workers)];
        let (reply, answer) = oneshot::channel();
        match queue.try_send(Box::new(Asked { ask, reply })) {
            Ok(()) => {
                worker.unpark();
                Ok(answer)
            }
            Err(TrySendError::Full(_)) => Err(Refusal::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(Refusal::Closed),
        }
    }

    /// The worker that owns the user, if it is one of ours: its answer need not travel. Else each in
    /// turn.
    fn worker_for(&self, user: Option<&str>, workers: &Workers) -> usize {
        let owner = user.map(|user| owner(user, workers.peers));
        let ours = owner.and_then(|owner| owner.checked_sub(workers.first));
        ours.filter(|&index| index < workers.queues.len())
            .unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed) % workers.queues.len())
    }
}
