//! Questions against an arrangement: each waits until its time is complete, then reads as of it.

use crate::Time;
use crate::reader::Reader;
use crate::waiting::Waiting;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// Shows a key's values, with what they sum up to at the time of the question.
pub type Show<'a, V, R> = dyn FnMut(u32, &mut dyn FnMut(&V, &R)) + 'a;

/// Answers questions from an arrangement that is partitioned as the questions are sent.
///
/// `answer` gets a question, its time, and a way to read the arrangement as of that time; what it
/// pushes is sent on at that time.
pub fn lookup<'scope, Q, A, V, R, P>(
    questions: Stream<'scope, Time, Vec<Q>>,
    route: P,
    arranged: Arranged<'scope, TraceAgent<ValSpine<u32, V, Time, R>>>,
    name: &str,
    mut answer: impl FnMut(Q, Time, &mut Show<'_, V, R>, &mut Vec<A>) + 'static,
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
                    let mut show = |key: u32, show: &mut dyn FnMut(&V, &R)| {
                        reader.seek(key);
                        reader.each(time, |value, sum| {
                            if !sum.is_zero() {
                                show(value, &sum);
                            }
                        });
                    };
                    for question in questions {
                        answer(question, time, &mut show, &mut answers);
                    }
                    output.session(&capability).give_iterator(answers.drain(..));
                }
                waiting.release(&mut trace, asked, complete);
            }
        },
    )
}
