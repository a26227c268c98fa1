//! Questions as a dataflow: each goes to the owners of what it asks for, their parts come back to
//! its origin, and the closing of its epoch says that all are in.

use crate::Time;
use crate::block::stable_hash;
use crate::catalogue::{Catalogue, Product};
use crate::counts::Counts;
use crate::lookup::lookup;
use crate::names::SharedVocabulary;
use crate::positions::PositionSpine;
use crate::recent::{OwnedEvent, Recent};
use crate::recommend::{OVERALL_SHARE, Popular, TAGS};
use crate::views::View;
use crate::weights::{Score, Weights};
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::core::{Concat, Filter};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A user's profile; `place` tells several of one question apart.
    Profile {
        /// Its place among the users asked for.
        place: usize,
        /// The user.
        user: String,
    },
    /// When a user was active.
    Activity {
        /// The user.
        user: String,
    },
    /// What to show to a user.
    Recommend {
        /// The user.
        user: String,
        /// How many products.
        n: usize,
    },
    /// The most popular products of a tag, or overall.
    Trending {
        /// The tag; none is overall.
        tag: Option<String>,
        /// How many products.
        n: usize,
    },
    /// The latest events.
    Recent {
        /// How many at most.
        limit: usize,
    },
    /// The next offset of a partition, named `topic/index`.
    Position {
        /// Its place among the partitions asked for.
        place: usize,
        /// The partition.
        partition: String,
    },
}

/// A question under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The worker that asks.
    pub origin: usize,
    /// The question's number there.
    pub id: u64,
    /// The weights as of the question's time; stamped at the door.
    pub weights: Weights,
    /// What is asked.
    pub what: What,
}

/// What an owner found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// A profile, highest first, ties by tag.
    Profile(usize, Vec<(String, Score)>),
    /// The last minute in which a user was active, and the totals by kind.
    Activity(u32, [i64; 3]),
    /// What the user has bought.
    Bought(Vec<String>),
    /// What is popular.
    Popular(Popular),
    /// Events, newest first.
    Recent(Vec<OwnedEvent>),
    /// The next offset of a partition.
    Position(usize, i64),
    /// What the catalogue says of a product.
    Product(String, Product),
}

/// A part on its way to its question's origin: worker, question, part.
type Sent = (usize, u64, Part);

/// Asks for the most popular products of a tag at its owner, or overall at one worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct PopularAsk {
    to: u64,
    origin: usize,
    id: u64,
    weights: Weights,
    tag: Option<String>,
    share: f64,
    n: usize,
}

/// A recommendation between the profile and what has been bought.
#[derive(Clone)]
struct Interests {
    ask: Ask,
    n: usize,
    user: u32,
    tags: Vec<(String, Score)>,
}

/// What a step sends on.
#[derive(Clone)]
enum Step<N> {
    Part(Sent),
    Next(N),
}

/// What questions are answered from.
pub struct Views<'scope> {
    /// User to tag.
    pub profile: View<'scope, u32>,
    /// User to product, if kept.
    pub bought: Option<View<'scope, u32>>,
    /// User to minute, if kept.
    pub activity: Option<View<'scope, Reverse<u32>>>,
    /// Tag to product, if kept.
    pub popularity: Option<View<'scope, u32>>,
    /// Partition to next offset.
    pub positions: Arranged<'scope, TraceAgent<PositionSpine>>,
    /// Product to row.
    pub catalogue: Catalogue<'scope>,
    /// The latest events here.
    pub recent: Rc<RefCell<Recent>>,
}

/// All parts of a question, once its epoch has closed.
pub type Gathered = (u64, Time, Vec<Part>);

