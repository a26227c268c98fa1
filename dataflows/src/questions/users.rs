//! The first step, at the owners of users: what one owner knows is answered at once, a ranking is
//! planned.

use super::lenses::Lenses;
use super::parts::Sender;
use super::plan::Planner;
use super::products::Lead;
use super::{Ask, Part, Sent, What};
use crate::Time;
use crate::counts::Counts;
use crate::lookup::Lookup;
use crate::names::SharedVocabulary;
use crate::recent::Recent;
use crate::weights::Score;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::AntichainRef;

/// What is known at a worker of its users, and of the input.
pub(super) struct Users {
    pub(super) profile: Lookup<u32>,
    pub(super) activity: Option<Lookup<Reverse<u32>>>,
    pub(super) positions: Lookup<(), i64>,
    pub(super) recent: Rc<RefCell<Recent>>,
    pub(super) lenses: Rc<RefCell<Lenses>>,
    pub(super) planner: Planner,
    pub(super) vocabulary: SharedVocabulary,
}

/// Parts of answers, and where more of them are to be found.
pub(super) fn users<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    mut users: Users,
) -> (Stream<'scope, Time, Vec<Sent>>, Stream<'scope, Time, Vec<Lead>>) {
    let scope = asks.scope();
    let mut sender = Sender::new(scope.index());
    let mut builder = OperatorBuilder::new("users asked".into(), scope);
    let mut asks = builder.new_input(asks, Exchange::new(|ask: &Ask| ask.to as u64));
    let (parts, part_stream) = builder.new_output();
    let (leads, lead_stream) = builder.new_output();
    let mut parts = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(parts);
    let mut leads = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(leads);
    builder.build(move |_| {
        move |frontiers| {
            let (mut parts, mut leads) = (parts.activate(), leads.activate());
            asks.for_each(|capability, asks| {
                let time = *capability.least().expect("data has a time");
                let mut parts = parts.session(&capability);
                let mut leads = leads.session(&capability);
                for Ask { origin, id, roots, what, .. } in asks.drain(..) {
                    let part = users.answer(what, time, |lead| leads.give(lead.of(origin, id)));
                    let names = &users.vocabulary.borrow().products;
                    parts.give(sender.send((origin, id, roots), part, names));
                }
            });
            users.release(frontiers[0].frontier());
        }
    });
    (part_stream, lead_stream)
}

impl Users {
    fn answer(&mut self, what: What, time: Time, lead: impl FnMut(Lead)) -> Part {
        match what {
            What::Profile { place, user } => Part::Profile(place, self.profile(&user, time)),
            What::Activity { user } => Part::Activity(self.activity(&user, time)),
            What::Recent { limit } => Part::Recent(self.recent.borrow().newest(limit, time)),
            What::Position { place, partition } => {
                Part::Position(place, self.position(&partition, time))
            }
            What::Rank { basis, rules } => {
                let lens = self.lenses.borrow().at(time);
                let planned = self.planner.plan(lens, basis, rules, time, &mut self.profile, lead);
                Part::Planned(Box::new(planned))
            }
        }
    }

    /// A user's tags that have a score, highest first, ties by name.
    fn profile(&mut self, user: &str, time: Time) -> Vec<(String, Score)> {
        let vocabulary = self.vocabulary.borrow();
        let Some(user) = vocabulary.users.id(user) else { return Vec::new() };
        let weights = self.lenses.borrow().at(time).model.weights;
        let tags = scores(&mut self.profile, user, time, |counts| weights.score(counts));
        let text = |(tag, score)| (vocabulary.tags.text(tag), score);
        let mut tags: Vec<(&str, Score)> = tags.into_iter().map(text).collect();
        tags.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        tags.into_iter().map(|(tag, score)| (tag.to_string(), score)).collect()
    }

    /// The last minute in which a user was active, and the totals by kind.
    fn activity(&mut self, user: &str, time: Time) -> Option<(u32, [i64; 3])> {
        let user = self.vocabulary.borrow().users.id(user)?;
        let (mut last, mut totals) = (None, [0; 3]);
        self.activity.as_mut()?.each(user, time, |&Reverse(minute), counts| {
            last.get_or_insert(minute);
            for (total, &count) in totals.iter_mut().zip(&counts.0) {
                *total += i64::from(count);
            }
        });
        last.map(|last| (last, totals))
    }

    /// The next offset of a partition; 0 of one that was never read.
    fn position(&mut self, partition: &str, time: Time) -> i64 {
        let mut next = 0;
        if let Some(partition) = self.vocabulary.borrow().partitions.id(partition) {
            self.positions.each(partition, time, |(), sum| next = *sum);
        }
        next
    }

    fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.profile.release(asked);
        self.activity.iter_mut().for_each(|activity| activity.release(asked));
        self.positions.release(asked);
        self.planner.release(asked);
        let oldest = asked.first().copied().unwrap_or(Time::MAX);
        self.lenses.borrow_mut().forget_before(oldest);
    }
}

/// A user's tags that have a score, in no order.
pub(super) fn scores(
    profile: &mut Lookup<u32>,
    user: u32,
    time: Time,
    score: impl Fn(Counts) -> Score,
) -> Vec<(u32, Score)> {
    let mut tags = Vec::new();
    profile.each(user, time, |&tag, &counts| match score(counts) {
        Score(0) => {}
        score => tags.push((tag, score)),
    });
    tags
}
