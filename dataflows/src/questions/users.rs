//! Questions to the owners of users: what they care about, have bought, and are looking at.

use super::parts::Lane;
use super::tastes::Interests;
use super::{Ask, Part, Sent, Step, Visited, What};
use crate::Time;
use crate::block::stable_hash;
use crate::counts::Counts;
use crate::history::Moment;
use crate::lookup::lookup;
use crate::model::Blend;
use crate::names::{Names, SharedVocabulary};
use crate::pairs::WINDOW;
use crate::recommend::{Basis, LeaveOut, TAGS};
use crate::views::View;
use crate::weights::Score;
use std::cmp::Reverse;
use std::ops::ControlFlow;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::core::Filter;

/// To the owner of the user that is asked about.
fn by_user(ask: &Ask) -> u64 {
    user_of(&ask.what).map_or(0, |user| stable_hash(user.as_bytes()))
}

/// The user that is asked about, if it is one.
fn user_of(what: &What) -> Option<&str> {
    match what {
        What::Profile { user, .. }
        | What::Activity { user }
        | What::Rank { basis: Basis::User(user), .. } => Some(user),
        _ => None,
    }
}

pub(super) fn activity<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    activity: View<'scope, Reverse<u32>>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let asks = asks.filter(|ask| matches!(ask.what, What::Activity { .. }));
    lookup(asks, Exchange::new(by_user), activity, "activity asked", move |ask, _, view, parts| {
        let What::Activity { user } = &ask.what else { return };
        let Some(user) = vocabulary.borrow().users.id(user) else { return };
        let (mut last, mut totals) = (None, [0; 3]);
        view.each(user, |&Reverse(minute), counts: &Counts| {
            last.get_or_insert(minute);
            for (total, &count) in totals.iter_mut().zip(&counts.0) {
                *total += i64::from(count);
            }
        });
        parts.extend(last.map(|last| Sent::plain(&ask, Part::Activity(last, totals))));
    })
}

pub(super) fn profile<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    profile: View<'scope, u32>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Step<Interests>>> {
    let asks = asks.filter(|ask| {
        matches!(ask.what, What::Profile { .. } | What::Rank { basis: Basis::User(_), .. })
    });
    lookup(asks, Exchange::new(by_user), profile, "profiles asked", move |ask, _, view, steps| {
        let vocabulary = vocabulary.borrow();
        let user = user_of(&ask.what).and_then(|user| vocabulary.users.id(user));
        let mut tags = Vec::new();
        if let Some(user) = user {
            view.each(user, |&tag, counts: &Counts| {
                let score = ask.lens.model.weights.score(*counts);
                if score != Score(0) {
                    tags.push((vocabulary.tags.text(tag).to_string(), score));
                }
            });
        }
        tags.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        steps.push(match &ask.what {
            What::Rank { rules, .. } => {
                tags.truncate(TAGS);
                Step::Next(Interests { user, tags, ..Interests::new(&ask, rules) })
            }
            What::Profile { place, .. } => {
                Step::Part(Sent::plain(&ask, Part::Profile(*place, tags)))
            }
            _ => return,
        });
    })
}

pub(super) fn bought<'scope>(
    interests: Stream<'scope, Time, Vec<Interests>>,
    bought: View<'scope, u32>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Step<Interests>>> {
    let mut lane = Lane::new(0, interests.scope().index());
    lookup(interests, Pipeline, bought, "bought asked", move |mut interests, _, view, steps| {
        if let (true, Some(user)) = (interests.rules.leave_out_bought, interests.user) {
            let mut products = Vec::new();
            view.each(user, |&product, _: &Counts| products.push(product));
            if !products.is_empty() {
                interests.left_out += products.len();
                let part = Part::Bought(products);
                steps.push(Step::Part(lane.sent(&interests.ask, part, &vocabulary)));
            }
        }
        steps.push(Step::Next(interests));
    })
}

pub(super) fn visits<'scope>(
    interests: Stream<'scope, Time, Vec<Interests>>,
    history: View<'scope, Moment>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Step<Interests>>> {
    let mut lane = Lane::new(1, interests.scope().index());
    lookup(interests, Pipeline, history, "history asked", move |mut interests, _, view, steps| {
        if let Some(user) = interests.user {
            let Blend { products, earlier_products, .. } = interests.ask.lens.model.blend;
            let leave_out = interests.rules.leave_out;
            let most = if leave_out == LeaveOut::Visit { usize::MAX } else { VISIT };
            let names = &vocabulary.borrow().products;
            let mut latest = Latest::new(most, earlier_products.into());
            view.until(user, |moment, _| latest.go_on(moment, names));
            let visit = latest.finish(names);
            if !visit.is_empty() {
                let of = |current: bool, most: u16| {
                    let visited = visit.iter().filter(move |visited| visited.current == current);
                    let visited = visited.take(most.into()).map(|visited| visited.product);
                    visited.map(|product| names.text(product).to_string()).collect()
                };
                interests.visit = of(true, products);
                interests.earlier = of(false, earlier_products);
                interests.left_out += match leave_out {
                    LeaveOut::None => 0,
                    LeaveOut::Current => 1,
                    LeaveOut::Visit => visit.len(),
                };
                let part = Part::Visit(visit);
                steps.push(Step::Part(lane.sent(&interests.ask, part, &vocabulary)));
            }
        }
        steps.push(Step::Next(interests));
    })
}

/// How many products of a visit are looked at, unless all are to be left out: more are a bot's.
const VISIT: usize = 200;

/// The products of the latest visit, newest first, and some from before, as moments are read.
struct Latest {
    visit: Vec<Visited>,
    /// How many there may be.
    most: usize,
    /// How many may be from before the visit.
    earlier: usize,
    /// Whether what is read still belongs to the visit.
    current: bool,
    /// When the last moment was, and the products of that time.
    at: Option<u64>,
    products: Vec<u32>,
}

impl Latest {
    fn new(most: usize, earlier: usize) -> Latest {
        Latest { visit: Vec::new(), most, earlier, current: true, at: None, products: Vec::new() }
    }

    /// Takes the next moment, which is no newer than the last.
    fn go_on(&mut self, moment: &Moment, names: &Names) -> ControlFlow<()> {
        let Reverse(time) = moment.time;
        if self.at != Some(time) {
            self.enter(names);
            if self.current && self.at.is_some_and(|at| time + WINDOW < at) {
                self.current = false;
                self.most = self.most.min(self.visit.len() + self.earlier);
            }
            if self.most <= self.visit.len() {
                return ControlFlow::Break(());
            }
            self.at = Some(time);
        }
        self.products.push(moment.product);
        ControlFlow::Continue(())
    }

    /// What is of one time is entered by name, as ids differ by worker.
    fn enter(&mut self, names: &Names) {
        self.products.sort_by_key(|&product| names.text(product));
        for product in self.products.drain(..) {
            let is_new = self.visit.iter().all(|visited| visited.product != product);
            if is_new && self.visit.len() < self.most {
                self.visit.push(Visited { product, current: self.current });
            }
        }
    }

    fn finish(mut self, names: &Names) -> Vec<Visited> {
        self.enter(names);
        self.visit
    }
}
