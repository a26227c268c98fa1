//! Questions of the input: how far partitions are read, and the latest events.

use super::{Ask, Part, Sent, What};
use crate::Time;
use crate::block::stable_hash;
use crate::lookup::lookup;
use crate::names::SharedVocabulary;
use crate::positions::PositionSpine;
use crate::recent::Recent;
use crate::views::View;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::Filter;
use timely::dataflow::operators::vec::Map;

pub(super) fn positions<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    positions: Arranged<'scope, TraceAgent<PositionSpine>>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let asks = asks.filter(|ask| matches!(ask.what, What::Position { .. }));
    let route = Exchange::new(|ask: &Ask| match &ask.what {
        What::Position { partition, .. } => stable_hash(partition.as_bytes()),
        _ => 0,
    });
    lookup(asks, route, positions, "positions asked", move |ask, _, view, parts| {
        let What::Position { place, partition } = &ask.what else { return };
        let mut next = 0;
        if let Some(partition) = vocabulary.borrow().partitions.id(partition) {
            view.each(partition, |_, sum: &i64| next = *sum);
        }
        parts.push(Sent::plain(&ask, Part::Position(*place, next)));
    })
}

/// The profile's arrangement tells when the events of a time are in.
pub(super) fn recent<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    profile: View<'scope, u32>,
    recent: Rc<RefCell<Recent>>,
) -> Stream<'scope, Time, Vec<Sent>> {
    let peers = asks.scope().peers() as u64;
    let asks = asks.flat_map(move |ask| {
        let all = if matches!(ask.what, What::Recent { .. }) { peers } else { 0 };
        (0..all).map(move |to| (to, ask.clone()))
    });
    let route = Exchange::new(|(to, _): &(u64, Ask)| *to);
    lookup(asks, route, profile, "recent asked", move |(_, ask), time, _, parts| {
        let What::Recent { limit } = ask.what else { return };
        let events = recent.borrow().newest(limit, time);
        parts.push(Sent::plain(&ask, Part::Recent(events)));
    })
}
