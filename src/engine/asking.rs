//! A worker's end of the questions' dataflow: asks the questions that wait as of a complete time, and
//! answers them.

use crate::engine::clock::now;
use crate::engine::grades::Grades;
use crate::engine::question::Question;
use crossbeam_channel::Receiver;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::questions::Queries;
use dataflows::questions::query::{Query, QueryAnswer, RoutedQuery};
use dataflows::questions::questions;
use dataflows::questions::views::Views;
use dataflows::score::grade::Grade;
use dataflows::time::Time;
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

/// The time after a question within which more are expected.
const ASKED: Duration = Duration::from_millis(100);
/// The most that the time that questions are asked as of lags behind the complete times. Views can't
/// merge times that may still be asked about.
pub(super) const LINGER: Duration = Duration::from_millis(1);

/// Questions under way, by id.
type Pending = Rc<RefCell<HashMap<u64, Box<dyn Question>>>>;
/// Answers that are kept back until nobody asks as of an earlier time.
type Settling = Rc<RefCell<VecDeque<(Time, Box<dyn Question>, Vec<QueryAnswer>)>>>;

/// The time that the workers of a process ask as of. It is one for all: the caches between questions
/// would otherwise be taken back for one worker's questions, and brought forward again for another's.
#[derive(Default)]
pub(super) struct SharedTime {
    time: AtomicU64,
    /// The wall clock when it advanced last, in microseconds since the Unix epoch.
    since: AtomicU64,
}

impl SharedTime {
    /// Advances to the newest complete time, unless it advanced within [`LINGER`]; returns the time.
    fn advance(&self, newest: Time) -> Time {
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
    questions: Receiver<Box<dyn Question>>,
    shared: Arc<SharedTime>,
    queries: Queries,
    /// The time that questions are asked as of.
    as_of: Time,
    /// The time of the last question.
    last: Instant,
    /// The times that some worker may still ask as of.
    asking: probe::Handle<Time>,
    pending: Pending,
    settling: Settling,
    grades: Grades,
    dictionaries: SharedDictionaries,
    /// Questions that want an answer of a later time.
    later: Vec<Box<dyn Question>>,
    /// The id of the next question.
    next: u64,
    origin: usize,
    peers: usize,
}

impl Asking {
    /// Builds the dataflow, for questions that come over a channel.
    pub(super) fn build(
        worker: &mut Worker,
        views: Views,
        dictionaries: &SharedDictionaries,
        (questions, shared): (Receiver<Box<dyn Question>>, Arc<SharedTime>),
        grades: Grades,
    ) -> Asking {
        let (asking, pending, settling) = Default::default();
        let ends = (&pending, &settling, &grades);
        let queries = answering(worker, views, dictionaries, &asking, ends);
        Asking {
            questions,
            shared,
            queries,
            as_of: 0,
            last: Instant::now(),
            asking,
            pending,
            settling,
            grades,
            dictionaries: dictionaries.clone(),
            later: Vec::new(),
            next: 0,
            origin: worker.index(),
            peers: worker.peers(),
        }
    }

    /// True while questions come.
    pub(super) fn is_asked(&self) -> bool {
        self.last.elapsed() < ASKED
    }

    /// True while questions are asked as of an earlier time than the newest complete one.
    pub(super) fn is_behind(&self, newest: Time) -> bool {
        self.as_of < newest
    }

    /// Asks all questions that wait, as of the newest complete time.
    pub(super) fn take(&mut self, newest: Time) {
        let asked = !self.questions.is_empty() || !self.later.is_empty();
        if self.is_behind(newest) {
            let as_of = self.shared.advance(newest);
            if self.as_of < as_of {
                self.grade(as_of);
                self.as_of = as_of;
                self.queries.advance_to(as_of);
            }
        }
        if !asked {
            return;
        }
        let waiting = std::mem::take(&mut self.later);
        for question in waiting.into_iter().chain(self.questions.clone().try_iter()) {
            if question.is_urgent() {
                self.last = Instant::now();
            }
            match question.settled_after() {
                Some(after) if self.as_of <= after => self.later.push(question),
                _ => self.ask(question),
            }
        }
        self.queries.flush();
    }

    /// Asks for the grades of what came up to a complete time, each as of the time before it.
    fn grade(&mut self, until: Time) {
        while let Some((time, sampled)) = self.grades.next(until, &self.dictionaries) {
            if sampled.is_empty() {
                continue;
            }
            let before = time - 1;
            if before < self.as_of {
                self.grades.skip(sampled.len());
                continue;
            }
            self.as_of = before;
            self.queries.advance_to(before);
            for sampled in sampled {
                self.send(vec![Query::Grade(sampled)]);
            }
            self.queries.flush();
        }
    }

    /// The grades that have come since this was asked last.
    pub(super) fn take_grades(&self) -> Vec<Grade> {
        self.grades.take()
    }

    fn ask(&mut self, question: Box<dyn Question>) {
        let queries = question.queries();
        if queries.is_empty() {
            return question.answer(self.as_of, Vec::new());
        }
        let id = self.send(queries);
        self.pending.borrow_mut().insert(id, question);
    }

    /// Sends the queries of a question, and returns its id.
    fn send(&mut self, queries: Vec<Query>) -> u64 {
        let (origin, peers, id) = (self.origin, self.peers, self.next);
        self.next += 1;
        let routed = RoutedQuery::route(origin, id, queries, peers);
        routed.into_iter().for_each(|query| self.queries.send(query));
        id
    }

    /// Gives the answers that were kept back.
    pub(super) fn settle(&mut self) {
        let mut settling = self.settling.borrow_mut();
        while settling.front().is_some_and(|(time, _, _)| !self.asking.less_than(time)) {
            if let Some((time, question, found)) = settling.pop_front() {
                question.answer(time, found);
            }
        }
    }
}

/// Builds the dataflow of questions; its answers go to whoever asked.
fn answering(
    worker: &mut Worker,
    views: Views,
    dictionaries: &SharedDictionaries,
    asking: &probe::Handle<Time>,
    (pending, settling, grades): (&Pending, &Settling, &Grades),
) -> Queries {
    let (pending, settling, grades) = (pending.clone(), settling.clone(), grades.clone());
    worker.dataflow(|scope| {
        let (queries, answers) = questions(scope, views, dictionaries, asking);
        answers.sink(Pipeline, "reply", move |(answers, _)| {
            answers.for_each(|_, answers| {
                for (id, time, found) in answers.drain(..) {
                    let Some(question) = pending.borrow_mut().remove(&id) else {
                        grades.add(found);
                        continue;
                    };
                    if question.settled_after().is_some() {
                        settling.borrow_mut().push_back((time, question, found));
                    } else {
                        question.answer(time, found);
                    }
                }
            });
        });
        queries
    })
}
