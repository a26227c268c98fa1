//! Views at the owners of users: profile, purchases, activity.

use super::retention::Gone;
use super::tags::Touch;
use crate::arrange::view::{Changes, View, arrange_here};
use crate::ingest::moment::Moment;
use crate::record::event::Kind;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::{AsCollection, VecCollection};
use std::cmp::Reverse;
use timely::dataflow::operators::vec::{Filter, Map};

/// User to tag: the tags that events brought or had when they left the history, and the resolved tags of the others.
pub fn profile<'scope>(
    tags: Changes<'scope, u32>,
    resolved: VecCollection<'scope, Time, Touch, Counts>,
) -> View<'scope, u32> {
    let pairs = tags.concat(resolved.map(|Touch { user, tag, .. }| (user, tag)));
    arrange_here(pairs, "profile")
}

/// User to the products that the user bought.
pub fn bought<'scope>(
    moments: Changes<'scope, Moment>,
    left: Gone<'scope, Moment>,
    moved: Changes<'scope, u32>,
) -> View<'scope, u32> {
    let purchases = moments.inner.filter(|(_, _, counts)| counts.of(Kind::Purchase) != 0);
    let bought = purchases.as_collection().map(|(user, moment)| (user, moment.product));
    let gone = left.inner.flat_map(|(((user, moment), _), time, counts)| {
        let purchases = Counts([0, 0, -counts.of(Kind::Purchase)]);
        let is_gone = moment.leaves_nothing() && purchases != Counts::default();
        is_gone.then_some(((user, moment.product), time, purchases))
    });
    arrange_here(bought.concat(gone.as_collection()).concat(moved), "bought")
}

/// User to the minutes in which the user was active, newest first, counted from the Unix epoch; what has left the
/// history, or was not let in, counts for the first minute of its day, and of a guest no more.
pub fn activity<'scope>(
    moments: Changes<'scope, Moment>,
    left: Gone<'scope, Moment>,
    moved: Changes<'scope, Reverse<u32>>,
) -> View<'scope, Reverse<u32>> {
    let minutes = moments.map(|(user, moment)| (user, Reverse(moment.minute())));
    let by_day = left.inner.flat_map(|(((user, moment), _), time, counts)| {
        let [minute, day] = [moment.minute(), moment.first_minute()].map(Reverse);
        let goes = moment.counts().then_some(((user, minute), time, counts.times(-1)));
        let stays = (!moment.leaves_nothing()).then_some(((user, day), time, counts));
        goes.into_iter().chain(stays)
    });
    arrange_here(minutes.concat(by_day.as_collection()).concat(moved), "activity")
}