/// Answers questions: at the origin, the number, the time and all parts of each.
pub fn questions<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    weights: Stream<'scope, Time, Vec<(Time, Weights)>>,
    views: Views<'scope>,
    vocabulary: &SharedVocabulary,
) -> Stream<'scope, Time, Vec<Gathered>> {
    let peers = asks.scope().peers();
    let asks = stamp(asks, weights);
    let mut parts = vec![recent_parts(asks.clone(), &views, peers)];
    parts.push(position_parts(asks.clone(), views.positions, vocabulary.clone()));
    if let Some(activity) = views.activity {
        parts.push(activity_parts(asks.clone(), activity, vocabulary.clone()));
    }
    let (profiles, interests) =
        split(profile_steps(asks.clone(), views.profile, vocabulary.clone()));
    parts.push(profiles);
    let (bought, popular) = split(bought_steps(interests, views.bought, vocabulary.clone(), peers));
    parts.push(bought);
    if let Some(popularity) = views.popularity {
        let popular = popular.concat(trending_asks(asks, peers));
        parts.push(popular_parts(popular, popularity, vocabulary.clone()));
    }
    let parts = parts.into_iter().reduce(Concat::concat).expect("there are parts");
    describe(gather(parts), views.catalogue, vocabulary.clone())
}

/// Stamps questions with the weights as of their time.
fn stamp<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    weights: Stream<'scope, Time, Vec<(Time, Weights)>>,
) -> Stream<'scope, Time, Vec<Ask>> {
    asks.binary_frontier::<_, CapacityContainerBuilder<Vec<Ask>>, _, _, _, _>(
        weights,
        Pipeline,
        Pipeline,
        "stamp",
        |_, _| {
            let mut versions: BTreeMap<Time, Weights> = BTreeMap::new();
            let mut waiting = Vec::new();
            move |(asks, _), (weights, known), output| {
                weights.for_each(|_, weights| versions.extend(weights.drain(..)));
                asks.for_each(|capability, asks| {
                    let capability = capability.retain_least(0).expect("data has a time");
                    waiting.push((capability, std::mem::take(asks)));
                });
                waiting.retain_mut(|(capability, asks)| {
                    if known.less_equal(capability.time()) {
                        return true;
                    }
                    let now = versions.range(..=*capability.time()).next_back();
                    let now = now.map_or_else(Weights::default, |(_, weights)| *weights);
                    output.session(capability).give_iterator(asks.drain(..).map(|mut ask| {
                        ask.weights = now;
                        ask
                    }));
                    false
                });
            }
        },
    )
}

/// To the owner of the user that is asked about.
fn by_user(ask: &Ask) -> u64 {
    match &ask.what {
        What::Profile { user, .. } | What::Activity { user } | What::Recommend { user, .. } => {
            stable_hash(user.as_bytes())
        }
        _ => 0,
    }
}

fn profile_steps<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    profile: View<'scope, u32>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Step<Interests>>> {
    let asks = asks.filter(|ask| matches!(ask.what, What::Profile { .. } | What::Recommend { .. }));
    lookup(asks, Exchange::new(by_user), profile, "profiles asked", move |ask, _, show, steps| {
        let vocabulary = vocabulary.borrow();
        let (What::Profile { user, .. } | What::Recommend { user, .. }) = &ask.what else { return };
        let user = vocabulary.users.id(user);
        let mut tags = Vec::new();
        if let Some(user) = user {
            show(user, &mut |&tag, counts: &Counts| {
                let score = ask.weights.score(*counts);
                if score != Score(0) {
                    tags.push((vocabulary.tags.text(tag).to_string(), score));
                }
            });
        }
        highest_first(&mut tags);
        steps.push(match ask.what {
            What::Recommend { n, .. } => {
                tags.truncate(TAGS);
                Step::Next(Interests { n, user: user.unwrap_or(u32::MAX), tags, ask })
            }
            What::Profile { place, .. } => {
                Step::Part((ask.origin, ask.id, Part::Profile(place, tags)))
            }
            _ => return,
        });
    })
}

fn highest_first(scores: &mut [(String, Score)]) {
    scores.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
}

