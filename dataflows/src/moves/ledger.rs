//! The ledger: what counts for a user because of another one, by that other one, the origin.

use super::leavers::Leavers;
use super::rows::{DatedRow, Row, rows_of};
use crate::arrange::view::{Changes, View};
use crate::held::Held;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::tag_sets::TagSet;
use crate::ingest::catalogue::Catalogue;
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::Time;
use crate::views::retention::{Gone, Left, Rules, Update, retained};
use crate::views::tags::settle;
use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::difference::{IsZero, Semigroup};
use std::collections::{BTreeMap, HashMap};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// The ledger of a worker's users, by origin.
pub struct Ledger<'scope> {
    /// The moments that came from the origin, as if none paired.
    pub moments: View<'scope, Of<Moment>>,
    /// The rest, and what was made of moments that left by age.
    pub rest: View<'scope, Of<DatedRow>>,
}

/// What the ledger is made from.
pub(crate) struct Sources<'scope> {
    /// Events that came for others than their users, by these.
    pub attributed: Changes<'scope, Of<Moment>>,
    /// What left the history, or was not let in.
    pub left: Gone<'scope, Moment>,
    /// Moments that moved.
    pub moments: Changes<'scope, Of<Moment>>,
    /// Rows that moved.
    pub rest: Changes<'scope, Of<DatedRow>>,
    /// Is told of what leaves.
    pub leavers: Leavers,
}

/// Keeps what came from others: moments for as long as the history does, and the rest for a horizon. With `ranks` unset
/// there are rows of tags alone.
pub(crate) fn ledger<'scope>(
    sources: Sources<'scope>,
    ages: &Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    ranks: bool,
    catalogue: &Catalogue<'scope>,
    dictionaries: &SharedDictionaries,
    held: &Held,
) -> Ledger<'scope> {
    let Sources { attributed, left, moments, rest, leavers } = sources;
    let (hours, rest_hours) = (held.by("moved_hours"), held.by("moved_hours"));
    let taken = left.clone().filter(|((_, moment), _)| moment.is_taken() && !moment.is_removal());
    let (let_in, beyond) = let_in(attributed, left);
    let moments = let_in.concat(moments);
    let moments = retained(moments, ages.clone(), horizon, OfMoments, "moved moments", hours);
    let rows =
        move |&((origin, of), hour): &Left<Of<Moment>>, _: TagSet<'_>, tags: &[u32], counts| {
            let rows = rows_of(of.value, of.value.first_minute(), tags, counts);
            let rows = rows.filter(|(row, _)| ranks || matches!(row, Row::Tag(_)));
            let dated = rows.map(move |(row, counts)| {
                ((origin, Of { holder: of.holder, value: DatedRow { hour, row } }), counts)
            });
            dated.collect()
        };
    let gone = without_taken(moments.left, taken, dictionaries.clone()).concat(beyond);
    let gone = settle(gone, catalogue, dictionaries.clone(), |((_, of), _)| of.value, rows);
    let rest = rest.concat(gone);
    let rest = retained(rest, ages.clone(), horizon, OfRows(leavers), "moved rest", rest_hours);
    Ledger { moments: moments.view, rest: rest.view }
}

/// What came from others stays as long as its moment would.
struct OfMoments;

impl Rules<Of<Moment>> for OfMoments {
    fn hour(&self, of: &Of<Moment>) -> u32 {
        of.value.hour()
    }
}

/// The rest stays for a horizon; with it an origin may be gone.
struct OfRows(Leavers);

impl Rules<Of<DatedRow>> for OfRows {
    fn hour(&self, of: &Of<DatedRow>) -> u32 {
        of.value.hour
    }

    fn left(&mut self, gone: &[Update<Of<DatedRow>>]) {
        self.0.left(gone.iter().map(|((origin, _), time, _)| (*time, *origin)));
    }
}

