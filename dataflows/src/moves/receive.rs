//! Moved rows arrive at the owners of the users for whom they count, or counted.

use super::leavers::Leavers;
use super::rows::{DatedRow, MovedMoment, MovedRow, MovedRows, NamedRow, Row, rows_of};
use crate::arrange::view::Changes;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::Time;
use crate::views::retention::Update;
use differential_dataflow::AsCollection;
use std::cmp::Reverse;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Changes of the views by user: rows that moved, or were restored.
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

impl<'scope> Received<'scope> {
    /// The changes of both.
    #[must_use]
    pub fn concat(self, other: Received<'scope>) -> Received<'scope> {
        Received {
            tags: self.tags.concat(other.tags),
            products: self.products.concat(other.products),
            minutes: self.minutes.concat(other.minutes),
            moments: self.moments.concat(other.moments),
            moved_moments: self.moved_moments.concat(other.moved_moments),
            moved_rest: self.moved_rest.concat(other.moved_rest),
        }
    }
}

/// Changes of a view in ids.
pub(crate) type Updates<V> = Vec<((u32, V), Time, Counts)>;

/// Changes of the views by user in ids.
#[derive(Default)]
pub(crate) struct UserUpdates {
    pub(crate) tags: Updates<u32>,
    pub(crate) products: Updates<u32>,
    pub(crate) minutes: Updates<Reverse<u32>>,
    pub(crate) moments: Updates<Moment>,
    pub(crate) moved_moments: Updates<Of<Moment>>,
    pub(crate) moved_rest: Updates<Of<DatedRow>>,
}

/// The outputs of an operator that interns such changes.
pub(crate) struct UserOutputs {
    tags: Output<Update<u32>>,
    products: Output<Update<u32>>,
    minutes: Output<Update<Reverse<u32>>>,
    moments: Output<Update<Moment>>,
    moved_moments: Output<Update<Of<Moment>>>,
    moved_rest: Output<Update<Of<DatedRow>>>,
}

impl UserOutputs {
    pub(crate) fn new<'scope>(
        builder: &mut OperatorBuilder<'scope, Time>,
    ) -> (UserOutputs, Received<'scope>) {
        let (tags, tag_changes) = output(builder);
        let (products, product_changes) = output(builder);
        let (minutes, minute_changes) = output(builder);
        let (moments, moment_changes) = output(builder);
        let (moved_moments, moved_moment_changes) = output(builder);
        let (moved_rest, moved_rest_changes) = output(builder);
        let outputs = UserOutputs { tags, products, minutes, moments, moved_moments, moved_rest };
        let changes = Received {
            tags: tag_changes.as_collection(),
            products: product_changes.as_collection(),
            minutes: minute_changes.as_collection(),
            moments: moment_changes.as_collection(),
            moved_moments: moved_moment_changes.as_collection(),
            moved_rest: moved_rest_changes.as_collection(),
        };
        (outputs, changes)
    }

    /// Sends all of them.
    pub(crate) fn give(&mut self, at: &InputCapability<Time>, updates: &mut UserUpdates) {
        give(&mut self.tags, at, &mut updates.tags);
        give(&mut self.products, at, &mut updates.products);
        give(&mut self.minutes, at, &mut updates.minutes);
        give(&mut self.moments, at, &mut updates.moments);
        give(&mut self.moved_moments, at, &mut updates.moved_moments);
        give(&mut self.moved_rest, at, &mut updates.moved_rest);
    }
}

/// An output of an operator that gives whole containers.
pub(crate) type Output<D> = OutputBuilder<Time, CapacityContainerBuilder<Vec<D>>>;

pub(crate) fn output<'scope, D: Clone + 'static>(
    builder: &mut OperatorBuilder<'scope, Time>,
) -> (Output<D>, Stream<'scope, Time, Vec<D>>) {
    let (output, stream) = builder.new_output();
    (OutputBuilder::from(output), stream)
}

pub(crate) fn give<D: Clone + 'static>(
    output: &mut Output<D>,
    at: &InputCapability<Time>,
    data: &mut Vec<D>,
) {
    output.activate().session(at).give_container(data);
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
    let (mut outputs, received) = UserOutputs::new(&mut builder);
    builder.build(move |_| {
        let mut changes = UserUpdates::default();
        move |_| {
            moved.for_each(|capability, moved| {
                let time = *capability.least().expect("data has a time");
                let dictionaries = &mut dictionaries.borrow_mut();
                for moved in moved.drain(..) {
                    leavers.moved(changes.add(moved, time, dictionaries), time);
                }
                outputs.give(&capability, &mut changes);
            });
        }
    });
    received
}

impl UserUpdates {
    /// Adds what moved, and returns the user whose rows change.
    fn add(&mut self, moved: MovedRows, time: Time, dictionaries: &mut Dictionaries) -> u32 {
        let MovedRows { holder, origin, moments, rest, .. } = moved;
        let holder = dictionaries.users.intern(&holder);
        let origin = origin.map(|origin| dictionaries.users.intern(&origin));
        dictionaries.note(origin.into_iter().chain([holder]), time);
        for (MovedMoment { time: at, product, tags, is_stand_in, flags }, counts) in moments {
            let tags: Vec<u32> = tags.iter().map(|tag| dictionaries.tags.intern(tag)).collect();
            let tag_set = dictionaries.tag_sets.intern(&tags, is_stand_in);
            let product = dictionaries.products.intern(&product);
            let moment = Moment::with_flags(at, product, tag_set, flags);
            // The tags that are looked up follow the history.
            let tags = if is_stand_in { &[] } else { &tags[..] };
            rows_of(moment, moment.minute(), tags, counts)
                .for_each(|(row, counts)| self.add_row(holder, row, time, counts));
            self.moments.push(((holder, moment), time, counts));
            if let Some(origin) = origin {
                let of = Of { holder, value: moment.as_came() };
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
