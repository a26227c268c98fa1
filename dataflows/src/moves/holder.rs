//! All that a user has, by the users from whose events it was made.

use super::rows::{DatedRow, Row, rows_of};
use crate::arrange::reader::Reader;
use crate::arrange::trace::{is_sealed, release};
use crate::arrange::view::ViewSpine;
use crate::ids::tag_sets::TagSets;
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::Time;
use crate::views::tags::{CatalogueReader, CatalogueTags, tags_at};
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{IsZero, Semigroup};
use differential_dataflow::operators::arrange::TraceAgent;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use timely::progress::Antichain;

/// The views by user, at a worker.
pub struct UserTraces {
    pub(crate) profile: TraceAgent<ViewSpine<u32>>,
    /// `None` if only profiles are kept.
    pub(crate) actions: Option<ActionTraces>,
    pub(crate) history: TraceAgent<ViewSpine<Moment>>,
    /// By origin.
    pub(crate) moved_moments: TraceAgent<ViewSpine<Of<Moment>>>,
    /// By origin.
    pub(crate) moved_rest: TraceAgent<ViewSpine<Of<DatedRow>>>,
    pub(crate) catalogue: CatalogueTags,
}

/// The views by user that are not kept with profiles alone.
pub struct ActionTraces {
    pub(crate) bought: TraceAgent<ViewSpine<u32>>,
    pub(crate) activity: TraceAgent<ViewSpine<Reverse<u32>>>,
}

impl UserTraces {
    /// True if all views hold everything before a time.
    pub(super) fn are_sealed(&mut self, time: Time) -> bool {
        let of_actions = self.actions.as_mut().is_none_or(|ActionTraces { bought, activity }| {
            is_sealed(bought, time) && is_sealed(activity, time)
        });
        of_actions
            && is_sealed(&mut self.profile, time)
            && is_sealed(&mut self.history, time)
            && is_sealed(&mut self.moved_moments, time)
            && is_sealed(&mut self.moved_rest, time)
            && self.catalogue.is_sealed(time)
    }

    pub(super) fn has_profiles_alone(&self) -> bool {
        self.actions.is_none()
    }

    /// Lets the views compact what no time from this one on needs.
    pub(super) fn release(&mut self, next: &Antichain<Time>) {
        if let Some(ActionTraces { bought, activity }) = &mut self.actions {
            release(bought, next.borrow());
            release(activity, next.borrow());
        }
        release(&mut self.profile, next.borrow());
        release(&mut self.history, next.borrow());
        release(&mut self.moved_moments, next.borrow());
        release(&mut self.moved_rest, next.borrow());
        self.catalogue.release(next);
    }

    pub(super) fn reader(&mut self) -> UserReader {
        UserReader {
            profile: Reader::new(&mut self.profile),
            actions: self.actions.as_mut().map(|ActionTraces { bought, activity }| {
                (Reader::new(bought), Reader::new(activity))
            }),
            history: Reader::new(&mut self.history),
            moved_moments: Reader::new(&mut self.moved_moments),
            moved_rest: Reader::new(&mut self.moved_rest),
            catalogue: self.catalogue.reader(),
        }
    }
}

/// Reads what was bought, and activity.
type ActionReader = (Reader<u32, Counts>, Reader<Reverse<u32>, Counts>);

/// Reads the views by user.
pub(super) struct UserReader {
    profile: Reader<u32, Counts>,
    actions: Option<ActionReader>,
    history: Reader<Moment, Counts>,
    moved_moments: Reader<Of<Moment>, Counts>,
    moved_rest: Reader<Of<DatedRow>, Counts>,
    catalogue: CatalogueReader,
}

/// What a user has that was made from the events of one.
#[derive(Default)]
pub(super) struct Share {
    /// The moments in the history.
    pub(super) moments: Vec<(Moment, Counts)>,
    pub(super) rest: Vec<(DatedRow, Counts)>,
}

impl Share {
    pub(super) fn is_empty(&self) -> bool {
        self.moments.is_empty() && self.rest.is_empty()
    }
}

/// All that a user has.
pub(super) struct Holder {
    /// Made from the user's own events.
    pub(super) own: Share,
    /// By origin, made from others' events.
    pub(super) others: Vec<(u32, Share)>,
}

impl UserReader {
    /// Calls `each` with everybody who has something of an origin.
    pub(super) fn holders(&mut self, origin: u32, as_of: Time, mut each: impl FnMut(u32)) {
        each_of(&mut self.moved_moments, origin, as_of, |of, _| each(of.holder));
        each_of(&mut self.moved_rest, origin, as_of, |of, _| each(of.holder));
    }

