//! A worker's end of the questions' dataflow: what waits is asked as of a time that is complete, and
//! whoever asked gets the answer.

use crate::engine::answer::{asks, assemble};
use crate::engine::now;
use crate::engine::question::{Answer, Asked, Question};
use crossbeam_channel::Receiver;
use dataflows::Time;
use dataflows::names::SharedVocabulary;
use dataflows::questions::{Ask, Asks, Found, Views, questions};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe;
use timely::worker::Worker;

/// For how long after a question more are expected.
const ASKED: Duration = Duration::from_millis(100);
/// How long what is asked as of stays behind what is complete, at most: views can't merge what may
/// still be asked about.
pub(super) const LINGER: Duration = Duration::from_millis(1);

/// Questions under way, by number.
type Pending = Rc<RefCell<HashMap<u64, Asked>>>;
/// Answers that are kept back until nobody asks as of an earlier time.
type Settling = Rc<RefCell<VecDeque<(Time, Asked, Vec<Found>)>>>;

/// The time that the workers of a process ask as of. It goes on together: what is kept between
/// questions would else be taken back for one worker's questions, and added again for another's.
#[derive(Default)]
pub(super) struct AsOf {
    time: AtomicU64,
    /// When it went on last, in microseconds since the Unix epoch.
    since: AtomicU64,
}

impl AsOf {
    /// The time, which is the newest that is complete if it has not gone on for [`LINGER`].
    fn go_on(&self, newest: Time) -> Time {
        let (now, since) = (now(), self.since.load(Ordering::Acquire));
        let linger = Time::try_from(LINGER.as_micros()).expect("it lingers shortly");
        // A clock that was set back must not hold it.
        if now < since || since + linger <= now {
            self.since.store(now, Ordering::Release);
            self.time.fetch_max(newest, Ordering::AcqRel);
        }
        self.time.load(Ordering::Acquire)
    }
}

/// The questions of a worker.
pub(super) struct Asking {
    asked: Receiver<Asked>,
    shared: Arc<AsOf>,
    asks: Asks,
    /// The time that questions are asked as of.
    as_of: Time,
    /// When there was a question last.
    last: Instant,
    /// Which times some worker may still ask as of.
    asking: probe::Handle<Time>,
    pending: Pending,
    settling: Settling,
    /// Questions that want an answer of a later time.
    later: Vec<Asked>,
    /// The number of the next question.
    next: u64,
    origin: usize,
    peers: usize,
}

impl Asking {
    /// Builds the dataflow, for what is asked over a channel.
    pub(super) fn build(
        worker: &mut Worker,
        views: Views,
        vocabulary: &SharedVocabulary,
        asked: Receiver<Asked>,
        shared: Arc<AsOf>,
    ) -> Asking {
        let (asking, pending, settling) = Default::default();
        let asks = answering(worker, views, vocabulary, &asking, &pending, &settling);
        Asking {
            asked,
            shared,
            asks,
            as_of: 0,
            last: Instant::now(),
            asking,
            pending,
            settling,
            later: Vec::new(),
            next: 0,
            origin: worker.index(),
            peers: worker.peers(),
        }
    }

    /// Whether questions come.
    pub(super) fn is_asked(&self) -> bool {
        self.last.elapsed() < ASKED
    }

    /// Whether what is asked as of is behind the newest time that is complete.
    pub(super) fn is_behind(&self, newest: Time) -> bool {
        self.as_of < newest
    }

    /// Asks what waits, as of the newest time that is complete.
    pub(super) fn take(&mut self, newest: Time) {
        let asked = !self.asked.is_empty() || !self.later.is_empty();
        if self.is_behind(newest) {
            let as_of = self.shared.go_on(newest);
            if self.as_of < as_of {
                self.as_of = as_of;
                self.asks.advance_to(as_of);
            }
        }
        if !asked {
            return;
        }
        self.last = Instant::now();
        let waiting = std::mem::take(&mut self.later);
        for asked in waiting.into_iter().chain(self.asked.clone().try_iter()) {
            match asked.question {
                Question::Positions { after, .. } if self.as_of <= after => self.later.push(asked),
                _ => self.ask(asked),
            }
        }
        self.asks.flush();
    }

    fn ask(&mut self, asked: Asked) {
        let whats = asks(&asked.question);
        if whats.is_empty() {
            return reply(asked, self.as_of, Vec::new());
        }
        let (origin, peers, id) = (self.origin, self.peers, self.next);
        self.next += 1;
        Ask::of(origin, id, whats, peers).into_iter().for_each(|ask| self.asks.send(ask));
        self.pending.borrow_mut().insert(id, asked);
    }

    /// Gives the answers that were kept back.
    pub(super) fn settle(&mut self) {
        let mut settling = self.settling.borrow_mut();
        while settling.front().is_some_and(|(time, _, _)| !self.asking.less_than(time)) {
            if let Some((time, asked, found)) = settling.pop_front() {
                reply(asked, time, found);
            }
        }
    }
}

/// The dataflow of questions: who asked gets the answer.
fn answering(
    worker: &mut Worker,
    views: Views,
    vocabulary: &SharedVocabulary,
    asking: &probe::Handle<Time>,
    pending: &Pending,
    settling: &Settling,
) -> Asks {
    let (pending, settling) = (pending.clone(), settling.clone());
    worker.dataflow(|scope| {
        let (asks, answers) = questions(scope, views, vocabulary, asking);
        answers.sink(Pipeline, "reply", move |(answers, _)| {
            answers.for_each(|_, answers| {
                for (id, time, found) in answers.drain(..) {
                    let Some(asked) = pending.borrow_mut().remove(&id) else { continue };
                    match asked.question {
                        Question::Positions { .. } => {
                            settling.borrow_mut().push_back((time, asked, found));
                        }
                        _ => reply(asked, time, found),
                    }
                }
            });
        });
        asks
    })
}

fn reply(asked: Asked, as_of: Time, found: Vec<Found>) {
    let Asked { question, reply } = asked;
    let body = assemble(&question, found);
    // Whoever asked may have gone; then nobody misses the answer.
    let _: Result<(), Answer> = reply.send(Answer { as_of, body });
}
