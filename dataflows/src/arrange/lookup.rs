//! Reads a view by key, as of any time that questions may still ask about.

use super::packed::{Batch, PackedSpine};
use super::reader::Reader;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use std::ops::ControlFlow;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

/// A view that an operator of the questions' dataflow reads.
///
/// NB: the operator must call [`Lookup::release`] whenever it has run, so that the view may be
/// compacted.
pub struct Lookup<V: ExchangeData, R: ExchangeData + Semigroup = Counts> {
    trace: TraceAgent<PackedSpine<V, R>>,
    /// Opened at the first read of each run of the operator.
    reader: Option<Reader<V, R>>,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Lookup<V, R> {
    /// A lookup in a view.
    pub fn new(mut trace: TraceAgent<PackedSpine<V, R>>) -> Lookup<V, R> {
        // Any batches will do, so that the spine may merge them freely.
        trace.set_physical_compaction(Antichain::new().borrow());
        Lookup { trace, reader: None }
    }

    /// Calls `each` with a key's values, in ascending order, and their sums as of a time.
    pub fn each(&mut self, key: u32, as_of: Time, mut each: impl FnMut(&V, &R)) {
        self.try_each(key, as_of, |value, sum| {
            each(value, sum);
            ControlFlow::Continue(())
        });
    }

    /// As [`Lookup::each`], until `each` breaks.
    pub fn try_each(&mut self, key: u32, as_of: Time, each: impl FnMut(&V, &R) -> ControlFlow<()>) {
        self.reader().seek(key);
        self.read(as_of, each);
    }

    /// As [`Lookup::try_each`], from a value on.
    pub fn try_each_from(
        &mut self,
        (key, first): (u32, &V),
        as_of: Time,
        each: impl FnMut(&V, &R) -> ControlFlow<()>,
    ) {
        let reader = self.reader();
        reader.seek(key);
        reader.seek_value(first);
        self.read(as_of, each);
    }

    fn read(&mut self, as_of: Time, mut each: impl FnMut(&V, &R) -> ControlFlow<()>) {
        self.reader().try_each(as_of, |value, sum| {
            if sum.is_zero() { ControlFlow::Continue(()) } else { each(value, &sum) }
        });
    }

    /// All batches, including those later than any question.
    pub fn batches(&mut self) -> &[Batch<V, R>] {
        self.reader().batches()
    }

    fn reader(&mut self) -> &mut Reader<V, R> {
        self.reader.get_or_insert_with(|| Reader::new(&mut self.trace))
    }

    /// Closes the reader, and lets the view compact times before the frontier of the questions.
    pub fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.reader = None;
        self.trace.set_logical_compaction(questions);
    }
}
