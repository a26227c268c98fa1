//! Views by day: they keep values for days, and from some age on by the week.

use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::trace::{is_sealed, release};
use crate::arrange::view::{Changes, View, ViewSpine, arrange_here};
use crate::held::Size;
use crate::score::counts::Counts;
use crate::time::{DAY_HOURS, Time, input_time};
use differential_dataflow::AsCollection;
use differential_dataflow::difference::IsZero;
use differential_dataflow::operators::arrange::TraceAgent;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::Antichain;

/// The days of a week. Weeks begin with the Unix epoch.
const WEEK: u16 = 7;

/// How long values by day are kept.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The age in days beyond which they leave.
    kept: u16,
    /// The age in days beyond which those of a week count for its first day.
    apart: u16,
}

impl Days {
    /// Values of moments that a history holds for `horizon` hours are kept for so many days, but as long as their
    /// moments at least, and are told apart by day while these may be taken out again.
    pub fn new(kept: u16, horizon: u32) -> Days {
        let held = u16::try_from(horizon.div_ceil(DAY_HOURS)).unwrap_or(u16::MAX);
        Days { kept: kept.max(held), apart: held.saturating_add(3) }
    }

    /// The day that values of a day count for, and `None` once they have left.
    pub fn counting(self, day: u16, today: u16) -> Option<u16> {
        let first = day - day % WEEK;
        let is_one = first.saturating_add(WEEK - 1).saturating_add(self.apart) < today;
        let day = if is_one { first } else { day };
        (today <= day.saturating_add(self.kept)).then_some(day)
    }
}

/// Arranges values by key, and takes those out that are too old by the age clock's day. What is old enough counts for the
/// first day of its week.
///
/// ```text
/// at each time of input t, with view as of the time before, and today as of the time of input before:
///     changes(t) += view.map(|value| days.counting(value.day, today).map(|day| value.on(day)) - value)
/// ```
///
/// What leaves the history when a day begins may be taken out of the view by its day: so values age after it.
/// Changes pass at once: nothing waits for what leaves.
pub(crate) fn kept_by_day<'scope, V: DatedProduct + Value>(
    changes: Changes<'scope, V>,
    ages: Stream<'scope, Time, Vec<u32>>,
    days: Days,
    name: &str,
    held: Rc<Cell<Size>>,
) -> View<'scope, V> {
    let trace: Rc<RefCell<Option<TraceAgent<ViewSpine<V>>>>> = Rc::default();
    let own = trace.clone();
    let scope = changes.inner.scope();
    let mut builder = OperatorBuilder::new(format!("keep {name} by day"), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut changes = builder.new_input(changes.inner, Pipeline);
    let mut ages = builder.new_input(ages, Pipeline);
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    builder.build(move |_| {
        // By the time at which values age, the newest day before it.
        let mut waiting: BTreeMap<Time, (Capability<Time>, u16)> = BTreeMap::new();
        let mut keys = KeysByDay::default();
        let mut today = 0;
        move |frontiers| {
            let mut output = output.activate();
            changes.for_each(|capability, changes| {
                changes.iter().for_each(|((key, value), ..)| keys.add(value.day(), *key));
                output.session(&capability).give_container(changes);
            });
            ages.for_each(|capability, hours| {
                let time = input_time(capability.least().expect("data has a time") + 1);
                for hour in hours.drain(..) {
                    let day = u16::try_from(hour / DAY_HOURS).unwrap_or(u16::MAX);
                    let new = || (capability.delayed(&time, 0), day);
                    let (_, latest) = waiting.entry(time).or_insert_with(new);
                    *latest = day.max(*latest);
                }
            });
            let mut own = own.borrow_mut();
            let trace = own.as_mut().expect("the view is arranged when its operators run");
            while let Some(first) = waiting.first_entry() {
                let (&time, &(_, day)) = (first.key(), first.get());
                if frontiers.iter().any(|frontier| frontier.less_equal(&time)) {
                    break;
                }
                let due: Vec<u16> = keys.due(days, today.max(day)).collect();
                if !due.is_empty() && !is_sealed(trace, time) {
                    // What changes is computed from the view as of all earlier times.
                    activator.activate();
                    break;
                }
                let (capability, day) = first.remove();
                today = day.max(today);
                if due.is_empty() {
                    continue;
                }
                let mut session = output.session(&capability);
                let view = (&mut Reader::new(trace), time.saturating_sub(1));
                keys.age(
                    due,
                    |day| days.counting(day, today),
                    view,
                    |change, counts| {
                        session.give((change, time, counts));
                    },
                );
            }
            held.set(keys.size());
            let next = waiting.keys().next().copied();
            let open = frontiers.iter().map(|frontier| frontier.frontier().first().copied());
            let next = open.flatten().chain(next).min();
            // It is read as of the time before.
            let read: Antichain<Time> =
                next.map(|next| next.saturating_sub(1)).into_iter().collect();
            release(trace, read.borrow());
        }
    });
    let view = arrange_here(stream.as_collection(), name);
    *trace.borrow_mut() = Some(view.trace.clone());
    view
}

