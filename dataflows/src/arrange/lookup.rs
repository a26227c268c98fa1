//! Views as questions read them: by key, as of a time that is complete on all workers.

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
/// What may still be asked about is kept apart by time: [`Lookup::release`] says what that is, and
/// is to be called whenever the operator has run.
pub struct Lookup<V: ExchangeData, R: ExchangeData + Semigroup = Counts> {
    trace: TraceAgent<PackedSpine<V, R>>,
    /// While the operator runs, once it has read.
    reader: Option<Reader<V, R>>,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Lookup<V, R> {
    /// A way to read a view.
    pub fn new(mut trace: TraceAgent<PackedSpine<V, R>>) -> Lookup<V, R> {
        // Batches may be merged as they like: they are read as they are found.
        trace.set_physical_compaction(Antichain::new().borrow());
        Lookup { trace, reader: None }
    }

    /// Shows a key's values in ascending order, with what they sum up to as of a time.
    pub fn each(&mut self, key: u32, as_of: Time, mut show: impl FnMut(&V, &R)) {
        self.until(key, as_of, |value, sum| {
            show(value, sum);
            ControlFlow::Continue(())
        });
    }

    /// Shows a key's values in ascending order until it is told to stop.
    pub fn until(
        &mut self,
        key: u32,
        as_of: Time,
        mut show: impl FnMut(&V, &R) -> ControlFlow<()>,
    ) {
        let reader = self.reader();
        reader.seek(key);
        reader.until(as_of, |value, sum| {
            if sum.is_zero() { ControlFlow::Continue(()) } else { show(value, &sum) }
        });
    }

    /// All batches, of which some may be later than any question.
    pub fn batches(&mut self) -> &[Batch<V, R>] {
        self.reader().batches()
    }

    fn reader(&mut self) -> &mut Reader<V, R> {
        self.reader.get_or_insert_with(|| Reader::new(&mut self.trace))
    }

    /// Lets go of what was read, and lets the view merge what no question can tell apart any more:
    /// what is before the times that may be asked about.
    pub fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.reader = None;
        self.trace.set_logical_compaction(asked);
    }
}
