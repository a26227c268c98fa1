//! Moved rows arrive at the owners of the users for whom they count, or counted.

use super::leavers::Leavers;
use super::rows::{DatedRow, MovedMoment, MovedRow, MovedRows, NamedRow, Row, rows_of};
use crate::arrange::packed::Value;
use crate::arrange::view::Changes;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::AsCollection;
use std::cmp::Reverse;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Changes of the views by user.
pub struct Received<'scope> {
    /// Of profiles.
    pub tags: Changes<'scope, u32>,
    /// Of what was bought.
    pub products: Changes<'scope, u32>,
    /// Of activity.
    pub minutes: Changes<'scope, Reverse<u32>>,
    /// Of the history.
    pub moments: Changes<'scope, Moment>,
    /// Of the ledger, by origin.
    pub moved_moments: Changes<'scope, Of<Moment>>,
    /// Of the ledger, by origin.
    pub moved_rest: Changes<'scope, Of<DatedRow>>,
}

type Updates<V> = Vec<((u32, V), Time, Counts)>;

/// The changes of one message.
#[derive(Default)]
struct Interned {
    tags: Updates<u32>,
    products: Updates<u32>,
    minutes: Updates<Reverse<u32>>,
    moments: Updates<Moment>,
    moved_moments: Updates<Of<Moment>>,
    moved_rest: Updates<Of<DatedRow>>,
}

/// Exchanges moved rows to the owners of their holders, and interns them. `leavers` is told whose rows
/// change.
pub(crate) fn receive<'scope>(
    moved: Stream<'scope, Time, Vec<MovedRows>>,
    dictionaries: SharedDictionaries,
    leavers: Leavers,
) -> Received<'scope> {
    let by_owner = Exchange::new(|moved: &MovedRows| moved.owner as u64);
    let mut builder = OperatorBuilder::new("intern moved rows".into(), moved.scope());
    let mut moved = builder.new_input(moved, by_owner);
    let (mut tags, tag_changes) = output(&mut builder);
    let (mut products, product_changes) = output(&mut builder);
    let (mut minutes, minute_changes) = output(&mut builder);
    let (mut moments, moment_changes) = output(&mut builder);
    let (mut moved_moments, moved_moment_changes) = output(&mut builder);
    let (mut moved_rest, moved_rest_changes) = output(&mut builder);
    builder.build(move |_| {
        let mut changes = Interned::default();
        move |_| {
            moved.for_each(|capability, moved| {
                let time = *capability.least().expect("data has a time");
                let dictionaries = &mut dictionaries.borrow_mut();
                for moved in moved.drain(..) {
                    leavers.moved(changes.add(moved, time, dictionaries), time);
                }
                give(&mut tags, &capability, &mut changes.tags);
                give(&mut products, &capability, &mut changes.products);
                give(&mut minutes, &capability, &mut changes.minutes);
                give(&mut moments, &capability, &mut changes.moments);
                give(&mut moved_moments, &capability, &mut changes.moved_moments);
                give(&mut moved_rest, &capability, &mut changes.moved_rest);
            });
        }
    });
    Received {
        tags: tag_changes,
        products: product_changes,
        minutes: minute_changes,
        moments: moment_changes,
        moved_moments: moved_moment_changes,
        moved_rest: moved_rest_changes,
    }
}

type Output<V> = OutputBuilder<Time, CapacityContainerBuilder<Updates<V>>>;

fn output<'scope, V: Value>(
    builder: &mut OperatorBuilder<'scope, Time>,
) -> (Output<V>, Changes<'scope, V>) {
    let (output, changes) = builder.new_output();
    (OutputBuilder::from(output), changes.as_collection())
}

fn give<V: Value>(output: &mut Output<V>, at: &InputCapability<Time>, changes: &mut Updates<V>) {
    output.activate().session(at).give_container(changes);
}

impl Interned {
    /// Adds what moved, and returns the user whose rows change.
    fn add(&mut self, moved: MovedRows, time: Time, dictionaries: &mut Dictionaries) -> u32 {
        let MovedRows { holder, origin, moments, rest, .. } = moved;
        let holder = dictionaries.users.intern(&holder);
        let origin = origin.map(|origin| dictionaries.users.intern(&origin));
        dictionaries.note(origin.into_iter().chain([holder]), time);
        for (MovedMoment { time: at, product, tags, is_stand_in, pairs, is_guests }, counts) in
            moments
        {
            let tags: Vec<u32> = tags.iter().map(|tag| dictionaries.tags.intern(tag)).collect();
            let tag_set = dictionaries.tag_sets.intern(&tags, is_stand_in);
            let moment = Moment::new(at, dictionaries.products.intern(&product), tag_set);
            let moment = if is_guests { moment.by_guest(true) } else { moment };
            // The tags that are looked up follow the history.
            let tags = if is_stand_in { &[] } else { &tags[..] };
            rows_of(moment, moment.minute(), tags, counts)
                .for_each(|(row, counts)| self.add_row(holder, row, time, counts));
            self.moments.push(((holder, moment.pairing(pairs)), time, counts));
            if let Some(origin) = origin {
                let of = Of { holder, value: moment.pairing(false) };
                self.moved_moments.push(((origin, of), time, counts));
            }
        }
        for (MovedRow { hour, row }, counts) in rest {
            let row = match row {
                NamedRow::Tag(tag) => Row::Tag(dictionaries.tags.intern(&tag)),
                NamedRow::Product(name) => Row::Product(dictionaries.products.intern(&name)),
                NamedRow::Minute(minute) => Row::Minute(minute),
            };
            self.add_row(holder, row, time, counts);
            if let Some(origin) = origin {
                let of = Of { holder, value: DatedRow { hour, row } };
                self.moved_rest.push(((origin, of), time, counts));
            }
        }
        holder
    }

    fn add_row(&mut self, holder: u32, row: Row, time: Time, counts: Counts) {
        match row {
            Row::Tag(tag) => self.tags.push(((holder, tag), time, counts)),
            Row::Product(product) => self.products.push(((holder, product), time, counts)),
            Row::Minute(minute) => self.minutes.push(((holder, Reverse(minute)), time, counts)),
        }
    }
}
