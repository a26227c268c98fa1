//! Retention: values leave a view when the event clock has passed their hour by the horizon.

use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::view::{View, ViewSpine, arrange_here};
use crate::held::Size;
use crate::score::counts::Counts;
use crate::time::{EventClock, Time};
use differential_dataflow::difference::{Abelian, IsZero};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::progress::Antichain;

/// A key and a value, the time, and the difference.
type Update<V> = ((u32, V), Time, Counts);

/// The updates of one time, held until the time is complete.
struct Epoch<V> {
    capability: Capability<Time>,
    updates: Vec<Update<V>>,
    /// True if any of them is a retraction.
    retracts: bool,
}

impl<V> Epoch<V> {
    fn new(capability: Capability<Time>) -> Epoch<V> {
        Epoch { capability, updates: Vec::new(), retracts: false }
    }
}

/// Keeps values whose hour is less than `horizon` hours behind the event clock: older ones are
/// retracted, and those that come too late are dropped.
///
/// `admit` may drop or change the updates of a time before they enter. It is called for the times
/// in order, once each. If any update is a retraction, the trace holds all that came before.
///
/// ```text
/// at each complete time t, in order, with now = clock.at(t):
///     updates.retain(|value| now < hour_of(value) + horizon);  admit(updates)
///     output = updates - view.filter(|value| hour_of(value) + horizon <= now)
/// ```
pub fn retained<'scope, V: Value>(
    updates: VecCollection<'scope, Time, (u32, V), Counts>,
    hours: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    hour_of: impl Fn(&V) -> u32 + 'static,
    mut admit: impl FnMut(&mut Vec<Update<V>>, &mut TraceAgent<ViewSpine<V>>) + 'static,
    name: &str,
    held: Rc<Cell<Size>>,
) -> View<'scope, V> {
    let trace: Rc<RefCell<Option<TraceAgent<ViewSpine<V>>>>> = Rc::default();
    let own = trace.clone();
    let scope = updates.inner.scope();
    let retained =
        updates.inner.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            hours,
            Pipeline,
            Pipeline,
            &format!("retain {name}"),
            move |_, info| {
                let activator = scope.activator_for(info.address);
                let mut waiting: BTreeMap<Time, Epoch<V>> = BTreeMap::new();
                let mut clock = EventClock::default();
                let mut keys_by_hour = KeysByHour::new(horizon);
                move |(updates, update_frontier), (hours, hour_frontier), output| {
                    hours.for_each(|capability, hours| {
                        let capability = capability.retain_least(0).expect("data has a time");
                        let time = *capability.time();
                        hours.drain(..).for_each(|hour| clock.set(time, hour));
                        // Values may leave at this time though no update comes.
                        waiting.entry(time).or_insert_with(|| Epoch::new(capability));
                    });
                    updates.for_each(|capability, updates| {
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
                        if update_frontier.less_equal(&time) || hour_frontier.less_equal(&time) {
                            break;
                        }
                        let now = clock.at(time);
                        let reads = keys_by_hour.is_due(now) || first.get().retracts;
                        if reads && !is_sealed(trace, time) {
                            // Retractions are computed from the view as of all earlier times.
                            activator.activate();
                            break;
                        }
                        let Epoch { capability, mut updates, .. } = first.remove();
                        updates.retain(|((_, value), _, _)| {
                            now < hour_of(value).saturating_add(horizon)
                        });
                        admit(&mut updates, trace);
                        let mut expired = Vec::new();
                        keys_by_hour.expire(now, trace, &hour_of, |keyed, counts| {
                            expired.push((keyed, time, counts));
                        });
                        for ((key, value), _, _) in &updates {
                            keys_by_hour.add(hour_of(value), *key);
                        }
                        output
                            .session(&capability)
                            .give_iterator(expired.into_iter().chain(updates));
                    }
                    let next = waiting.keys().next().copied();
                    let open = [update_frontier, hour_frontier]
                        .map(|frontier| frontier.frontier().first().copied());
                    let next = Antichain::from_iter(open.into_iter().flatten().chain(next).min());
                    clock.forget_before(next.first().copied().unwrap_or(Time::MAX));
                    held.set(keys_by_hour.size());
                    trace.set_logical_compaction(next.borrow());
                    trace.set_physical_compaction(next.borrow());
                }
            },
        );
    let view = arrange_here(retained.as_collection(), name);
    *trace.borrow_mut() = Some(view.trace.clone());
    view
}

/// True if a trace holds everything before a time.
fn is_sealed<V: ExchangeData>(trace: &mut TraceAgent<ViewSpine<V>>, time: Time) -> bool {
    let mut upper = Antichain::new();
    trace.read_upper(&mut upper);
    !upper.less_than(&time)
}

/// The keys that have values of an hour, so that retention reads only these.
struct KeysByHour {
    by_hour: BTreeMap<u32, Vec<u32>>,
    /// The number of all keys in it.
    keys: usize,
    /// By key, the hour that was added last: a key with many values of one hour is added once.
    latest: Vec<Option<u32>>,
    horizon: u32,
}

impl KeysByHour {
    fn new(horizon: u32) -> KeysByHour {
        KeysByHour { by_hour: BTreeMap::new(), keys: 0, latest: Vec::new(), horizon }
    }

    fn size(&self) -> Size {
        let latest = size_of::<Option<u32>>() * self.latest.capacity();
        Size { records: self.keys, bytes: size_of::<u32>() * self.keys + latest }
    }

    /// Adds a key that has a value of an hour.
    fn add(&mut self, hour: u32, key: u32) {
        let at = key as usize;
        if self.latest.len() <= at {
            self.latest.resize(at + 1, None);
        }
        if self.latest[at].replace(hour) != Some(hour) {
            self.by_hour.entry(hour).or_default().push(key);
            self.keys += 1;
        }
    }

    /// True if values of some hour have to leave.
    fn is_due(&self, now: u32) -> bool {
        self.by_hour.keys().next().is_some_and(|hour| hour.saturating_add(self.horizon) <= now)
    }

    /// Calls `each` with the negation of all values of the hours that are due.
    fn expire<V: ExchangeData>(
        &mut self,
        now: u32,
        trace: &mut TraceAgent<ViewSpine<V>>,
        hour_of: impl Fn(&V) -> u32,
        mut each: impl FnMut((u32, V), Counts),
    ) {
        if !self.is_due(now) {
            return;
        }
        let mut reader = Reader::new(trace);
        while self.is_due(now) {
            let Some((hour, mut keys)) = self.by_hour.pop_first() else { break };
            self.keys -= keys.len();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                reader.seek(key);
                reader.each(Time::MAX, |value, mut sum: Counts| {
                    if hour_of(value) == hour && !sum.is_zero() {
                        sum.negate();
                        each((key, value.clone()), sum);
                    }
                });
            }
        }
    }
}