/// The keys that have values of a day, so that only these are read.
#[derive(Default)]
struct KeysByDay {
    by_day: BTreeMap<u16, Vec<u32>>,
    /// By key, the day that was added last: a key with many values of one day is added once.
    latest: Vec<Option<u16>>,
    /// The number of all keys by day.
    keys: usize,
}

impl KeysByDay {
    fn size(&self) -> Size {
        let latest = size_of::<Option<u16>>() * self.latest.capacity();
        Size { records: self.keys, bytes: size_of::<u32>() * self.keys + latest }
    }

    /// Adds a key that has a value of a day.
    fn add(&mut self, day: u16, key: u32) {
        let at = key as usize;
        if self.latest.len() <= at {
            self.latest.resize(at + 1, None);
        }
        if self.latest[at].replace(day) != Some(day) {
            self.by_day.entry(day).or_default().push(key);
            self.keys += 1;
        }
    }

    /// The days whose values have to leave, or to count for another day.
    fn due(&self, days: Days, today: u16) -> impl Iterator<Item = u16> {
        let all = self.by_day.keys().copied();
        all.filter(move |day| days.counting(*day, today) != Some(*day))
    }

    /// Calls `each` with what changes in a view as of a time, as values of days that are due count for others.
    fn age<V: DatedProduct>(
        &mut self,
        due: Vec<u16>,
        counting: impl Fn(u16) -> Option<u16>,
        (view, as_of): (&mut Reader<V, Counts>, Time),
        mut each: impl FnMut((u32, V), Counts),
    ) {
        for day in due {
            let mut keys = self.by_day.remove(&day).expect("a day that is due is there");
            self.keys -= keys.len();
            keys.sort_unstable();
            keys.dedup();
            let counting = counting(day);
            for &key in &keys {
                view.seek(key);
                view.each(as_of, |value, sum| {
                    if value.day() == day && !sum.is_zero() {
                        each((key, *value), sum.times(-1));
                        if let Some(day) = counting {
                            each((key, value.on(day)), sum);
                        }
                    }
                });
            }
            if let Some(day) = counting {
                self.keys += keys.len();
                self.by_day.entry(day).or_default().append(&mut keys);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Days;

    #[test]
    fn days_are_told_apart_until_their_week_is_old_enough() {
        // The weeks around begin at the days 7, 14, 21.
        let days = Days::new(20, 36);
        let counting = |today| [13, 14, 15, 20].map(|day| days.counting(day, today));
        assert_eq!(counting(18), [13, 14, 15, 20].map(Some));
        assert_eq!(counting(19), [7, 14, 15, 20].map(Some));
        assert_eq!(counting(25), [7, 14, 15, 20].map(Some));
        assert_eq!(counting(26), [7, 14, 14, 14].map(Some));
        assert_eq!(counting(28), [None, Some(14), Some(14), Some(14)]);
        assert_eq!(counting(35), [None; 4]);
    }

    #[test]
    fn what_may_be_taken_out_again_is_there_by_its_day() {
        for horizon in [1, 24, 36, 720] {
            let days = Days::new(0, horizon);
            // A moment of the day's last hour is in the history until this hour.
            let last = 24 * 1000 + 23 + horizon - 1;
            let today = u16::try_from(last / 24).unwrap();
            assert_eq!(days.counting(1000, today), Some(1000), "{horizon}");
        }
    }
}
