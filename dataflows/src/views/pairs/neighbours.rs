//! The operator that pairs the new moments of the history with each other and with older ones.

use super::buffer::{Pair, PairBuffer, Repeat};
use crate::arrange::packed::Value;
use crate::arrange::trace::release;
use crate::arrange::view::{View, ViewSpine};
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{RESTORED, Time, VISIT_GAP};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::difference::{IsZero, Semigroup};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, Span, TraceReader};
use std::collections::VecDeque;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::Antichain;

/// The number of pairs made before the operator yields.
const FUEL: usize = 200_000;

type Trace = TraceAgent<ViewSpine<Moment>>;
type Batch = <Trace as TraceReader>::Batch;

/// A batch of the history that is being paired with itself and with older batches.
struct PendingBatch {
    /// For the pairs, and for the repeats.
    capabilities: [Capability<Time>; 2],
    batch: Batch,
    cursor: BatchCursor<Trace>,
    older: Vec<(Batch, BatchCursor<Trace>)>,
}

/// The pairs and repeats that each change of the history adds or retracts.
///
/// ```text
/// pairs   = history.join(history)    of moments apart, within VISIT_GAP of each other
/// repeats = history.reduce(moments.windows(2))    within VISIT_GAP, counted by day
/// ```
///
/// Unlike a join, it reads only the half hour around each new moment.
pub(super) fn neighbours<'scope>(
    history: View<'scope, Moment>,
    dictionaries: SharedDictionaries,
) -> (Stream<'scope, Time, Vec<Pair>>, Stream<'scope, Time, Vec<Repeat>>) {
    let mut trace = history.trace;
    let scope = history.stream.scope();
    let mut builder = OperatorBuilder::new("pair neighbours".into(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut batches = builder.new_input(history.stream, Pipeline);
    let (pairs, pair_stream) = builder.new_output();
    let (repeats, repeat_stream) = builder.new_output();
    let mut pairs = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(pairs);
    let mut repeats = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(repeats);
    builder.build(move |_| {
        let mut pending: VecDeque<PendingBatch> = VecDeque::new();
        let mut seen = Antichain::from_elem(0);
        let mut buffer = PairBuffer::default();
        move |_| {
            batches.for_each(|capability, spans| {
                for Span { desc, inner } in spans.drain(..) {
                    let Some(batch) = inner else { continue };
                    // Physical compaction is held back to `seen`, so that the trace can be cut
                    // there.
                    let older = trace.batches_through(seen.borrow());
                    let older = older.expect("the trace is cut where its batches were");
                    let with_cursor = |batch: Batch| {
                        let cursor = batch.cursor();
                        (batch, cursor)
                    };
                    let retain = |output| capability.retain_least(output).expect("data has a time");
                    pending.push_back(PendingBatch {
                        capabilities: [retain(0), retain(1)],
                        cursor: batch.cursor(),
                        batch,
                        older: older.into_iter().map(with_cursor).collect(),
                    });
                    seen.clone_from(desc.upper());
                    release(&mut trace, seen.borrow());
                }
            });
            let (mut pairs, mut repeats) = (pairs.activate(), repeats.activate());
            let mut fuel = FUEL;
            while let Some(next) = pending.front_mut() {
                let [capability, for_repeats] = next.capabilities.clone();
                let mut session = pairs.session(&capability);
                let done =
                    next.pair(&mut buffer, &dictionaries, &mut fuel, |pair| session.give(pair));
                consolidate_updates(&mut buffer.repeats);
                repeats.session(&for_repeats).give_iterator(buffer.repeats.drain(..));
                if !done {
                    activator.activate();
                    return;
                }
                pending.pop_front();
            }
        }
    });
    (pair_stream, repeat_stream)
}

impl PendingBatch {
    /// Pairs the moments of further users while there is fuel. Returns true when the batch is done.
    fn pair(
        &mut self,
        buffer: &mut PairBuffer,
        dictionaries: &SharedDictionaries,
        fuel: &mut usize,
        mut give: impl FnMut(Pair),
    ) -> bool {
        while let Some(&user) = self.cursor.get_key(&self.batch) {
            if *fuel == 0 {
                return false;
            }
            buffer.fresh.clear();
            buffer.taken.clear();
            while let Some(&moment) = self.cursor.get_val(&self.batch) {
                if moment.pairs() {
                    self.cursor.map_times(&self.batch, |&time, &counts| {
                        // The pairs of what is restored are restored, too.
                        if time != RESTORED {
                            buffer.fresh.push((time, moment.plain(), counts));
                        }
                    });
                } else if moment.may_pair() {
                    self.cursor.map_times(&self.batch, |&time, counts| {
                        if 0 < counts.total() {
                            buffer.taken.push((time, moment.taken(false).plain()));
                        }
                    });
                }
                self.cursor.step_val(&self.batch);
            }
            self.cursor.step_key(&self.batch);
            self.load_others(user, buffer);
            let mut made = 1;
            buffer.pair(&dictionaries.borrow().products, |pair| {
                made += 1;
                give(pair);
            });
            *fuel = fuel.saturating_sub(made);
        }
        true
    }

    /// Reads the user's older moments that may pair with the fresh ones.
    fn load_others(&mut self, user: u32, buffer: &mut PairBuffer) {
        buffer.others.clear();
        // In the order of the batch: newest first.
        let (Some((_, newest, _)), Some((_, oldest, _))) =
            (buffer.fresh.first(), buffer.fresh.last())
        else {
            return;
        };
        let from = Moment::new(newest.time().saturating_add(VISIT_GAP), 0, 0);
        let until = oldest.time().saturating_sub(VISIT_GAP);
        let last = Moment::new(until, 0, 0).prefix();
        for (batch, cursor) in &mut self.older {
            // Skips large, old batches, where seeking is expensive.
            if last < batch.min_prefix() {
                continue;
            }
            cursor.seek_key(batch, &user);
            if cursor.get_key(batch) != Some(&user) {
                continue;
            }
            cursor.seek_val(batch, &from);
            while let Some(&moment) = cursor.get_val(batch).filter(|at| until <= at.time()) {
                if moment.pairs() {
                    let mut sum = Counts::default();
                    cursor.map_times(batch, |_, counts| sum.plus_equals(counts));
                    if !sum.is_zero() {
                        buffer.others.push((moment.plain(), sum));
                    }
                }
                cursor.step_val(batch);
            }
        }
    }
}
