//! Which times are complete in every view: one operator that hears all of them.

use crate::Time;
use crate::packed::{Batch, PackedSpine};
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use std::cell::Cell;
use std::rc::Rc;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

/// A view, whatever it is counted in.
type Held<'scope, V, R> = Arranged<'scope, TraceAgent<PackedSpine<V, R>>>;

/// The time before which everything is in the views, on all workers. Cheap to clone.
#[derive(Clone, Default)]
pub struct Closed(Rc<Cell<Time>>);

impl Closed {
    /// All times before this one are complete; all there are, once it is [`Time::MAX`].
    pub fn before(&self) -> Time {
        self.0.get()
    }

    /// Whether a time is complete.
    pub fn has(&self, time: Time) -> bool {
        time < self.before()
    }
}

/// The operator in the making: what it hears is complete before [`Closed`] says so.
pub(crate) struct Closing<'scope> {
    builder: OperatorBuilder<'scope, Time>,
    inputs: Vec<Box<dyn FnMut()>>,
}

impl<'scope> Closing<'scope> {
    pub(crate) fn new(scope: Scope<'scope, Time>) -> Closing<'scope> {
        Closing { builder: OperatorBuilder::new("closed".into(), scope), inputs: Vec::new() }
    }

    /// Waits for one more stream, and shows what it brings.
    pub(crate) fn hear<D: 'static>(
        &mut self,
        stream: Stream<'scope, Time, Vec<D>>,
        mut show: impl FnMut(Time, D) + 'static,
    ) {
        let mut input = self.builder.new_input(stream, Pipeline);
        self.inputs.push(Box::new(move || {
            input.for_each(|capability, data| {
                let time = *capability.least().expect("data has a time");
                data.drain(..).for_each(|datum| show(time, datum));
            });
        }));
    }

    /// Waits for a view.
    pub(crate) fn view<V: ExchangeData, R: ExchangeData + Semigroup>(
        &mut self,
        view: Held<'scope, V, R>,
    ) -> TraceAgent<PackedSpine<V, R>> {
        self.view_with(view, |_, _| ())
    }

    /// Waits for a view, and shows how far it has come, with the batches.
    pub(crate) fn view_with<V: ExchangeData, R: ExchangeData + Semigroup>(
        &mut self,
        view: Held<'scope, V, R>,
        mut show: impl FnMut(Time, Option<&Batch<V, R>>) + 'static,
    ) -> TraceAgent<PackedSpine<V, R>> {
        self.hear(view.stream, move |_, span| {
            let until = span.upper().first().copied().unwrap_or(Time::MAX);
            show(until, span.inner.as_ref());
        });
        view.trace
    }

    /// Builds the operator. Whatever it shows is shown before its time is told to be complete.
    pub(crate) fn build(self) -> Closed {
        let Closing { builder, mut inputs } = self;
        let closed = Closed::default();
        let tell = closed.clone();
        builder.build(move |_| {
            move |frontiers| {
                inputs.iter_mut().for_each(|input| input());
                let open =
                    frontiers.iter().flat_map(|frontier| frontier.frontier().first().copied());
                tell.0.set(open.min().unwrap_or(Time::MAX));
            }
        });
        closed
    }
}
