//! The second step, at the owners of products and tags: reads pairs and popular products as
//! evidence.

use super::parts::{AnswerPart, PartSender, RoutedPart};
use super::steps::{StepRequest, step_requests, tie_breaker};
use super::views::SharedCache;
use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::SharedDictionaries;
use crate::ranking::evidence::{PairRow, PopularProducts};
use crate::ranking::top_k_cache::{ReadTime, TopProducts, Wanted};
use crate::score::mixture::PAIR_SUMS;
use crate::score::scale::Scale;
use crate::time::Time;
use crate::views::pairs::partner::Partner;
use crate::views::popularity::{OVERALL_ID, ProductDay};
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
    scale: Scale,
    /// The number of popular products to fetch of each tag.
    n: usize,
    /// The number of partners to fetch of each product.
    partners: usize,
    /// Products, each with its place in the visit (`true`), or among the products before it
    /// (`false`).
    pub(super) rows: Vec<(String, usize, bool)>,
    /// Tags; `None` means overall.
    pub(super) popular: Vec<Option<String>>,
}

impl EvidenceRequest {
    pub(super) fn new(to: usize, scale: Scale, n: usize, partners: usize) -> EvidenceRequest {
        let (rows, popular) = (Vec::new(), Vec::new());
        EvidenceRequest { to, origin: 0, id: 0, scale, n, partners, rows, popular }
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
    pub(super) partners: (Lookup<Partner>, SharedCache<Partner, PAIR_SUMS>),
    pub(super) popularity: (Lookup<ProductDay>, SharedCache<ProductDay, 2>),
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
            products.partners.0.release(frontiers[0].frontier());
            products.popularity.0.release(frontiers[0].frontier());
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
        let steps = newest.map(|row| {
            let question = (request.origin, request.id);
            let names = &self.dictionaries.borrow().products;
            step_requests(question, (request.scale, request.partners), row, names, peers)
        });
        let steps = steps.unwrap_or_default();
        (AnswerPart::Products(rows, self.popular(request, at), steps.len()), steps)
    }

    fn rows(&mut self, request: &EvidenceRequest, at: ReadTime) -> Vec<PairRow> {
        let (view, cache) = &mut self.partners;
        let (names, cache) = (&self.dictionaries.borrow().products, &mut cache.borrow_mut());
        let mut rows = Vec::with_capacity(request.rows.len());
        for (product, place, current) in &request.rows {
            let Some(product) = names.id(product) else { continue };
            let wanted = Wanted { n: request.partners, sums: PAIR_SUMS };
            let top = (request.scale, wanted, at);
            let TopProducts { mass, best: partners } =
                cache.best(product, top, view.batches(), tie_breaker(names));
            if !partners.is_empty() {
                rows.push(PairRow { product, place: *place, current: *current, mass, partners });
            }
        }
        rows
    }

    fn popular(&mut self, request: EvidenceRequest, at: ReadTime) -> Vec<PopularProducts> {
        let (view, cache) = &mut self.popularity;
        let (dictionaries, cache) = (&self.dictionaries.borrow(), &mut cache.borrow_mut());
        let EvidenceRequest { popular, scale, n, .. } = request;
        let mut lists = Vec::with_capacity(popular.len());
        for tag in popular {
            let Some(key) = tag.as_ref().map_or(Some(OVERALL_ID), |tag| dictionaries.tags.id(tag))
            else {
                continue;
            };
            let ties = tie_breaker(&dictionaries.products);
            let wanted = Wanted { n, sums: if tag.is_some() { 1 } else { 2 } };
            let TopProducts { mass, best: products } =
                cache.best(key, (scale, wanted, at), view.batches(), ties);
            if !products.is_empty() {
                lists.push(PopularProducts { tag, mass, n, products });
            }
        }
        lists
    }
}
