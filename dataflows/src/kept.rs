//! Questions against what is kept of a view between them, rather than read anew for each.

use crate::Time;
use crate::counts::Counts;
use crate::reader::Batch;
use crate::views::View;
use crate::waiting::Waiting;
use differential_dataflow::ExchangeData;
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// What is kept of a view.
pub(crate) trait Kept<V: ExchangeData> {
    /// Notes what a batch changes of it.
    fn note(&mut self, batch: &Batch<V, Counts>);
}

/// Answers questions as [`lookup`](crate::lookup::lookup) does, from what is kept.
///
/// `answer` gets a question, its time, what is kept, and all batches, of which some may be later.
/// Times go up from one question to the next.
pub(crate) fn kept<'scope, Q, A, V, K, P>(
    questions: Stream<'scope, Time, Vec<Q>>,
    route: P,
    view: View<'scope, V>,
    name: &str,
    mut kept: K,
    mut answer: impl FnMut(Q, Time, &mut K, &[Batch<V, Counts>]) -> Option<A> + 'static,
) -> Stream<'scope, Time, Vec<A>>
where
    Q: Clone + 'static,
    A: Clone + 'static,
    V: ExchangeData,
    K: Kept<V> + 'static,
    P: ParallelizationContract<Time, Vec<Q>>,
{
    let mut trace = view.trace;
    questions.binary_frontier::<_, CapacityContainerBuilder<Vec<A>>, _, _, _, _>(
        view.stream,
        route,
        Pipeline,
        name,
        move |_, _| {
            let mut waiting = Waiting::default();
            move |(questions, asked), (batches, complete), output| {
                batches.for_each(|_, spans| {
                    for batch in spans.drain(..).filter_map(|span| span.inner) {
                        kept.note(&batch);
                    }
                });
                questions.for_each(|capability, questions| waiting.keep(&capability, questions));
                // NB: what is kept goes on with time, never back, so that all questions of a time
                // must be in before any of a later one is answered.
                let is_ready = |time: &Time| !complete.less_equal(time) && !asked.less_equal(time);
                let mut batches = Vec::new();
                for (capability, questions) in waiting.take_ready(is_ready) {
                    if batches.is_empty() {
                        trace.map_spans(|span| batches.extend(span.inner.clone()));
                    }
                    let time = *capability.time();
                    let answers = questions
                        .into_iter()
                        .filter_map(|question| answer(question, time, &mut kept, &batches));
                    output.session(&capability).give_iterator(answers);
                }
                waiting.release(&mut trace, asked, complete);
            }
        },
    )
}

/// The batches that have a key, each with a cursor at it.
pub(crate) fn with_key<V: ExchangeData>(
    key: u32,
    batches: &[Batch<V, Counts>],
) -> impl Iterator<Item = (&Batch<V, Counts>, <Batch<V, Counts> as Navigable>::Cursor)> {
    batches.iter().filter_map(move |batch| {
        let mut cursor = batch.cursor();
        cursor.seek_key(batch, &key);
        (cursor.get_key(batch) == Some(&key)).then_some((batch, cursor))
    })
}
