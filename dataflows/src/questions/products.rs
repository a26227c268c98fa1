//! The second step, at the owners of products and tags: reads pairs and popular products as
//! evidence.

use super::lists::{ListScale, Lists};
use super::parts::{AnswerPart, PartSender, RoutedPart};
use super::steps::{StepRequest, step_requests, tie_breaker};
use crate::ids::dictionary::SharedDictionaries;
use crate::ranking::evidence::{PairRow, PopularProducts};
use crate::ranking::top_k_cache::{ReadTime, TopProducts, Wanted};
use crate::score::mixture::PAIR_SUMS;
use crate::time::Time;
use crate::views::pairs::partner::Partner;
use crate::views::popularity::{OVERALL_ID, ProductDay};
use columns::Texts;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// A request to one owner, for all evidence that it has for a ranking.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EvidenceRequest {
    to: usize,
    origin: usize,
    id: u64,
    by: ListScale,
    fetch: Fetch,
    /// The names of products.
    products: Texts,
    /// By product, its place in the visit (`true`), or among the products before it (`false`).
    rows: Vec<(usize, bool)>,
    /// Tags; `None` means overall.
    pub(super) popular: Vec<Option<String>>,
    /// The product that the question is about.
    asked: Option<String>,
}

/// How many of the best products are fetched of each list.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Fetch {
    /// Partners of the newest products of the visit, by minutes and by what followed directly.
    pub(super) near: usize,
    /// Partners of any other product, by minutes.
    pub(super) far: usize,
    /// Of a tag.
    pub(super) of_tag: usize,
    /// Overall, by each sum.
    pub(super) overall: usize,
}

/// A product that goes with so many others, among the best by minutes and by what followed, needs no help of theirs: their
/// rows are not read.
const MANY: usize = 80;

/// The places of the visit whose rows are read as near ones.
const NEAR: usize = 2;

impl Fetch {
    fn partners(self, place: usize, current: bool) -> Wanted {
        if current && place < NEAR { Wanted([self.near; 2]) } else { Wanted([self.far, 0]) }
    }
}

impl EvidenceRequest {
    pub(super) fn new(
        to: usize,
        by: ListScale,
        fetch: Fetch,
        asked: Option<String>,
    ) -> EvidenceRequest {
        let (products, rows, popular) = Default::default();
        EvidenceRequest { to, origin: 0, id: 0, by, fetch, products, rows, popular, asked }
    }

    /// Requests the row of a product, which is at a place in the visit (`true`), or before it.
    pub(super) fn add_row(&mut self, product: &str, place: usize, in_visit: bool) {
        self.products.push(product);
        self.rows.push((place, in_visit));
    }

    /// Makes it a request of the question `id` of worker `origin`.
    pub(super) fn of(self, origin: usize, id: u64) -> EvidenceRequest {
        EvidenceRequest { origin, id, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.popular.is_empty()
    }
}

/// The views of a worker's products and tags, each with the cache of its best products.
pub(super) struct ProductViews {
    pub(super) partners: Lists<Partner, PAIR_SUMS>,
    pub(super) popularity: Lists<ProductDay, 2>,
    pub(super) dictionaries: SharedDictionaries,
    /// The earliest time that the third step may still read the cache of pairs as of.
    pub(super) read_from: Rc<Cell<Time>>,
}

/// Answers each request with one part, and requests the rows of what goes best with the product of the moment.
pub(super) fn products<'scope>(
    requests: Stream<'scope, Time, Vec<EvidenceRequest>>,
    mut products: ProductViews,
) -> (Stream<'scope, Time, Vec<RoutedPart>>, Stream<'scope, Time, Vec<StepRequest>>) {
    let scope = requests.scope();
    let peers = scope.peers();
    let mut sender = PartSender::new(scope.index());
    let mut builder = OperatorBuilder::new("read evidence".into(), scope);
    let by_owner = Exchange::new(|request: &EvidenceRequest| request.to as u64);
    let mut requests = builder.new_input(requests, by_owner);
    let (parts, part_stream) = builder.new_output();
    let (steps, step_stream) = builder.new_output();
    let mut parts = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(parts);
    let mut steps = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(steps);
    builder.build(move |_| {
        move |frontiers| {
            let oldest = frontiers[0].frontier().first().copied();
            let (mut parts, mut steps) = (parts.activate(), steps.activate());
            requests.for_each(|capability, requests| {
                let time = *capability.least().expect("data has a time");
                let at = ReadTime { time, oldest: oldest.unwrap_or(time).min(time) };
                let (mut parts, mut steps) =
                    (parts.session(&capability), steps.session(&capability));
                for request in requests.drain(..) {
                    let question = (request.origin, request.id, 0);
                    let (part, further) = products.answer(request, at, peers);
                    steps.give_iterator(further.into_iter());
                    let names = &products.dictionaries.borrow().products;
                    parts.give(sender.send(question, part, names));
                }
            });
            products.partners.release(frontiers[0].frontier());
            products.popularity.release(frontiers[0].frontier());
        }
    });
    (part_stream, step_stream)
}

