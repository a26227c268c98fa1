//! The size of an arrangement of any values.

use super::view::{View, ViewSpine};
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use timely::progress::frontier::AntichainRef;

/// A view whose size is measured.
pub struct Measured {
    /// The view's name.
    pub name: &'static str,
    trace: Box<dyn Trace>,
}

impl Measured {
    pub(crate) fn of<V: ExchangeData>(name: &'static str, view: &View<'_, V>) -> Measured {
        Measured { name, trace: Box::new(view.trace.clone()) }
    }

    /// Lets the view compact times before this one. Holding a trace prevents that otherwise.
    pub fn release(&mut self, before: Time) {
        self.trace.release(AntichainRef::new(&[before]));
    }

    /// The numbers of values and of batches.
    pub fn measure(&self) -> (usize, usize) {
        self.trace.measure()
    }
}

/// The trace of a view, with the type of its values erased.
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
        let (mut values, mut batches) = (0, 0);
        self.map_spans(|span| {
            if let Some(batch) = &span.inner {
                values += batch.values();
                batches += 1;
            }
        });
        (values, batches)
    }
}
