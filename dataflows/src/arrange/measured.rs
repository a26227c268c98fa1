//! The size of an arrangement of any values.

use super::packed::PackedSpine;
use super::trace::release;
use crate::held::Size;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
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
    pub(crate) fn of<V, R>(name: &'static str, trace: &TraceAgent<PackedSpine<V, R>>) -> Measured
    where
        V: ExchangeData,
        R: ExchangeData + Semigroup,
    {
        Measured { name, trace: Box::new(trace.clone()) }
    }

    /// Lets the view compact times before this one. Holding a trace prevents that otherwise.
    pub fn release(&mut self, before: Time) {
        self.trace.release(AntichainRef::new(&[before]));
    }

    /// The size of its batches, and their number.
    pub fn measure(&self) -> (Size, usize) {
        self.trace.measure()
    }
}

/// The trace of a view, with the type of its values erased.
trait Trace {
    fn release(&mut self, closed: AntichainRef<'_, Time>);
    fn measure(&self) -> (Size, usize);
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Trace for TraceAgent<PackedSpine<V, R>> {
    fn release(&mut self, closed: AntichainRef<'_, Time>) {
        release(self, closed);
    }

    fn measure(&self) -> (Size, usize) {
        let (mut size, mut batches) = (Size::default(), 0);
        self.map_spans(|span| {
            if let Some(batch) = &span.inner {
                size.records += batch.values();
                size.bytes += batch.bytes();
                batches += 1;
            }
        });
        (size, batches)
    }
}
