//! Retention: values leave a view when the age clock has passed their hour by the horizon.

use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::trace::{is_sealed, release};
use crate::arrange::view::{Changes, View, ViewSpine, arrange_here};
use crate::held::Size;
use crate::record::event::Kind;
use crate::score::counts::Counts;
use crate::time::{EventClock, Time, is_of_old};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::difference::IsZero;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, InputCapability};
use timely::progress::Antichain;

/// A key and a value, the time, and the difference.
pub(crate) type Update<V> = ((u32, V), Time, Counts);

/// A key and a value that left, and the age clock's hour.
pub type Left<V> = ((u32, V), u32);

/// Values that left a view, or were not let in.
pub type Gone<'scope, V> = VecCollection<'scope, Time, Left<V>, Counts>;

/// A value of a key, and the one that stands for it from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replaced<V> {
    /// The key.
    pub key: u32,
    /// The value.
    pub from: V,
    /// The other one.
    pub to: V,
}

/// A view whose values leave by age.
pub struct Retained<'scope, V: Value> {
    /// The view.
    pub view: View<'scope, V>,
    /// Its changes.
    pub changes: Changes<'scope, V>,
    /// Each value that left by age, or was too old or too much to enter, with the age clock's hour when it did.
    pub left: Gone<'scope, V>,
    /// Those of them that had been let in.
    pub aged: Changes<'scope, V>,
    /// Each value that another one stands for, as [`Rules::replace`] says.
    pub replaced: VecCollection<'scope, Time, Replaced<V>, Counts>,
}

/// The updates of one time, held until the time is complete.
struct Epoch<V> {
    /// For the changes, for what left, for what of it had been let in, and for what was replaced.
    capabilities: [Capability<Time>; 4],
    updates: Vec<Update<V>>,
    /// True if any of them is a retraction.
    retracts: bool,
}

impl<V: Value> Epoch<V> {
    fn new(time: Time, capability: &InputCapability<Time>) -> Epoch<V> {
        let capabilities = [0, 1, 2, 3].map(|output| capability.delayed(&time, output));
        Epoch { capabilities, updates: Vec::new(), retracts: false }
    }

    /// Drops what was corrected, as if it had never come. Each update that is left is one event's.
    fn cancel_retractions(&mut self) {
        if !std::mem::take(&mut self.retracts) {
            return;
        }
        consolidate_updates(&mut self.updates);
        let updates = std::mem::take(&mut self.updates).into_iter();
        self.updates.extend(updates.flat_map(|(keyed, time, counts)| {
            let one = move |kind| ((keyed.clone(), time, Counts::one(kind)), counts.of(kind));
            Kind::ALL.map(one).into_iter().flat_map(|(update, count)| {
                let count = usize::try_from(count).expect("what was corrected has come");
                std::iter::repeat_n(update, count)
            })
        }));
    }
}

/// What makes one such view another. It is called for the times in order, once for each.
pub trait Rules<V: Value>: 'static {
    /// The hour from which the age of a value is counted.
    fn hour(&self, value: &V) -> u32;

    /// True if [`Rules::admit`] will read the view.
    fn needs_view(&self, _updates: &[Update<V>], _time: Time) -> bool {
        false
    }

    /// May change the updates of a time, one for each event, before they enter, and returns those that do not, which
    /// it takes out. What moves from user to user, or is restored, has been admitted before: nothing of that may be
    /// changed. The view,
    /// if it is needed, is as of all earlier times; what leaves at this one, by the age clock's hour, is still there.
    fn admit(
        &mut self,
        _updates: &mut Vec<Update<V>>,
        _time: Time,
        _now: u32,
        _view: &mut Trace<V>,
    ) -> Vec<Update<V>> {
        Vec::new()
    }

    /// Is told what leaves by age, or does not enter, before its time is complete.
    fn left(&mut self, _gone: &[Update<V>]) {}

    /// May have values replaced by others of the same hour, with their counts, because of what leaves by age and what
    /// enters at a time. The view is as for [`Rules::admit`].
    fn replace(
        &mut self,
        _expired: &[Update<V>],
        _updates: &[Update<V>],
        _time: Time,
        _now: u32,
        _view: &mut Trace<V>,
    ) -> Vec<(Replaced<V>, Counts)> {
        Vec::new()
    }
}

/// The trace of a view.
pub(crate) type Trace<V> = TraceAgent<ViewSpine<V>>;

