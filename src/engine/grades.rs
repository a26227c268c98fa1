//! The grades of a worker: which events are to be graded, and what came of it.

use crate::metrics::GradeMetrics;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::sample::{Sample, Sampled};
use dataflows::questions::query::QueryAnswer;
use dataflows::score::grade::Grade;
use dataflows::time::Time;
use std::cell::RefCell;
use std::rc::Rc;

/// The grades of a worker. Clones share them.
#[derive(Clone)]
pub(super) struct Grades {
    sample: Rc<RefCell<Sample>>,
    /// Those that the views have not been told.
    grades: Rc<RefCell<Vec<Grade>>>,
    metrics: GradeMetrics,
}

impl Grades {
    pub(super) fn new(sample: Rc<RefCell<Sample>>, metrics: GradeMetrics) -> Grades {
        Grades { sample, grades: Rc::default(), metrics }
    }

    /// The events of the next time up to a complete one that are to be graded.
    pub(super) fn next(
        &self,
        until: Time,
        dictionaries: &SharedDictionaries,
    ) -> Option<(Time, Vec<Sampled>)> {
        let mut sample = self.sample.borrow_mut();
        let next = sample.next(until, &dictionaries.borrow());
        self.metrics.skipped.inc_by(sample.take_skipped());
        next
    }

    /// Counts events that could not be graded.
    pub(super) fn skip(&self, events: usize) {
        self.metrics.skipped.inc_by(events as u64);
    }

    /// Adds what came of a question for a grade.
    pub(super) fn add(&self, found: Vec<QueryAnswer>) {
        for found in found {
            if let QueryAnswer::Grade(Some(grade)) = found {
                self.metrics.add(&grade);
                self.grades.borrow_mut().push(grade);
            }
        }
    }

    /// The grades that have come since this was asked last.
    pub(super) fn take(&self) -> Vec<Grade> {
        self.grades.take()
    }
}
