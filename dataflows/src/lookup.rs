//! Questions against an arrangement: each waits until its time is complete, then reads as of it.

use crate::Time;
use crate::reader::Reader;
use crate::waiting::Waiting;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use std::ops::ControlFlow;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// An arrangement as of the time of a question.
pub struct AsOf<'a, V: ExchangeData, R: ExchangeData + Semigroup> {
    reader: &'a mut Reader<V, R>,
    time: Time,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> AsOf<'_, V, R> {
    /// Shows a key's values in ascending order, with what they sum up to.
    pub fn each(&mut self, key: u32, mut show: impl FnMut(&V, &R)) {
        self.until(key, |value, sum| {
            show(value, sum);
            ControlFlow::Continue(())
        });
    }

    /// Shows a key's values in ascending order until it is told to stop.
    pub fn until(&mut self, key: u32, mut show: impl FnMut(&V, &R) -> ControlFlow<()>) {
        self.reader.seek(key);
        self.reader.until(self.time, |value, sum| {
            if sum.is_zero() { ControlFlow::Continue(()) } else { show(value, &sum) }
        });
    }
}

/// Answers questions from an arrangement that is partitioned as the questions are sent.
///
/// `answer` gets a question, its time, and a way to read the arrangement as of that time; what it
/// pushes is sent on at that time.
pub fn lookup<'scope, Q, A, V, R, P>(
    questions: Stream<'scope, Time, Vec<Q>>,
    route: P,
    arranged: Arranged<'scope, TraceAgent<ValSpine<u32, V, Time, R>>>,
    name: &str,
    mut answer: impl FnMut(Q, Time, &mut AsOf<'_, V, R>, &mut Vec<A>) + 'static,
) -> Stream<'scope, Time, Vec<A>>
where
    Q: Clone + 'static,
    A: Clone + 'static,
    V: ExchangeData,
    R: ExchangeData + Semigroup,
    P: ParallelizationContract<Time, Vec<Q>>,
{
    let mut trace = arranged.trace;
    questions.binary_frontier::<_, CapacityContainerBuilder<Vec<A>>, _, _, _, _>(
        arranged.stream,
        route,
        Pipeline,
        name,
        move |_, _| {
            let mut waiting = Waiting::default();
            move |(questions, asked), (batches, complete), output| {
                batches.for_each(|_, _| {});
                questions.for_each(|capability, questions| waiting.keep(&capability, questions));
                let mut answers = Vec::new();
                for (capability, questions) in waiting.take_ready(|time| !complete.less_equal(time))
                {
                    let time = *capability.time();
                    let mut reader = Reader::new(&mut trace);
                    let mut view = AsOf { reader: &mut reader, time };
                    for question in questions {
                        answer(question, time, &mut view, &mut answers);
                    }
                    output.session(&capability).give_iterator(answers.drain(..));
                }
                waiting.release(&mut trace, asked, complete);
            }
        },
    )
}
