//! The inputs of the views, which advance together. Questions have an input of their own.

use crate::record::block::Block;
use crate::record::decision::Decision;
use crate::record::product::CatalogueRow;
use crate::record::reached::Reached;
use crate::score::grade::Grade;
use crate::score::learner::Learner;
use crate::score::model::Model;
use crate::stored::StoredRows;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use timely::dataflow::Stream;
use timely::dataflow::operators::core::input::Handle;

/// A stream of blocks, each with the worker that owns its users.
pub type Blocks<'scope> = Stream<'scope, Time, Vec<(usize, Block)>>;

/// An input for records.
pub type Records<D> = Handle<Time, timely::container::CapacityContainerBuilder<Vec<D>>>;

/// What is known of the weights of rankings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Learned {
    /// All that was learned before.
    Before(Box<Learner>),
    /// A further grade.
    Grade(Box<Grade>),
}

/// All inputs of the views.
pub struct Inputs {
    /// Events, each block with the worker that owns its users.
    pub blocks: Records<(usize, Block)>,
    /// What was said of users.
    pub decisions: Records<Decision>,
    /// Catalogue rows.
    pub rows: Records<CatalogueRow>,
    /// A new model, with the time from which it holds; sent by one worker alone.
    pub models: Records<(Time, Model)>,
    /// Grades of rankings, from any workers, and at [`RESTORED`](crate::time::RESTORED) what was learned before, from one.
    pub learned: Records<Learned>,
    /// Advances of partitions, named `topic/index`, by so many offsets.
    pub advances: Records<(String, i64)>,
    /// How far partitions have been read.
    pub reached: Records<Reached>,
    /// What the views begin with, at [`RESTORED`](crate::time::RESTORED), from any workers, each part from one. No worker
    /// may send other input before that time is complete.
    pub restored: Records<StoredRows>,
    /// What the first worker says to all, which hear it with its time; sent by that one alone.
    pub announcements: Records<String>,
    /// What workers say to the first one.
    pub reports: Records<String>,
    /// The times of epochs that this worker opened; all workers receive them, so as to follow.
    pub epochs: Records<Time>,
}

impl Inputs {
    /// Advances all inputs to a time. Any that stayed behind would hold back every answer.
    pub fn advance_to(&mut self, time: Time) {
        self.blocks.advance_to(time);
        self.decisions.advance_to(time);
        self.rows.advance_to(time);
        self.models.advance_to(time);
        self.learned.advance_to(time);
        self.advances.advance_to(time);
        self.reached.advance_to(time);
        self.restored.advance_to(time);
        self.announcements.advance_to(time);
        self.reports.advance_to(time);
        self.epochs.advance_to(time);
    }
}
