//! The second step, at the owners of products and tags: reads pairs and popular products as
//! evidence.

use super::parts::{AnswerPart, PartSender, RoutedPart};
use super::views::SharedCache;
use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::stable_hash;
use crate::ranking::evidence::{Best, PairRow, PopularProducts};
use crate::ranking::top_k_cache::{ReadTime, TopProducts};
use crate::score::model::ModelAt;
use crate::time::Time;
use crate::views::pairs::partner::Partner;
use crate::views::popularity::{OVERALL_ID, ProductDay};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// A request to one owner, for all evidence that it has for a ranking.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EvidenceRequest {
    to: usize,
    origin: usize,
    id: u64,
    model_at: ModelAt,
    /// The number of popular products to fetch of each tag.
    n: usize,
    /// The number of partners to fetch of each product.
    partners: usize,
    /// Products, each with its place in the visit (`true`), or among the products before it
    /// (`false`).
    pub(super) rows: Vec<(String, usize, bool)>,
    /// Tags with their shares; `None` means overall.
    pub(super) popular: Vec<(Option<String>, f64)>,
}

impl EvidenceRequest {
    pub(super) fn new(to: usize, model_at: ModelAt, n: usize, partners: usize) -> EvidenceRequest {
        let (rows, popular) = (Vec::new(), Vec::new());
        EvidenceRequest { to, origin: 0, id: 0, model_at, n, partners, rows, popular }
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
    pub(super) partners: (Lookup<Partner>, SharedCache<Partner>),
    pub(super) popularity: (Lookup<ProductDay>, SharedCache<ProductDay>),
    pub(super) dictionaries: SharedDictionaries,
}

/// Answers each request with one part.
pub(super) fn products<'scope>(
    requests: Stream<'scope, Time, Vec<EvidenceRequest>>,
    mut products: ProductViews,
) -> Stream<'scope, Time, Vec<RoutedPart>> {
    let mut sender = PartSender::new(requests.scope().index());
    requests.unary_frontier::<CapacityContainerBuilder<Vec<RoutedPart>>, _, _, _>(
        Exchange::new(|request: &EvidenceRequest| request.to as u64),
        "read evidence",
        move |_, _| {
            move |(requests, frontier), output| {
                let oldest = frontier.frontier().first().copied();
                requests.for_each(|capability, requests| {
                    let time = *capability.least().expect("data has a time");
                    let at = ReadTime { time, oldest: oldest.unwrap_or(time).min(time) };
                    let mut session = output.session(&capability);
                    for request in requests.drain(..) {
                        let question = (request.origin, request.id, 0);
                        let part = products.answer(request, at);
                        let names = &products.dictionaries.borrow().products;
                        session.give(sender.send(question, part, names));
                    }
                });
                products.partners.0.release(frontier.frontier());
                products.popularity.0.release(frontier.frontier());
            }
        },
    )
}

impl ProductViews {
    fn answer(&mut self, request: EvidenceRequest, at: ReadTime) -> AnswerPart {
        let rows = self.rows(&request, at);
        AnswerPart::Products(rows, self.popular(request, at))
    }

    fn rows(&mut self, request: &EvidenceRequest, at: ReadTime) -> Vec<PairRow> {
        let (view, cache) = &mut self.partners;
        let (names, cache) = (&self.dictionaries.borrow().products, &mut cache.borrow_mut());
        let mut rows = Vec::with_capacity(request.rows.len());
        for (product, place, current) in &request.rows {
            let Some(product) = names.id(product) else { continue };
            let top = (&request.model_at, request.partners, at);
            let TopProducts { mass, best } =
                cache.best(product, top, view.batches(), tie_breaker(names));
            if !best.is_empty() {
                let partners = Best::first(request.partners, best);
                rows.push(PairRow { product, place: *place, current: *current, mass, partners });
            }
        }
        rows
    }

    fn popular(&mut self, request: EvidenceRequest, at: ReadTime) -> Vec<PopularProducts> {
        let (view, cache) = &mut self.popularity;
        let (dictionaries, cache) = (&self.dictionaries.borrow(), &mut cache.borrow_mut());
        let EvidenceRequest { popular, model_at, n, .. } = request;
        let mut lists = Vec::with_capacity(popular.len());
        for (tag, share) in popular {
            let Some(key) = tag.as_ref().map_or(Some(OVERALL_ID), |tag| dictionaries.tags.id(tag))
            else {
                continue;
            };
            let ties = tie_breaker(&dictionaries.products);
            let TopProducts { mass, best } =
                cache.best(key, (&model_at, n, at), view.batches(), ties);
            if !best.is_empty() {
                let products = Best::first(n, best);
                lists.push(PopularProducts { tag, share, mass, products });
            }
        }
        lists
    }
}

/// Orders products of equal score by the hash of their names: ids differ from worker to worker.
fn tie_breaker(names: &Dictionary) -> impl Fn(u32) -> u64 {
    |product| stable_hash(names.text(product).as_bytes())
}
