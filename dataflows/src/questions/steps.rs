//! The third step, at the owners of products again: reads the rows of what goes best with the product of the moment. Two
//! products that a shop has not seen together yet may both have been seen with a third.

use super::lists::{List, ListScale, Lists, OwnLists, OwnRequests};
use super::parts::{AnswerPart, PartSender, RoutedPart};
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::{owner, stable_hash};
use crate::ranking::evidence::{PairRow, StepRow};
use crate::ranking::top_k_cache::{ReadTime, TopProducts, Wanted};
use crate::score::mixture::{BINS, DOUBT, PAIR_SUMS};
use crate::time::Time;
use crate::views::pairs::partner::Partner;
use columns::Texts;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// The most partners of the product of the moment whose rows are read.
const STEPS: usize = 20;

/// A request to one owner, for rows of partners of the product of the moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StepRequest {
    to: usize,
    origin: usize,
    id: u64,
    by: ListScale,
    /// The number of partners to fetch of each, by minutes.
    partners: usize,
    /// The names of the partners.
    products: Texts,
    /// By partner, its share of the row that it is from.
    shares: Vec<f64>,
    /// The product that the question is about.
    asked: Option<String>,
}

/// Requests the rows of the best of a row's partners from their owners, ties by name.
pub(super) fn step_requests(
    (origin, id): (usize, u64),
    (by, partners, asked): (ListScale, usize, &Option<String>),
    row: &PairRow,
    names: &Dictionary,
    peers: usize,
) -> Vec<StepRequest> {
    let mass = DOUBT + row.mass[..BINS].iter().sum::<f64>();
    let share = |sums: &[f64; PAIR_SUMS]| sums[..BINS].iter().sum::<f64>() / mass;
    let mut near: Vec<(f64, u32)> =
        row.partners.iter().map(|partner| (share(&partner.sums), partner.product)).collect();
    let order = |one: &(f64, u32), other: &(f64, u32)| {
        other.0.total_cmp(&one.0).then_with(|| names.text(one.1).cmp(names.text(other.1)))
    };
    if STEPS < near.len() {
        near.select_nth_unstable_by(STEPS, order);
        near.truncate(STEPS);
    }
    let new = |to| {
        let (products, shares) = Default::default();
        StepRequest { to, origin, id, by, partners, products, shares, asked: asked.clone() }
    };
    let mut requests: Vec<StepRequest> = (0..peers).map(new).collect();
    for (share, product) in near {
        let name = names.text(product);
        let request = &mut requests[owner(name, peers)];
        request.products.push(name);
        request.shares.push(share);
    }
    requests.retain(|request| !request.products.is_empty());
    requests
}

/// The pairs of a worker's products, with the cache of the best.
pub(super) struct StepViews {
    pub(super) partners: Lists<Partner, PAIR_SUMS>,
    pub(super) dictionaries: SharedDictionaries,
    /// Where the step says which is the earliest time that it may still read the cache as of.
    pub(super) read_from: Rc<Cell<Time>>,
}

/// Answers each request with one part.
pub(super) fn steps<'scope>(
    requests: Stream<'scope, Time, Vec<StepRequest>>,
    mut views: StepViews,
) -> Stream<'scope, Time, Vec<RoutedPart>> {
    let scope = requests.scope();
    let mut sender = PartSender::new(scope.index());
    requests.unary_frontier::<CapacityContainerBuilder<Vec<RoutedPart>>, _, _, _>(
        Exchange::new(|request: &StepRequest| request.to as u64),
        "read steps",
        move |_, info| {
            let mut own = OwnRequests::new(scope.activator_for(info.address));
            move |(requests, frontier), output| {
                let oldest = frontier.frontier().first().copied();
                requests.for_each(|capability, requests| {
                    let time = *capability.least().expect("data has a time");
                    let oldest = oldest.unwrap_or(time).min(time);
                    let mut session = output.session(&capability);
                    for request in requests.drain(..) {
                        if request.by.is_own {
                            let capability = capability.retain_least(0).expect("data has a time");
                            own.push(capability, views.begin(request, time));
                            continue;
                        }
                        let question = (request.origin, request.id, 0);
                        let rows = views.rows(&request, ReadTime { time, oldest });
                        let names = &views.dictionaries.borrow().products;
                        session.give(sender.send(question, AnswerPart::Steps(rows), names));
                    }
                });
                let names = &views.dictionaries.borrow().products;
                let read = own.step(|steps: &mut OwnSteps, most| steps.read(most, names));
                if let Some((capability, OwnSteps { request, keys, lists })) = read {
                    let question = (request.origin, request.id, 0);
                    let rows = AnswerPart::Steps(step_rows(&keys, lists.read()));
                    output.session(&capability).give(sender.send(question, rows, names));
                }
                views.read_from.set(oldest.unwrap_or(Time::MAX));
                views.partners.release(frontier.frontier());
            }
        },
    )
}

/// A row of a partner, and the partner's share of the row that it is from.
type StepKey = (u32, f64);

/// What is read by weights of a question's own.
struct OwnSteps {
    request: StepRequest,
    keys: Vec<StepKey>,
    lists: OwnLists<Partner, PAIR_SUMS>,
}

impl OwnSteps {
    /// Reads so many values at most. Returns true once there is nothing left.
    fn read(&mut self, mut left: usize, names: &Dictionary) -> bool {
        self.lists.step(&mut left, tie_breaker(names))
    }
}

impl StepRequest {
    fn keys(&self, names: &Dictionary) -> Vec<StepKey> {
        let key = |(name, &share): (&str, &f64)| Some((names.id(name)?, share));
        self.products.iter().zip(&self.shares).filter_map(key).collect()
    }

    fn wanted(&self) -> Wanted {
        Wanted([self.partners, 0])
    }
}

impl StepViews {
    fn rows(&mut self, request: &StepRequest, at: ReadTime) -> Vec<StepRow> {
        let names = &self.dictionaries.borrow().products;
        let asked = request.asked.as_ref().and_then(|asked| names.id(asked));
        let keys = request.keys(names);
        let lists = keys.iter().map(|&(product, _)| {
            let top = (request.by.scale, request.wanted(), at);
            self.partners.best((product, asked), top, tie_breaker(names))
        });
        step_rows(&keys, lists)
    }

    /// Begins to answer a request by weights of its own.
    fn begin(&mut self, request: StepRequest, time: Time) -> OwnSteps {
        let names = &self.dictionaries.borrow().products;
        let asked = request.asked.as_ref().and_then(|asked| names.id(asked));
        let keys = request.keys(names);
        let wanted = keys.iter().map(|&(product, _)| (product, request.wanted()));
        let lists = self.partners.own(wanted, asked, request.by.scale, time);
        OwnSteps { request, keys, lists }
    }
}

fn step_rows(keys: &[StepKey], lists: impl Iterator<Item = List<PAIR_SUMS>>) -> Vec<StepRow> {
    let rows = keys.iter().zip(lists).map(|(&(product, share), (top, asked))| {
        let TopProducts { mass, best: partners } = top;
        let mass = mass[..BINS].iter().sum();
        StepRow { product, share, mass, partners, asked }
    });
    rows.collect()
}

/// Orders products of equal score by the hash of their names: ids differ from worker to worker.
pub(super) fn tie_breaker(names: &Dictionary) -> impl Fn(u32) -> u64 {
    |product| stable_hash(names.text(product).as_bytes())
}
