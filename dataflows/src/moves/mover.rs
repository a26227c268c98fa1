//! The operator that carries decisions out.

use super::erasure::{Erasures, NamesInUse};
use super::holder::{Share, UserTraces};
use super::leavers::{Going, Leavers};
use super::rows::{DatedRow, MovedMoment, MovedRow, MovedRows, NamedRow, Row};
use crate::ids::dictionary::Dictionaries;
use crate::ids::hash::owner;
use crate::ingest::decisions::{Decisions, Holder};
use crate::ingest::moment::{Flags, Moment};
use crate::record::decision::Decision;
use crate::time::{EventClock, HOUR, RESTORED, Time, is_move};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::Antichain;

/// The views by user of a worker, which are made after the operator that reads them.
pub type SharedTraces = Rc<RefCell<Option<UserTraces>>>;

/// Takes the rows of users to others, at the times after the decisions'. `on_forget` is told the time of each forget
/// before its rows have left.
///
/// ```text
/// for each user that may be meant, each holder of rows that were made from the user's events, as of t:
///     rows.filter(|row| decisions.holder(user, row.time) != holder)    retracted, and added to that one
/// ```
pub(crate) fn moves<'scope>(
    decisions: Stream<'scope, Time, Vec<Decision>>,
    ages: Stream<'scope, Time, Vec<u32>>,
    leavers: Leavers,
    horizon: u32,
    around: NamesInUse,
    traces: SharedTraces,
    on_forget: impl Fn(Time) + 'static,
) -> Stream<'scope, Time, Vec<MovedRows>> {
    let scope = decisions.scope();
    let (me, peers) = (scope.index(), scope.peers());
    let mut builder = OperatorBuilder::new("move rows".into(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut decisions = builder.new_input(decisions, Pipeline);
    let mut ages = builder.new_input(ages, Pipeline);
    let (output, moved) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Waiting> = BTreeMap::new();
        let mut clock = EventClock::default();
        let (known, dictionaries) = (around.decisions.clone(), around.dictionaries.clone());
        let mut erasures = Erasures::new(around);
        move |frontiers| {
            decisions.for_each(|capability, decisions| {
                let time = *capability.least().expect("data has a time");
                assert!(!is_move(time), "input has even times");
                // Decisions that are restored have been carried out.
                if time == RESTORED {
                    return;
                }
                let new = || Waiting::new(capability.delayed(&(time + 1), 0));
                waiting.entry(time).or_insert_with(new).decided.append(decisions);
            });
            ages.for_each(|capability, hours| {
                let time = *capability.least().expect("data has a time");
                hours.drain(..).for_each(|hour| clock.set(time, hour));
                let new = || Waiting::new(capability.delayed(&(time + 1), 0));
                waiting.entry(time).or_insert_with(new).is_later = true;
            });
            let mut traces = traces.borrow_mut();
            let traces = traces.as_mut().expect("the views are made when their operators run");
            let mut output = output.activate();
            while let Some(first) = waiting.first_entry() {
                let time = *first.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&time)) {
                    break;
                }
                if !traces.are_sealed(time + 1) {
                    activator.activate();
                    break;
                }
                let Waiting { capability, decided, is_later } = first.remove();
                let hour = clock.at(time);
                let going = is_later.then(|| leavers.going(time, hour, traces));
                let Going { mut gone, idle } = going.unwrap_or_default();
                let mover = Mover {
                    decisions: &known.borrow(),
                    dictionaries: &dictionaries.borrow(),
                    me,
                    peers,
                    as_of: time,
                    hour,
                    idle,
                    horizon,
                };
                let rows = mover.carry_out(&decided, traces, &mut gone);
                output.session(&capability).give_iterator(rows.into_iter());
                if decided.iter().any(|decision| decision.account.is_none()) {
                    on_forget(time);
                }
                erasures.begin(decided, gone, time + 1);
            }
            let open = frontiers.iter().map(|frontier| frontier.frontier().first().copied());
            let next = open.flatten().chain(waiting.keys().next().copied()).min();
            clock.forget_before(next.unwrap_or(Time::MAX));
            erasures.go_on(next.unwrap_or(Time::MAX), traces);
            traces.release(&Antichain::from_iter(erasures.read_from(next)));
        }
    });
    moved
}

/// What is to be done at the time after one.
struct Waiting {
    capability: Capability<Time>,
    decided: Vec<Decision>,
    /// Whether the age clock moves on, so that moments leave.
    is_later: bool,
}

impl Waiting {
    fn new(capability: Capability<Time>) -> Waiting {
        Waiting { capability, decided: Vec::new(), is_later: false }
    }
}

/// Carries out the decisions of one time.
struct Mover<'a> {
    decisions: &'a Decisions,
    dictionaries: &'a Dictionaries,
    me: usize,
    peers: usize,
    as_of: Time,
    hour: u32,
    horizon: u32,
    /// Those of whom all leaves that does not move.
    idle: BTreeSet<u32>,
}

