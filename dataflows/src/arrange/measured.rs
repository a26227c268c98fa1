//! The size of an arrangement, whatever its values are.

use super::view::{View, ViewSpine};
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use timely::progress::frontier::AntichainRef;

/// A view to measure.
pub struct Measured {
    /// The view's name.
    pub name: &'static str,
    trace: Box<dyn Trace>,
}

impl Measured {
    pub(crate) fn of<V: ExchangeData>(name: &'static str, view: &View<'_, V>) -> Measured {
        Measured { name, trace: Box::new(view.trace.clone()) }
    }

    /// Lets the view merge what is before a time: who holds it holds it back.
    pub fn release(&mut self, before: Time) {
        self.trace.release(AntichainRef::new(&[before]));
    }

    /// How many records and batches it has.
    pub fn measure(&self) -> (usize, usize) {
        self.trace.measure()
    }
}

/// The trace of a view, whatever its values are.
trait Trace {
    fn release(&mut self, closed: AntichainRef<'_, Time>);
    fn measure(&self) -> (usize, usize);
}

impl<V: ExchangeData> Trace for TraceAgent<ViewSpine<V>> {
    fn release(&mut self, closed: AntichainRef<'_, Time>) {
        self.set_logical_compaction(closed);
        self.set_physical_compaction(closed);
    }

    fn measure(&self) -> (usize, usize) {
        let (mut records, mut batches) = (0, 0);
        self.map_spans(|span| {
            if let Some(batch) = &span.inner {
                records += batch.values();
                batches += 1;
            }
        });
        (records, batches)
    }
}