/// What left, without the carts that had been taken back, of which nothing stays. Of carts that are the same those are
/// taken first that came from others, by the names of these.
///
/// ```text
/// at each complete time t, by the name of the origin:
///     gone.filter(|(origin, of)| !taken.remove((of.holder, of.value)))
/// ```
fn without_taken<'scope>(
    gone: Gone<'scope, Of<Moment>>,
    taken: Gone<'scope, Moment>,
    dictionaries: SharedDictionaries,
) -> Gone<'scope, Of<Moment>> {
    type Epoch = (Capability<Time>, Vec<(Left<Of<Moment>>, Counts)>);
    let rest = gone.inner.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
        taken.inner,
        Pipeline,
        Pipeline,
        "without taken carts",
        |_, _| {
            let mut waiting: BTreeMap<Time, Epoch> = BTreeMap::new();
            let mut taken: BTreeMap<Time, HashMap<(u32, Moment), Counts>> = BTreeMap::new();
            move |(gone, gone_frontier), (taken_carts, taken_frontier), output| {
                gone.for_each(|capability, gone| {
                    for (left, time, counts) in gone.drain(..) {
                        let new = || (capability.delayed(&time, 0), Vec::new());
                        waiting.entry(time).or_insert_with(new).1.push((left, counts));
                    }
                });
                taken_carts.for_each(|_, taken_carts| {
                    for (((user, cart), _), time, counts) in taken_carts.drain(..) {
                        let carts = taken.entry(time).or_default();
                        carts.entry((user, cart.as_came())).or_default().plus_equals(&counts);
                    }
                });
                let is_open =
                    |time: &Time| gone_frontier.less_equal(time) || taken_frontier.less_equal(time);
                while let Some(first) = waiting.first_entry().filter(|first| !is_open(first.key()))
                {
                    let (time, (capability, mut gone)) = first.remove_entry();
                    let mut taken = taken.remove(&time).unwrap_or_default();
                    if !taken.is_empty() {
                        let names = &dictionaries.borrow().users;
                        gone.sort_by(|(((one, _), _), _), (((other, _), _), _)| {
                            names.text(*one).cmp(names.text(*other))
                        });
                    }
                    let mut session = output.session(&capability);
                    for (left, mut counts) in gone {
                        let (_, of) = left.0;
                        if let Some(there) = taken.get_mut(&(of.holder, of.value)) {
                            let some = counts.least(*there);
                            there.plus_equals(&some.times(-1));
                            counts.plus_equals(&some.times(-1));
                        }
                        if !counts.is_zero() {
                            session.give((left, time, counts));
                        }
                    }
                }
                taken.retain(|time, _| is_open(time) || waiting.contains_key(time));
            }
        },
    );
    rest.as_collection()
}

/// Divides events that came for others than their users into those that the history let in, and those that it did not.
fn let_in<'scope>(
    attributed: Changes<'scope, Of<Moment>>,
    left: Gone<'scope, Moment>,
) -> (Changes<'scope, Of<Moment>>, Gone<'scope, Of<Moment>>) {
    type Epoch = ([Capability<Time>; 2], Vec<((u32, Of<Moment>), Counts)>);
    let mut builder = OperatorBuilder::new("let in".into(), attributed.inner.scope());
    let mut attributed = builder.new_input(attributed.inner, Pipeline);
    let mut left = builder.new_input(left.inner, Pipeline);
    let (moments, moment_stream) = builder.new_output();
    let (beyond, beyond_stream) = builder.new_output();
    let mut moments = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(moments);
    let mut beyond = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(beyond);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Epoch> = BTreeMap::new();
        let mut gone: BTreeMap<Time, Vec<(Left<Moment>, Counts)>> = BTreeMap::new();
        move |frontiers| {
            attributed.for_each(|capability, attributed| {
                for (keyed, time, counts) in attributed.drain(..) {
                    let capabilities = || [0, 1].map(|output| capability.delayed(&time, output));
                    let epoch = waiting.entry(time).or_insert_with(|| (capabilities(), vec![]));
                    epoch.1.push((keyed, counts));
                }
            });
            left.for_each(|_, left| {
                for (left, time, counts) in left.drain(..) {
                    gone.entry(time).or_default().push((left, counts));
                }
            });
            let is_open = |time: &Time| frontiers.iter().any(|frontier| frontier.less_equal(time));
            let (mut moments, mut beyond) = (moments.activate(), beyond.activate());
            while let Some(first) = waiting.first_entry().filter(|first| !is_open(first.key())) {
                let (time, ([for_moments, for_beyond], attributed)) = first.remove_entry();
                let mut left: HashMap<(u32, Moment), (Counts, u32)> = HashMap::new();
                for (((user, moment), now), counts) in gone.remove(&time).unwrap_or_default() {
                    let (sum, hour) = left.entry((user, moment.pairing(false))).or_default();
                    sum.plus_equals(&counts);
                    *hour = now;
                }
                let (mut moments, mut beyond) =
                    (moments.session(&for_moments), beyond.session(&for_beyond));
                let mut sums: Vec<_> = attributed;
                consolidate(&mut sums);
                for ((origin, of), counts) in sums {
                    let mut rest = counts;
                    if let Some((there, hour)) = left.get_mut(&(of.holder, of.value)) {
                        let some = counts.least(*there);
                        there.plus_equals(&some.times(-1));
                        rest.plus_equals(&some.times(-1));
                        if !some.is_zero() && !of.value.leaves_nothing() {
                            beyond.give((((origin, of), *hour), time, some));
                        }
                    }
                    if !rest.is_zero() {
                        let of = Of { value: of.value.let_in(), ..of };
                        moments.give(((origin, of), time, rest));
                    }
                }
            }
            while let Some(first) = gone.first_entry().filter(|first| !is_open(first.key())) {
                first.remove();
            }
        }
    });
    (moment_stream.as_collection(), beyond_stream.as_collection())
}
