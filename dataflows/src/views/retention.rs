//! What is kept for a while: entries leave a view when the clock has gone on far enough.

use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::view::{View, ViewSpine, arrange_here};
use crate::score::counts::Counts;
use crate::time::{EventClock, Time};
use differential_dataflow::difference::{Abelian, IsZero};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::progress::Antichain;

/// An entry of a view, as it changes.
type Update<V> = ((u32, V), Time, Counts);

/// What came at one time and waits for it to be complete.
struct Epoch<V> {
    capability: Capability<Time>,
    updates: Vec<Update<V>>,
    /// Whether any of them takes back what came before.
    retracts: bool,
}

impl<V> Epoch<V> {
    fn new(capability: Capability<Time>) -> Epoch<V> {
        Epoch { capability, updates: Vec::new(), retracts: false }
    }
}

/// Keeps entries whose hour is less than `horizon` hours behind the clock: later they are
/// retracted, and what comes too late never enters.
///
/// `admit` may drop or change what comes at a time, before it enters; it sees the times in order,
/// each once, and with them the view as it was before, if they take back any of it.
pub fn retained<'scope, V: Value>(
    entries: VecCollection<'scope, Time, (u32, V), Counts>,
    hours: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    hour_of: impl Fn(&V) -> u32 + 'static,
    mut admit: impl FnMut(&mut Vec<Update<V>>, &mut TraceAgent<ViewSpine<V>>) + 'static,
    name: &str,
) -> View<'scope, V> {
    let trace: Rc<RefCell<Option<TraceAgent<ViewSpine<V>>>>> = Rc::default();
    let own = trace.clone();
    let scope = entries.inner.scope();
    let kept = entries.inner.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
        hours,
        Pipeline,
        Pipeline,
        &format!("{name}, retained"),
        move |_, info| {
            let activator = scope.activator_for(info.address);
            let mut waiting: BTreeMap<Time, Epoch<V>> = BTreeMap::new();
            let mut clock = EventClock::default();
            let mut calendar = Calendar::new(horizon);
            move |(entries, more), (hours, told), output| {
                hours.for_each(|capability, hours| {
                    let capability = capability.retain_least(0).expect("data has a time");
                    let time = *capability.time();
                    hours.drain(..).for_each(|hour| clock.set(time, hour));
                    // An epoch of its own: entries may leave though none comes.
                    waiting.entry(time).or_insert_with(|| Epoch::new(capability));
                });
                entries.for_each(|capability, updates| {
                    for update in updates.drain(..) {
                        let time = update.1;
                        let epoch = waiting
                            .entry(time)
                            .or_insert_with(|| Epoch::new(capability.delayed(&time, 0)));
                        epoch.retracts |= update.2.total() < 0;
                        epoch.updates.push(update);
                    }
                });
                let mut own = own.borrow_mut();
                let trace = own.as_mut().expect("the view is arranged when its operators run");
                while let Some(first) = waiting.first_entry() {
                    let time = *first.key();
                    if more.less_equal(&time) || told.less_equal(&time) {
                        break;
                    }
                    let now = clock.at(time);
                    let reads = calendar.is_due(now) || first.get().retracts;
                    if reads && !is_sealed(trace, time) {
                        // What leaves is read from the view, which must hold all that came before.
                        activator.activate();
                        break;
                    }
                    let Epoch { capability, mut updates, .. } = first.remove();
                    updates
                        .retain(|((_, value), _, _)| now < hour_of(value).saturating_add(horizon));
                    admit(&mut updates, trace);
                    let mut gone = Vec::new();
                    calendar.expire(now, trace, &hour_of, |entry, counts| {
                        gone.push((entry, time, counts));
                    });
                    for ((key, value), _, _) in &updates {
                        calendar.note(hour_of(value), *key);
                    }
                    output.session(&capability).give_iterator(gone.into_iter().chain(updates));
                }
                let next = waiting.keys().next().copied();
                let ends = [more.frontier().first().copied(), told.frontier().first().copied()];
                let next = Antichain::from_iter(ends.into_iter().flatten().chain(next).min());
                clock.forget_before(next.first().copied().unwrap_or(Time::MAX));
                trace.set_logical_compaction(next.borrow());
                trace.set_physical_compaction(next.borrow());
            }
        },
    );
    let view = arrange_here(kept.as_collection(), name);
    *trace.borrow_mut() = Some(view.trace.clone());
    view
}

/// Whether a trace holds everything before a time.
fn is_sealed<V: ExchangeData>(trace: &mut TraceAgent<ViewSpine<V>>, time: Time) -> bool {
    let mut upper = Antichain::new();
    trace.read_upper(&mut upper);
    !upper.less_than(&time)
}

/// Which keys have entries of an hour.
struct Calendar {
    by_hour: BTreeMap<u32, Vec<u32>>,
    /// By key, the hour of its last entry: most keys have many of one hour, and are noted once.
    latest: Vec<Option<u32>>,
    horizon: u32,
}

impl Calendar {
    fn new(horizon: u32) -> Calendar {
        Calendar { by_hour: BTreeMap::new(), latest: Vec::new(), horizon }
    }

    fn note(&mut self, hour: u32, key: u32) {
        let at = key as usize;
        if self.latest.len() <= at {
            self.latest.resize(at + 1, None);
        }
        if self.latest[at].replace(hour) != Some(hour) {
            self.by_hour.entry(hour).or_default().push(key);
        }
    }

    fn is_due(&self, now: u32) -> bool {
        self.by_hour.keys().next().is_some_and(|hour| hour.saturating_add(self.horizon) <= now)
    }

    /// Shows the negation of all entries of the hours that are over.
    fn expire<V: ExchangeData>(
        &mut self,
        now: u32,
        trace: &mut TraceAgent<ViewSpine<V>>,
        hour_of: impl Fn(&V) -> u32,
        mut show: impl FnMut((u32, V), Counts),
    ) {
        if !self.is_due(now) {
            return;
        }
        let mut reader = Reader::new(trace);
        while self.is_due(now) {
            let Some((hour, mut keys)) = self.by_hour.pop_first() else { break };
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                reader.seek(key);
                reader.each(Time::MAX, |value, mut sum: Counts| {
                    if hour_of(value) == hour && !sum.is_zero() {
                        sum.negate();
                        show((key, value.clone()), sum);
                    }
                });
            }
        }
    }
}
