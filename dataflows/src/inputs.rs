//! The inputs of the views, advanced together. Questions have an input of their own.

use crate::record::block::Block;
use crate::record::merge::Merge;
use crate::record::product::CatalogueRow;
use crate::score::model::Model;
use crate::time::Time;
use timely::dataflow::Stream;
use timely::dataflow::operators::core::input::Handle;

/// Blocks on their way, each with its owner.
pub type Blocks<'scope> = Stream<'scope, Time, Vec<(usize, Block)>>;

/// An input of records.
pub type Records<D> = Handle<Time, timely::container::CapacityContainerBuilder<Vec<D>>>;

/// Everything that goes in but questions. All inputs are advanced together.
pub struct Inputs {
    /// Events, by owner.
    pub blocks: Records<(usize, Block)>,
    /// Guests that have signed in.
    pub merges: Records<Merge>,
    /// Catalogue rows.
    pub rows: Records<CatalogueRow>,
    /// A new model, with the time from which it holds; from one worker alone.
    pub models: Records<(Time, Model)>,
    /// By how much partitions, named `topic/index`, are read on.
    pub advances: Records<(String, i64)>,
    /// That an epoch has opened: everyone hears of it, and follows.
    pub announce: Records<Time>,
}

impl Inputs {
    /// Advances every input: the one place where time goes on.
    pub fn advance_to(&mut self, time: Time) {
        self.blocks.advance_to(time);
        self.merges.advance_to(time);
        self.rows.advance_to(time);
        self.models.advance_to(time);
        self.advances.advance_to(time);
        self.announce.advance_to(time);
    }
}