    /// Whether a user has a moment in the history as of a time.
    pub(super) fn has_moments(&mut self, user: u32, as_of: Time) -> bool {
        let mut has_moments = false;
        self.history.seek(user);
        self.history.try_each(as_of, |_, sum| {
            has_moments = !sum.is_zero();
            if has_moments { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        has_moments
    }

    /// The newest minute in which a user was active as of a time.
    pub(super) fn last_minute(&mut self, user: u32, as_of: Time) -> Option<u32> {
        let (_, activity) = self.actions.as_mut()?;
        let mut last = None;
        activity.seek(user);
        activity.try_each(as_of, |&Reverse(minute), sum| {
            if sum.is_zero() {
                return ControlFlow::Continue(());
            }
            last = Some(minute);
            ControlFlow::Break(())
        });
        last
    }

    /// Whether a user has anything in any view as of a time, or others have anything of the user.
    pub(super) fn has_rows(&mut self, user: u32, as_of: Time) -> bool {
        let rows = self.rows(user, as_of);
        let has_rows = rows.values().any(|counts| !counts.is_zero());
        let mut has_rows = has_rows || self.has_moments(user, as_of);
        self.holders(user, as_of, |_| has_rows = true);
        has_rows
    }

    /// Reads all that a user has as of a time, who may have something of these origins. What is the user's own, and in
    /// no history, gets an hour.
    pub(super) fn holder(
        &mut self,
        user: u32,
        origins: impl Iterator<Item = u32>,
        as_of: Time,
        hour: u32,
        tag_sets: &TagSets,
    ) -> Holder {
        let mut rest = self.rows(user, as_of);
        let mut moments = BTreeMap::new();
        self.history.seek(user);
        self.history.each(as_of, |&moment, sum| {
            if !sum.is_zero() {
                moments.insert(moment, sum);
            }
        });
        for (&moment, &counts) in &moments {
            let tags = tags_at(moment, tag_sets.get(moment.tag_set), &mut self.catalogue, as_of);
            take_rows(&mut rest, rows_of(moment, moment.minute(), &tags, counts));
        }
        let mut others = Vec::new();
        for origin in origins.filter(|origin| *origin != user) {
            let mut share = Share::default();
            each_of(&mut self.moved_moments, origin, as_of, |of, counts| {
                if of.holder == user {
                    take(&mut moments, of.value, counts, &mut share.moments);
                }
            });
            each_of(&mut self.moved_rest, origin, as_of, |of, counts| {
                if of.holder == user {
                    share.rest.push((of.value, counts));
                }
            });
            take_rows(&mut rest, share.rest.iter().map(|(dated, counts)| (dated.row, *counts)));
            others.push((origin, share));
        }
        let rest = rest.into_iter().filter(|(_, counts)| !counts.is_zero());
        let rest = rest.map(|(row, counts)| (DatedRow { hour, row }, counts)).collect();
        let moments = moments.into_iter().filter(|(_, counts)| !counts.is_zero()).collect();
        Holder { own: Share { moments, rest }, others }
    }

    /// All rows of a user.
    fn rows(&mut self, user: u32, as_of: Time) -> BTreeMap<Row, Counts> {
        let mut rows = BTreeMap::new();
        self.profile.seek(user);
        self.profile.each(as_of, |&tag, sum| {
            rows.insert(Row::Tag(tag), sum);
        });
        if let Some((bought, activity)) = &mut self.actions {
            bought.seek(user);
            bought.each(as_of, |&product, sum| {
                rows.insert(Row::Product(product), sum);
            });
            activity.seek(user);
            activity.each(as_of, |&Reverse(minute), sum| {
                rows.insert(Row::Minute(minute), sum);
            });
        }
        rows
    }
}

/// Calls `each` with all that is in the ledger of an origin as of a time.
fn each_of<V: ExchangeData>(
    ledger: &mut Reader<Of<V>, Counts>,
    origin: u32,
    as_of: Time,
    mut each: impl FnMut(&Of<V>, Counts),
) {
    ledger.seek(origin);
    ledger.each(as_of, |of, sum| {
        if !sum.is_zero() {
            each(of, sum);
        }
    });
}

/// Takes rows away. Those that a mode does not keep are not there.
fn take_rows(rows: &mut BTreeMap<Row, Counts>, taken: impl Iterator<Item = (Row, Counts)>) {
    for (row, counts) in taken {
        if let Some(sum) = rows.get_mut(&row) {
            sum.plus_equals(&counts.times(-1));
        }
    }
}

/// Takes a moment away, first where it does not pair, and was taken back.
fn take(
    moments: &mut BTreeMap<Moment, Counts>,
    moment: Moment,
    mut counts: Counts,
    taken: &mut Vec<(Moment, Counts)>,
) {
    for (pairs, is_taken) in [(false, true), (false, false), (true, true), (true, false)] {
        let moment = moment.pairing(pairs).taken(is_taken);
        let Some(there) = moments.get_mut(&moment) else { continue };
        let some = counts.least(*there);
        if !some.is_zero() {
            there.plus_equals(&some.times(-1));
            counts.plus_equals(&some.times(-1));
            taken.push((moment, some));
        }
    }
}
