//! What goes with what: products that one visitor touched within half an hour of each other.
//!
//! Every two moments of a user within [`WINDOW`] add one to each other's row: to the row of the
//! one product, an event of the other's kind, on the day of the later moment, and whether the
//! other came after. The sum is linear in both moments, so that a moment that is retracted takes
//! its pairs along, whatever came since. A product touched twice pairs with itself.

use crate::Time;
use crate::counts::Counts;
use crate::crossing::{Crosses, Space, cross};
use crate::history::Moment;
use crate::intern::day;
use crate::names::SharedVocabulary;
use crate::views::{View, ViewSpine, arrange_here};
use differential_dataflow::AsCollection;
use differential_dataflow::difference::{IsZero, Semigroup};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::{BatchCursor, Cursor, Navigable, Span, TraceReader};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::VecDeque;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::progress::Antichain;

/// How far apart two moments of a visit are at most, in milliseconds.
pub const WINDOW: u64 = 30 * 60 * 1000;

/// How many pairs are made before it is others' turn.
const FUEL: usize = 200_000;

/// The other product of a pair, as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partner {
    /// Which product.
    pub product: u32,
    /// The day of the later of the two moments, counted from the Unix epoch.
    pub day: u16,
    /// Whether it came after the row's product, or with it, rather than before.
    pub after: bool,
}

impl Crosses for (u32, Partner) {
    fn ids(&mut self, mut each: impl FnMut(Space, &mut u32)) {
        each(Space::Products, &mut self.0);
        each(Space::Products, &mut self.1.product);
    }

    fn key(&self) -> (Space, u32) {
        (Space::Products, self.0)
    }
}

/// Product to partners, each counted by the kind of its event, at the product's owner.
pub fn pairs<'scope>(
    history: View<'scope, Moment>,
    vocabulary: &SharedVocabulary,
) -> View<'scope, Partner> {
    arrange_here(cross(neighbours(history), vocabulary, "pairs").as_collection(), "pairs")
}

type Trace = TraceAgent<ViewSpine<Moment>>;
type Batch = <Trace as TraceReader>::Batch;
type Pair = ((u32, Partner), Time, Counts);

/// A sealed batch of the history that is to be paired with itself and with all before it.
struct Work {
    capability: Capability<Time>,
    batch: Batch,
    cursor: BatchCursor<Trace>,
    older: Vec<(Batch, BatchCursor<Trace>)>,
}

/// The pairs that each change of the history makes or takes back.
fn neighbours<'scope>(history: View<'scope, Moment>) -> Stream<'scope, Time, Vec<Pair>> {
    let mut trace = history.trace;
    let scope = history.stream.scope();
    history.stream.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "neighbours",
        move |_, info| {
            let activator = scope.activator_for(info.address);
            let mut work: VecDeque<Work> = VecDeque::new();
            let mut seen = Antichain::from_elem(0);
            let mut room = Room::default();
            move |(batches, frontier), output| {
                batches.for_each(|capability, spans| {
                    for span in spans.drain(..) {
                        let Span { desc, inner: Some(batch) } = span else { continue };
                        // A cut at `seen` is there: physical compaction is held back to it.
                        let older = trace.batches_through(seen.borrow());
                        let older = older.expect("the trace is cut where its batches were");
                        work.push_back(Work {
                            capability: capability.retain_least(0).expect("data has a time"),
                            cursor: batch.cursor(),
                            batch,
                            older: older
                                .into_iter()
                                .map(|batch| {
                                    let cursor = batch.cursor();
                                    (batch, cursor)
                                })
                                .collect(),
                        });
                        seen.clone_from(desc.upper());
                        trace.set_logical_compaction(seen.borrow());
                        trace.set_physical_compaction(seen.borrow());
                    }
                });
                let mut fuel = FUEL;
                while let Some(next) = work.front_mut() {
                    let capability = next.capability.clone();
                    let mut session = output.session(&capability);
                    let done = next.pair(&mut room, &mut fuel, |pair| session.give(pair));
                    if !done {
                        activator.activate();
                        return;
                    }
                    work.pop_front();
                }
                if !frontier.is_empty() {
                    return;
                }
                // Nothing more can come: the trace may go.
                trace.set_logical_compaction(Antichain::new().borrow());
            }
        },
    )
}

/// Room for one user's moments, kept between users.
#[derive(Default)]
struct Room {
    fresh: Vec<(Time, Moment, Counts)>,
    others: Vec<(Moment, Counts)>,
}

impl Work {
    /// Pairs the moments of the next users, while there is fuel; tells whether all is done.
    fn pair(&mut self, room: &mut Room, fuel: &mut usize, mut give: impl FnMut(Pair)) -> bool {
        while let Some(&user) = self.cursor.get_key(&self.batch) {
            if *fuel == 0 {
                return false;
            }
            room.fresh.clear();
            while let Some(&moment) = self.cursor.get_val(&self.batch) {
                if moment.pairs {
                    self.cursor.map_times(&self.batch, |&time, &counts| {
                        room.fresh.push((time, moment, counts));
                    });
                }
                self.cursor.step_val(&self.batch);
            }
            self.cursor.step_key(&self.batch);
            self.recall(user, room);
            let mut made = 1;
            room.pair(|pair| {
                made += 1;
                give(pair);
            });
            *fuel = fuel.saturating_sub(made);
        }
        true
    }

    /// Finds the user's older moments that may pair with the fresh ones.
    fn recall(&mut self, user: u32, room: &mut Room) {
        room.others.clear();
        // Newest first, as they lie in the batch.
        let (Some((_, newest, _)), Some((_, oldest, _))) = (room.fresh.first(), room.fresh.last())
        else {
            return;
        };
        let from = Moment {
            time: Reverse(newest.time.0.saturating_add(WINDOW)),
            product: 0,
            pairs: false,
        };
        let until = oldest.time.0.saturating_sub(WINDOW);
        for (batch, cursor) in &mut self.older {
            cursor.seek_key(batch, &user);
            if cursor.get_key(batch) != Some(&user) {
                continue;
            }
            cursor.seek_val(batch, &from);
            while let Some(&moment) = cursor.get_val(batch).filter(|at| until <= at.time.0) {
                if moment.pairs {
                    let mut sum = Counts::default();
                    cursor.map_times(batch, |_, counts| sum.plus_equals(counts));
                    if !sum.is_zero() {
                        room.others.push((moment, sum));
                    }
                }
                cursor.step_val(batch);
            }
        }
    }
}

impl Room {
    /// Pairs each fresh moment with the others, and then counts it among them.
    fn pair(&mut self, mut give: impl FnMut(Pair)) {
        self.fresh.sort_by_key(|(time, _, _)| *time);
        for &(time, moment, counts) in &self.fresh {
            for &(other, others) in &self.others {
                let apart = moment.time.0.abs_diff(other.time.0);
                if apart <= WINDOW && moment != other {
                    give((entry(other, moment), time, counts.times(others.total())));
                    give((entry(moment, other), time, others.times(counts.total())));
                }
            }
            self.others.push((moment, counts));
        }
    }
}

/// The second moment in the row of the first.
fn entry(first: Moment, second: Moment) -> (u32, Partner) {
    let (earlier, later) = (first.time.0, second.time.0);
    let day = day(earlier.max(later));
    (first.product, Partner { product: second.product, day, after: earlier <= later })
}
