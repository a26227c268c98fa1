//! Complete times: one operator at the end of all views notes which times they have passed.

use super::packed::{Batch, PackedSpine};
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use std::cell::Cell;
use std::rc::Rc;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

/// A view with any difference type.
type AnyView<'scope, V, R> = Arranged<'scope, TraceAgent<PackedSpine<V, R>>>;

/// The time before which all views are complete, on all workers. Cheap to clone.
#[derive(Clone, Default)]
pub struct Closed(Rc<Cell<Time>>);

impl Closed {
    /// All times before this one are complete; [`Time::MAX`] once no input is left.
    pub fn before(&self) -> Time {
        self.0.get()
    }

    /// True if a time is complete.
    pub fn has(&self, time: Time) -> bool {
        time < self.before()
    }
}

/// Builds the operator that sets [`Closed`], stream by stream.
pub(crate) struct ClosedBuilder<'scope> {
    builder: OperatorBuilder<'scope, Time>,
    inputs: Vec<Box<dyn FnMut()>>,
}

impl<'scope> ClosedBuilder<'scope> {
    pub(crate) fn new(scope: Scope<'scope, Time>) -> ClosedBuilder<'scope> {
        ClosedBuilder {
            builder: OperatorBuilder::new("complete times".into(), scope),
            inputs: Vec::new(),
        }
    }

    /// Adds a stream to wait for, and calls `each` with its data.
    pub(crate) fn add_stream<D: 'static>(
        &mut self,
        stream: Stream<'scope, Time, Vec<D>>,
        mut each: impl FnMut(Time, D) + 'static,
    ) {
        let mut input = self.builder.new_input(stream, Pipeline);
        self.inputs.push(Box::new(move || {
            input.for_each(|capability, data| {
                let time = *capability.least().expect("data has a time");
                data.drain(..).for_each(|datum| each(time, datum));
            });
        }));
    }

    /// Adds a view to wait for, and calls `each` with every batch and the upper bound of its times.
    pub(crate) fn add_view<V: ExchangeData, R: ExchangeData + Semigroup>(
        &mut self,
        view: AnyView<'scope, V, R>,
        mut each: impl FnMut(Time, Option<&Batch<V, R>>) + 'static,
    ) -> TraceAgent<PackedSpine<V, R>> {
        self.add_stream(view.stream, move |_, span| {
            let until = span.upper().first().copied().unwrap_or(Time::MAX);
            each(until, span.inner.as_ref());
        });
        view.trace
    }

    /// Builds the operator. It calls `each` for all data of a time before the time is complete.
    pub(crate) fn build(self) -> Closed {
        let ClosedBuilder { builder, mut inputs } = self;
        let closed = Closed::default();
        let set = closed.clone();
        builder.build(move |_| {
            move |frontiers| {
                inputs.iter_mut().for_each(|input| input());
                let open =
                    frontiers.iter().flat_map(|frontier| frontier.frontier().first().copied());
                set.0.set(open.min().unwrap_or(Time::MAX));
            }
        });
        closed
    }
}