fn bought_steps<'scope>(
    interests: Stream<'scope, Time, Vec<Interests>>,
    bought: Option<View<'scope, u32>>,
    vocabulary: SharedVocabulary,
    peers: usize,
) -> Stream<'scope, Time, Vec<Step<PopularAsk>>> {
    let Some(bought) = bought else {
        return interests.flat_map(move |interests| {
            popular_asks(&interests, 0, peers).map(Step::Next).collect::<Vec<_>>()
        });
    };
    lookup(interests, Pipeline, bought, "bought asked", move |interests, _, show, steps| {
        let vocabulary = vocabulary.borrow();
        let mut products = Vec::new();
        show(interests.user, &mut |&product, _: &Counts| {
            products.push(vocabulary.products.text(product).to_string());
        });
        steps.extend(popular_asks(&interests, products.len(), peers).map(Step::Next));
        let Interests { ask, .. } = interests;
        steps.push(Step::Part((ask.origin, ask.id, Part::Bought(products))));
    })
}

/// What a recommendation asks of the owners of its tags, and of everyone overall.
fn popular_asks(
    interests: &Interests,
    bought: usize,
    peers: usize,
) -> impl Iterator<Item = PopularAsk> + '_ {
    let total: f64 = interests.tags.iter().map(|(_, score)| score.to_f64().max(0.0)).sum();
    let Ask { origin, id, weights, .. } = interests.ask;
    // What has been bought is left out at the origin, so that many more may be needed.
    let n = interests.n.saturating_add(bought);
    let tags = interests.tags.iter().filter(|(_, score)| score.0 > 0);
    let tags = tags.map(move |(tag, score)| PopularAsk {
        to: stable_hash(tag.as_bytes()),
        origin,
        id,
        weights,
        tag: Some(tag.clone()),
        share: score.to_f64() / total,
        n,
    });
    tags.chain(overall(
        PopularAsk { to: 0, origin, id, weights, tag: None, share: OVERALL_SHARE, n },
        peers,
    ))
}

fn overall(ask: PopularAsk, peers: usize) -> impl Iterator<Item = PopularAsk> {
    (0..peers as u64).map(move |to| PopularAsk { to, ..ask.clone() })
}

fn trending_asks<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    peers: usize,
) -> Stream<'scope, Time, Vec<PopularAsk>> {
    asks.flat_map(move |ask| {
        let Ask { origin, id, weights, what } = ask;
        let What::Trending { tag, n } = what else { return Vec::new() };
        let to = tag.as_ref().map(|tag| stable_hash(tag.as_bytes()));
        let ask = PopularAsk { to: to.unwrap_or(0), origin, id, weights, tag, share: 1.0, n };
        if to.is_some() { vec![ask] } else { overall(ask, peers).collect() }
    })
}

fn popular_parts<'scope>(
    asks: Stream<'scope, Time, Vec<PopularAsk>>,
    popularity: View<'scope, u32>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let route = Exchange::new(|ask: &PopularAsk| ask.to);
    lookup(asks, route, popularity, "popularity asked", move |ask, _, show, parts| {
        let vocabulary = vocabulary.borrow();
        let tag = ask.tag.as_deref().unwrap_or(crate::popularity::OVERALL);
        let mut products: Vec<(Reverse<Score>, u32)> = Vec::new();
        if let Some(tag) = vocabulary.tags.id(tag) {
            show(tag, &mut |&product, counts: &Counts| {
                products.push((Reverse(ask.weights.score(*counts)), product));
            });
        }
        let order = |one: &(Reverse<Score>, u32), other: &(Reverse<Score>, u32)| {
            let text = |id| vocabulary.products.text(id);
            one.0.cmp(&other.0).then_with(|| text(one.1).cmp(text(other.1)))
        };
        if ask.n < products.len() {
            products.select_nth_unstable_by(ask.n, order);
            products.truncate(ask.n);
        }
        products.sort_unstable_by(order);
        let products = products.into_iter().map(|(Reverse(score), product)| {
            (vocabulary.products.text(product).to_string(), score)
        });
        let popular = Popular { tag: ask.tag, share: ask.share, products: products.collect() };
        parts.push((ask.origin, ask.id, Part::Popular(popular)));
    })
}

fn activity_parts<'scope>(
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
        parts.extend(last.map(|last| (ask.origin, ask.id, Part::Activity(last, totals))));
    })
}