impl ProductViews {
    fn answer(
        &mut self,
        request: EvidenceRequest,
        at: ReadTime,
        peers: usize,
    ) -> (AnswerPart, Vec<StepRequest>) {
        let read_from = self.read_from.get().min(at.oldest);
        let rows = self.rows(&request, ReadTime { oldest: read_from, ..at });
        let newest = rows.iter().find(|row| row.current && row.place == 0);
        let newest = newest.filter(|row| row.partners.len() < MANY);
        let steps = newest.map(|row| {
            let question = (request.origin, request.id);
            let names = &self.dictionaries.borrow().products;
            let wanted = (request.by, request.fetch.near, &request.asked);
            step_requests(question, wanted, row, names, peers)
        });
        let steps = steps.unwrap_or_default();
        (AnswerPart::Products(rows, self.popular(request, at), steps.len()), steps)
    }

    fn rows(&mut self, request: &EvidenceRequest, at: ReadTime) -> Vec<PairRow> {
        let names = &self.dictionaries.borrow().products;
        let asked = request.asked.as_ref().and_then(|asked| names.id(asked));
        let mut rows = Vec::with_capacity(request.rows.len());
        for (product, &(place, current)) in request.products.iter().zip(&request.rows) {
            let Some(product) = names.id(product) else { continue };
            let wanted = request.fetch.partners(place, current);
            let top = (request.by, wanted, at);
            let (TopProducts { mass, best: partners }, asked) =
                self.partners.best((product, asked), top, tie_breaker(names));
            if !partners.is_empty() {
                rows.push(PairRow { product, place, current, mass, partners, asked });
            }
        }
        rows
    }

    fn popular(&mut self, request: EvidenceRequest, at: ReadTime) -> Vec<PopularProducts> {
        let dictionaries = &self.dictionaries.borrow();
        let EvidenceRequest { popular, by, fetch, asked, .. } = request;
        let asked = asked.and_then(|asked| dictionaries.products.id(&asked));
        let mut lists = Vec::with_capacity(popular.len());
        for tag in popular {
            let Some(key) = tag.as_ref().map_or(Some(OVERALL_ID), |tag| dictionaries.tags.id(tag))
            else {
                continue;
            };
            let ties = tie_breaker(&dictionaries.products);
            let Fetch { of_tag, overall, .. } = fetch;
            let wanted = Wanted(if tag.is_some() { [of_tag, 0] } else { [overall; 2] });
            let (TopProducts { mass, best: products }, asked) =
                self.popularity.best((key, asked), (by, wanted, at), ties);
            if !products.is_empty() {
                lists.push(PopularProducts { tag, mass, n: wanted.0[0], products, asked });
            }
        }
        lists
    }
}