impl Mover<'_> {
    /// The rows that move. Adds those from whom some do to the users who may be gone.
    fn carry_out(
        &self,
        decided: &[Decision],
        traces: &mut UserTraces,
        gone: &mut BTreeSet<u32>,
    ) -> Vec<MovedRows> {
        let users = &self.dictionaries.users;
        let directly: HashSet<&str> = decided.iter().map(|decision| &*decision.user).collect();
        let meant = self.decisions.reaching(directly.iter().copied(), self.as_of);
        let mut reader = traces.reader();
        let mut holders = self.idle.clone();
        for (name, id) in meant.iter().filter_map(|name| Some((*name, users.id(name)?))) {
            if owner(name, self.peers) == self.me {
                holders.insert(id);
            }
            reader.holders(id, self.as_of, |holder| {
                holders.insert(holder);
            });
        }
        let meant: HashSet<&str> = meant.into_iter().collect();
        let mut moved = Vec::new();
        for holder in holders {
            let name = users.text(holder);
            let origins = self.decisions.reaching([name], self.as_of);
            let origins = origins.into_iter().filter_map(|origin| users.id(origin));
            let (as_of, tag_sets) = (self.as_of, &self.dictionaries.tag_sets);
            let mut has = reader.holder(holder, origins, as_of, self.hour, tag_sets);
            if traces.has_profiles_alone() && !directly.contains(name) {
                // It moves whole, with what came after the last decision, and nothing was said of it now.
                has.own.rest.clear();
            }
            let before = moved.len();
            let others = has.others.into_iter();
            let shares = others.map(|(origin, share)| (users.text(origin), share));
            for (origin, mut share) in shares.chain([(name, has.own)]) {
                if meant.contains(origin) {
                    share = self.divide(name, origin, share, &mut moved);
                }
                if self.idle.contains(&holder) && !share.is_empty() {
                    moved.push(self.rows(name, origin, &share, -1));
                }
            }
            if before < moved.len() {
                gone.insert(holder);
            }
        }
        moved
    }

    /// Moves what of a share counts for others than its holder now, and returns the rest.
    fn divide(
        &self,
        holder: &str,
        origin: &str,
        share: Share,
        moved: &mut Vec<MovedRows>,
    ) -> Share {
        let mut by_target: BTreeMap<Holder<'_>, Share> = BTreeMap::new();
        let target = |time: u64| {
            let time = i64::try_from(time).unwrap_or(i64::MAX);
            self.decisions.holder(origin, time, None, self.as_of)
        };
        for (moment, counts) in share.moments {
            let part = by_target.entry(target(moment.time())).or_default();
            part.moments.push((moment, counts));
        }
        for (dated, counts) in share.rest {
            // What left by age was as old as the horizon then.
            let hour = dated.hour.saturating_sub(self.horizon);
            let part = by_target.entry(target(u64::from(hour) * HOUR)).or_default();
            part.rest.push((dated, counts));
        }
        let stays = by_target.remove(&Holder::User(holder)).unwrap_or_default();
        for (target, part) in by_target {
            moved.push(self.rows(holder, origin, &part, -1));
            if let Holder::User(target) = target {
                moved.push(self.rows(target, origin, &part, 1));
            }
        }
        stays
    }

    /// The rows of a share as a message to the owner of a holder.
    fn rows(&self, holder: &str, origin: &str, share: &Share, sign: i32) -> MovedRows {
        let moments = share.moments.iter();
        let moments =
            moments.map(|&(moment, counts)| (self.moment(moment, sign), counts.times(sign)));
        let rest = share.rest.iter().map(|&(row, counts)| (self.row(row), counts.times(sign)));
        MovedRows {
            owner: owner(holder, self.peers),
            holder: holder.to_string(),
            origin: (origin != holder).then(|| origin.to_string()),
            moments: moments.collect(),
            rest: rest.collect(),
        }
    }

    fn moment(&self, moment: Moment, sign: i32) -> MovedMoment {
        let Dictionaries { products, tags, tag_sets, .. } = self.dictionaries;
        let set = tag_sets.get(moment.tag_set);
        MovedMoment {
            time: moment.time(),
            product: products.text(moment.product).to_string(),
            tags: set.tags.iter().map(|&tag| tags.text(tag).to_string()).collect(),
            is_stand_in: set.is_stand_in,
            // With another user it is an account's.
            flags: Flags { is_guests: moment.is_guests() && sign < 0, ..moment.flags() },
        }
    }

    fn row(&self, DatedRow { hour, row }: DatedRow) -> MovedRow {
        let Dictionaries { products, tags, .. } = self.dictionaries;
        let row = match row {
            Row::Tag(tag) => NamedRow::Tag(tags.text(tag).to_string()),
            Row::Product(product) => NamedRow::Product(products.text(product).to_string()),
            Row::Minute(minute) => NamedRow::Minute(minute),
        };
        MovedRow { hour, row }
    }
}
