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
use crate::recommend::{Basis, TAGS};
use crate::views::View;
use crate::weights::Score;
use std::cmp::Reverse;
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
    lookup(asks, Exchange::new(by_user), activity, "activity asked", move |ask, _, show, parts| {
        let What::Activity { user } = &ask.what else { return };
        let Some(user) = vocabulary.borrow().users.id(user) else { return };
        let (mut last, mut totals) = (None, [0; 3]);
        show(user, &mut |&Reverse(minute), counts: &Counts| {
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
    lookup(asks, Exchange::new(by_user), profile, "profiles asked", move |ask, _, show, steps| {
        let vocabulary = vocabulary.borrow();
        let user = user_of(&ask.what).and_then(|user| vocabulary.users.id(user));
        let mut tags = Vec::new();
        if let Some(user) = user {
            show(user, &mut |&tag, counts: &Counts| {
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
    lookup(interests, Pipeline, bought, "bought asked", move |mut interests, _, show, steps| {
        if let (true, Some(user)) = (interests.rules.leave_out_bought, interests.user) {
            let mut products = Vec::new();
            show(user, &mut |&product, _: &Counts| products.push(product));
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
    lookup(interests, Pipeline, history, "history asked", move |mut interests, _, show, steps| {
        if let Some(user) = interests.user {
            let Blend { products, earlier_products, .. } = interests.ask.lens.model.blend;
            let mut moments: Vec<(Reverse<u64>, u32)> = Vec::new();
            show(user, &mut |moment, _: &Counts| moments.push((moment.time, moment.product)));
            let visit =
                latest(&mut moments, earlier_products.into(), &vocabulary.borrow().products);
            if !visit.is_empty() {
                let names = &vocabulary.borrow().products;
                let of = |current: bool, most: u16| {
                    let visited = visit.iter().filter(move |visited| visited.current == current);
                    let visited = visited.take(most.into()).map(|visited| visited.product);
                    visited.map(|product| names.text(product).to_string()).collect()
                };
                interests.visit = of(true, products);
                interests.earlier = of(false, earlier_products);
                interests.left_out += visit.len();
                let part = Part::Visit(visit);
                steps.push(Step::Part(lane.sent(&interests.ask, part, &vocabulary)));
            }
        }
        steps.push(Step::Next(interests));
    })
}

/// The products of the latest visit, newest first, all of them, so that they can be left out; and
/// so many from before.
fn latest(moments: &mut [(Reverse<u64>, u32)], earlier: usize, names: &Names) -> Vec<Visited> {
    // They lie in order of time; what is of one time is by name, as ids differ by worker.
    for equals in moments.chunk_by_mut(|(one, _), (other, _)| one == other) {
        equals.sort_by_key(|(_, product)| names.text(*product));
    }
    let (mut visit, mut current, mut last) = (Vec::<Visited>::new(), true, None);
    let mut most = usize::MAX;
    for &mut (Reverse(time), product) in moments {
        if current && last.is_some_and(|last| time + WINDOW < last) {
            current = false;
            most = visit.len() + earlier;
        }
        last = Some(time);
        if most <= visit.len() {
            break;
        }
        if visit.iter().all(|visited| visited.product != product) {
            visit.push(Visited { product, current });
        }
    }
    visit
}
