//! What may be asked of the dataflow, what it answers, and the handle that askers hold.

use crate::engine::intake::Partition;
use crossbeam_channel::{Sender, TrySendError};
use dataflows::block::owner;
use dataflows::recent::OwnedEvent;
use dataflows::recommend::{Basis, Ranking, Rules};
use dataflows::weights::Score;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use tokio::sync::oneshot;

/// A question. Every one is answered at one logical time, from the whole cluster's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The profiles of users, in the order asked.
    Profiles(Vec<String>),
    /// When a user was last active, and their totals.
    Activity(String),
    /// Products, best first.
    Rank {
        /// What they are ranked by.
        basis: Basis,
        /// What may be shown, and how much of it.
        rules: Rules,
    },
    /// The latest events, newest first.
    Recent {
        /// How many at most.
        limit: usize,
    },
    /// The next offset of partitions that the state contains, in the order asked. The answer is kept
    /// back until whatever is asked from then on, of any process, is answered as of its time or later.
    Positions {
        /// The partitions.
        partitions: Vec<Partition>,
        /// The answer is to be of a later time than this.
        after: u64,
    },
}

impl Question {
    /// The user that is asked about, if it is one.
    fn user(&self) -> Option<&str> {
        match self {
            Question::Profiles(users) if users.len() == 1 => Some(&users[0]),
            Question::Activity(user) | Question::Rank { basis: Basis::User(user), .. } => {
                Some(user)
            }
            _ => None,
        }
    }
}

/// An answer and the logical time that it is true of.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Microseconds since the Unix epoch: all input up to this time is in the answer, none after.
    pub as_of: u64,
    /// What was asked for.
    pub body: Body,
}

/// The answers, by question.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// To [`Question::Profiles`]: tags and scores, highest first (ties by tag); none for an unknown user.
    Profiles(Vec<Vec<(String, Score)>>),
    /// To [`Question::Activity`]: none for an unknown user.
    Activity(Option<Activity>),
    /// To [`Question::Rank`], best first.
    Products(Ranking),
    /// To [`Question::Recent`].
    Events(Vec<OwnedEvent>),
    /// To [`Question::Positions`]: the next offset of each; 0 for one never read.
    Positions(Vec<i64>),
}

/// When a user was last active, and their totals by kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Milliseconds since the Unix epoch, to the minute.
    pub last: i64,
    /// Events by kind, in the order of `Kind::ALL`.
    pub totals: [i64; 3],
}

/// A question on its way to a worker.
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// Why a question was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many questions wait.
    #[error("too many questions wait for the workers")]
    Overloaded,
    /// The workers have ended.
    #[error("the workers have ended")]
    Closed,
}

/// The askers' handle on the workers of this process. Cheap to clone.
#[derive(Clone)]
pub struct Asker {
    workers: Arc<[(Sender<Asked>, Thread)]>,
    /// The first of these workers among all, and how many there are in all processes.
    first: usize,
    peers: usize,
    next: Arc<AtomicUsize>,
}

impl Asker {
    /// A handle on a process's workers, of which `first` is the first of `peers` in all, given their
    /// bounded queues and the threads to wake.
    pub fn new(workers: Vec<(Sender<Asked>, Thread)>, first: usize, peers: usize) -> Asker {
        Asker { workers: workers.into(), first, peers, next: Arc::default() }
    }

    /// Asks. The answer is as of the newest time that is complete.
    ///
    /// # Errors
    /// When too many questions wait already, or the workers have ended.
    pub fn ask(&self, question: Question) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let (queue, worker) = &self.workers[self.worker_for(&question)];
        let (reply, answer) = oneshot::channel();
        match queue.try_send(Asked { question, reply }) {
            Ok(()) => {
                worker.unpark();
                Ok(answer)
            }
            Err(TrySendError::Full(_)) => Err(Refusal::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(Refusal::Closed),
        }
    }

    /// The worker that owns the user, if it is one of ours: what it knows need not travel. Else each
    /// in turn.
    fn worker_for(&self, question: &Question) -> usize {
        let owner = question.user().map(|user| owner(user, self.peers));
        let ours = owner.and_then(|owner| owner.checked_sub(self.first));
        ours.filter(|&index| index < self.workers.len())
            .unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len())
    }
}