/// Keeps values whose hour is less than `horizon` hours behind the age clock: older ones are
/// retracted, and those that come too late do not enter.
///
/// ```text
/// at each complete time t, in order, with now = clock.at(t):
///     updates.retain(|value| now < rules.hour(value) + horizon)    unless they were let in before t
///     rules.admit(updates, t)
///     changes = updates - view.filter(|value| rules.hour(value) + horizon <= now)
///     (view + changes).replace(rules.replace(changes, t))
/// ```
pub fn retained<'scope, V: Value>(
    updates: Changes<'scope, V>,
    ages: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    mut rules: impl Rules<V>,
    name: &str,
    held: Rc<Cell<Size>>,
) -> Retained<'scope, V> {
    let trace: Rc<RefCell<Option<Trace<V>>>> = Rc::default();
    let own = trace.clone();
    let scope = updates.inner.scope();
    let mut builder = OperatorBuilder::new(format!("retain {name}"), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut updates = builder.new_input(updates.inner, Pipeline);
    let mut ages = builder.new_input(ages, Pipeline);
    let (changes, change_stream) = builder.new_output();
    let (left, left_stream) = builder.new_output();
    let (aged, aged_stream) = builder.new_output();
    let (replaced, replaced_stream) = builder.new_output();
    let mut changes = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(changes);
    let mut left = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(left);
    let mut aged = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(aged);
    let mut replaced = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(replaced);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Epoch<V>> = BTreeMap::new();
        let mut clock = EventClock::default();
        let mut keys_by_hour = KeysByHour::new(horizon);
        move |frontiers| {
            ages.for_each(|capability, hours| {
                let time = *capability.least().expect("data has a time");
                hours.drain(..).for_each(|hour| clock.set(time, hour));
                // Values may leave at this time though no update comes.
                waiting.entry(time).or_insert_with(|| Epoch::new(time, &capability));
            });
            updates.for_each(|capability, updates| {
                for update in updates.drain(..) {
                    let time = update.1;
                    let new = || Epoch::new(time, &capability);
                    let epoch = waiting.entry(time).or_insert_with(new);
                    epoch.retracts |= update.2.total() < 0;
                    epoch.updates.push(update);
                }
            });
            let mut own = own.borrow_mut();
            let trace = own.as_mut().expect("the view is arranged when its operators run");
            let (mut changes, mut left) = (changes.activate(), left.activate());
            let (mut aged, mut replaced) = (aged.activate(), replaced.activate());
            while let Some(first) = waiting.first_entry() {
                let time = *first.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&time)) {
                    break;
                }
                let now = clock.at(time);
                let needs_view =
                    keys_by_hour.is_due(now) || rules.needs_view(&first.get().updates, time);
                if needs_view && !is_sealed(trace, time) {
                    // What leaves is computed from the view as of all earlier times.
                    activator.activate();
                    break;
                }
                let mut epoch = first.remove();
                let (mut expired, mut gone) = (Vec::new(), Vec::new());
                keys_by_hour.expire(
                    now,
                    trace,
                    |value| rules.hour(value),
                    |keyed, counts| {
                        expired.push((keyed.clone(), time, counts.times(-1)));
                        gone.push((keyed, time, counts));
                    },
                );
                rules.left(&gone);
                let mut refused = Vec::new();
                if !is_of_old(time) {
                    epoch.cancel_retractions();
                    let is_too_old = |((_, value), _, _): &mut Update<V>| {
                        rules.hour(value).saturating_add(horizon) <= now
                    };
                    refused.extend(epoch.updates.extract_if(.., is_too_old));
                }
                refused.append(&mut rules.admit(&mut epoch.updates, time, now, trace));
                rules.left(&refused);
                for ((key, value), _, _) in &epoch.updates {
                    keys_by_hour.add(rules.hour(value), *key);
                }
                let replacements = rules.replace(&expired, &epoch.updates, time, now, trace);
                let [for_changes, for_left, for_aged, for_replaced] = &epoch.capabilities;
                let instead =
                    replacements.iter().flat_map(|(Replaced { key, from, to }, counts)| {
                        let [from, to] = [from, to].map(|value| (*key, value.clone()));
                        [(from, time, counts.times(-1)), (to, time, *counts)]
                    });
                let all = expired.into_iter().chain(epoch.updates).chain(instead);
                changes.session(for_changes).give_iterator(all);
                aged.session(for_aged).give_iterator(gone.iter().cloned());
                let gone = gone.into_iter().chain(refused);
                let gone = gone.map(|(keyed, time, counts)| ((keyed, now), time, counts));
                left.session(for_left).give_iterator(gone);
                let all = replacements.iter().map(|(value, counts)| (value.clone(), time, *counts));
                replaced.session(for_replaced).give_iterator(all);
            }
            let next = waiting.keys().next().copied();
            let open = frontiers.iter().map(|frontier| frontier.frontier().first().copied());
            let next = Antichain::from_iter(open.flatten().chain(next).min());
            clock.forget_before(next.first().copied().unwrap_or(Time::MAX));
            held.set(keys_by_hour.size());
            release(trace, next.borrow());
        }
    });
    let changes = change_stream.as_collection();
    let view = arrange_here(changes.clone(), name);
    *trace.borrow_mut() = Some(view.trace.clone());
    let (left, aged) = (left_stream.as_collection(), aged_stream.as_collection());
    Retained { view, changes, left, aged, replaced: replaced_stream.as_collection() }
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

    /// Calls `each` with all values of the hours that are due.
    fn expire<V: ExchangeData>(
        &mut self,
        now: u32,
        trace: &mut Trace<V>,
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
                reader.each(Time::MAX, |value, sum: Counts| {
                    if hour_of(value) == hour && !sum.is_zero() {
                        each((key, value.clone()), sum);
                    }
                });
            }
        }
    }
}