fn position_parts<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    positions: Arranged<'scope, TraceAgent<PositionSpine>>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let asks = asks.filter(|ask| matches!(ask.what, What::Position { .. }));
    let route = Exchange::new(|ask: &Ask| match &ask.what {
        What::Position { partition, .. } => stable_hash(partition.as_bytes()),
        _ => 0,
    });
    lookup(asks, route, positions, "positions asked", move |ask, _, show, parts| {
        let What::Position { place, partition } = &ask.what else { return };
        let mut next = 0;
        if let Some(partition) = vocabulary.borrow().partitions.id(partition) {
            show(partition, &mut |_, sum: &i64| next = *sum);
        }
        parts.push((ask.origin, ask.id, Part::Position(*place, next)));
    })
}

/// The profile's arrangement tells when the events of a time are in.
fn recent_parts<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    views: &Views<'scope>,
    peers: usize,
) -> Stream<'scope, Time, Vec<Sent>> {
    let asks = asks.flat_map(move |ask| {
        let all = if matches!(ask.what, What::Recent { .. }) { peers as u64 } else { 0 };
        (0..all).map(move |to| (to, ask.clone()))
    });
    let recent = views.recent.clone();
    let route = Exchange::new(|(to, _): &(u64, Ask)| *to);
    lookup(asks, route, views.profile.clone(), "recent asked", move |(_, ask), time, _, parts| {
        let What::Recent { limit } = ask.what else { return };
        let events = recent.borrow().newest(limit, time);
        parts.push((ask.origin, ask.id, Part::Recent(events)));
    })
}

/// Tells parts from what goes on.
fn split<'scope, N: Clone + 'static>(
    steps: Stream<'scope, Time, Vec<Step<N>>>,
) -> (Stream<'scope, Time, Vec<Sent>>, Stream<'scope, Time, Vec<N>>) {
    let parts = steps.clone().flat_map(|step| match step {
        Step::Part(part) => Some(part),
        Step::Next(_) => None,
    });
    let next = steps.flat_map(|step| match step {
        Step::Next(next) => Some(next),
        Step::Part(_) => None,
    });
    (parts, next)
}

/// Brings parts to their origins and waits for their epoch to close.
fn gather<'scope>(parts: Stream<'scope, Time, Vec<Sent>>) -> Stream<'scope, Time, Vec<Gathered>> {
    let to_origin = Exchange::new(|(origin, _, _): &Sent| *origin as u64);
    parts.unary_frontier::<CapacityContainerBuilder<Vec<Gathered>>, _, _, _>(
        to_origin,
        "gather",
        |_, _| {
            let mut open = BTreeMap::new();
            move |(parts, frontier), output| {
                parts.for_each(|capability, parts| {
                    let time = *capability.least().expect("data has a time");
                    let (_, questions) = open.entry(time).or_insert_with(|| {
                        let capability = capability.retain_least(0).expect("data has a time");
                        (capability, BTreeMap::<u64, Vec<Part>>::new())
                    });
                    for (_, id, part) in parts.drain(..) {
                        questions.entry(id).or_default().push(part);
                    }
                });
                while let Some(first) = open.first_entry() {
                    if frontier.less_equal(first.key()) {
                        break;
                    }
                    let (time, (capability, questions)) = first.remove_entry();
                    let gathered = questions.into_iter().map(|(id, parts)| (id, time, parts));
                    output.session(&capability).give_iterator(gathered);
                }
            }
        },
    )
}

/// Adds what the catalogue says of the products in the answer.
fn describe<'scope>(
    gathered: Stream<'scope, Time, Vec<Gathered>>,
    catalogue: Catalogue<'scope>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Gathered>> {
    lookup(gathered, Pipeline, catalogue, "describe", move |gathered, _, show, out| {
        let (id, time, mut parts): Gathered = gathered;
        let mut rows = BTreeMap::new();
        for part in &parts {
            let Part::Popular(popular) = part else { continue };
            for (product, _) in &popular.products {
                let Some(key) = vocabulary.borrow().products.id(product) else { continue };
                show(key, &mut |(_, row): &crate::catalogue::Entry, _: &isize| {
                    rows.insert(product.clone(), row.clone());
                });
            }
        }
        parts.extend(rows.into_iter().map(|(product, row)| Part::Product(product, row)));
        out.push((id, time, parts));
    })
}
