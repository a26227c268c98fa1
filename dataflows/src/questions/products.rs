//! The second step, at the owners of products and tags: reads pairs and popular products as
//! evidence.

use super::lists::{List, ListScale, Lists, OwnLists, OwnRequests};
use super::parts::{AnswerPart, PartSender, RoutedPart};
use super::steps::{StepRequest, step_requests, tie_breaker};
use crate::ids::dictionary::{Dictionaries, Dictionary, SharedDictionaries};
use crate::ranking::evidence::{PairRow, PopularProducts};
use crate::ranking::top_k_cache::{ReadTime, Wanted};
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
    let activator = scope.activator_for(builder.operator_info().address);
    let by_owner = Exchange::new(|request: &EvidenceRequest| request.to as u64);
    let mut requests = builder.new_input(requests, by_owner);
    let (parts, part_stream) = builder.new_output();
    let (steps, step_stream) = builder.new_output();
    let mut parts = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(parts);
    let mut steps = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(steps);
    let mut own = OwnRequests::new(activator);
    builder.build(move |_| {
        move |frontiers| {
            let oldest = frontiers[0].frontier().first().copied();
            let (mut parts, mut steps) = (parts.activate(), steps.activate());
            requests.for_each(|capability, requests| {
                let retain = |output| capability.retain_least(output).expect("data has a time");
                let time = *capability.least().expect("data has a time");
                let at = ReadTime { time, oldest: oldest.unwrap_or(time).min(time) };
                let (mut parts, mut steps) =
                    (parts.session(&capability), steps.session(&capability));
                for request in requests.drain(..) {
                    if request.by.is_own {
                        own.push((retain(0), retain(1)), products.begin(request, time));
                        continue;
                    }
                    let question = (request.origin, request.id, 0);
                    let (part, further) = products.answer(request, at, peers);
                    steps.give_iterator(further.into_iter());
                    let names = &products.dictionaries.borrow().products;
                    parts.give(sender.send(question, part, names));
                }
            });
            let names = &products.dictionaries.borrow().products;
            let read = own.step(|evidence: &mut OwnEvidence, most| evidence.read(most, names));
            if let Some(((for_parts, for_steps), evidence)) = read {
                let question = (evidence.request.origin, evidence.request.id, 0);
                let (part, further) = evidence.finish(names, peers);
                steps.session(&for_steps).give_iterator(further.into_iter());
                parts.session(&for_parts).give(sender.send(question, part, names));
            }
            products.partners.release(frontiers[0].frontier());
            products.popularity.release(frontiers[0].frontier());
        }
    });
    (part_stream, step_stream)
}

/// What is read for a request, by ids.
struct Keys {
    /// The product that the question is about.
    asked: Option<u32>,
    rows: Vec<RowKey>,
    popular: Vec<PopularKey>,
}

/// A row of pairs, of a product at a place in the visit, or before it.
struct RowKey {
    product: u32,
    place: usize,
    current: bool,
    wanted: Wanted,
}

/// A list of what is popular, in a tag or overall.
struct PopularKey {
    key: u32,
    tag: Option<String>,
    wanted: Wanted,
}

/// What is read by weights of a question's own.
struct OwnEvidence {
    request: EvidenceRequest,
    keys: Keys,
    partners: OwnLists<Partner, PAIR_SUMS>,
    popularity: OwnLists<ProductDay, 2>,
}

impl ProductViews {
    fn answer(
        &mut self,
        mut request: EvidenceRequest,
        at: ReadTime,
        peers: usize,
    ) -> (AnswerPart, Vec<StepRequest>) {
        let ProductViews { partners, popularity, dictionaries, read_from } = self;
        let dictionaries = &dictionaries.borrow();
        let names = &dictionaries.products;
        let (keys, scale) = (Keys::of(&mut request, dictionaries), request.by.scale);
        let of_pairs = ReadTime { oldest: read_from.get().min(at.oldest), ..at };
        let rows = keys.rows.into_iter().map(|key| {
            let (of, top) = ((key.product, keys.asked), (scale, key.wanted, of_pairs));
            key.row(partners.best(of, top, tie_breaker(names)))
        });
        let popular = keys.popular.into_iter().map(|key| {
            let (of, top) = ((key.key, keys.asked), (scale, key.wanted, at));
            key.products(popularity.best(of, top, tie_breaker(names)))
        });
        evidence(&request, rows, popular, (names, peers))
    }

    /// Begins to answer a request by weights of its own.
    fn begin(&mut self, mut request: EvidenceRequest, time: Time) -> OwnEvidence {
        let keys = Keys::of(&mut request, &self.dictionaries.borrow());
        let (asked, scale) = (keys.asked, request.by.scale);
        let rows = keys.rows.iter().map(|row| (row.product, row.wanted));
        let partners = self.partners.own(rows, asked, scale, time);
        let popular = keys.popular.iter().map(|of| (of.key, of.wanted));
        let popularity = self.popularity.own(popular, asked, scale, time);
        OwnEvidence { request, keys, partners, popularity }
    }
}

impl OwnEvidence {
    /// Reads so many values at most. Returns true once there is nothing left.
    fn read(&mut self, mut left: usize, names: &Dictionary) -> bool {
        let tie = tie_breaker(names);
        self.partners.step(&mut left, &tie) && self.popularity.step(&mut left, &tie)
    }

    fn finish(self, names: &Dictionary, peers: usize) -> (AnswerPart, Vec<StepRequest>) {
        let OwnEvidence { request, keys, partners, popularity } = self;
        let rows = keys.rows.into_iter().zip(partners.read()).map(|(key, list)| key.row(list));
        let popular = keys.popular.into_iter().zip(popularity.read());
        let popular = popular.map(|(key, list)| key.products(list));
        evidence(&request, rows, popular, (names, peers))
    }
}

impl Keys {
    /// The keys of what a request names, as far as it is known. The tags are taken out of it.
    fn of(request: &mut EvidenceRequest, dictionaries: &Dictionaries) -> Keys {
        let Dictionaries { products: names, tags, .. } = dictionaries;
        let fetch = request.fetch;
        let row = |(name, &(place, current))| {
            let product = names.id(name)?;
            Some(RowKey { product, place, current, wanted: fetch.partners(place, current) })
        };
        let popular = |tag: Option<String>| {
            let (key, wanted) = match &tag {
                Some(tag) => (tags.id(tag)?, [fetch.of_tag, 0]),
                None => (OVERALL_ID, [fetch.overall; 2]),
            };
            Some(PopularKey { key, tag, wanted: Wanted(wanted) })
        };
        Keys {
            asked: request.asked.as_ref().and_then(|asked| names.id(asked)),
            rows: request.products.iter().zip(&request.rows).filter_map(row).collect(),
            popular: std::mem::take(&mut request.popular).into_iter().filter_map(popular).collect(),
        }
    }
}

impl RowKey {
    fn row(self, (top, asked): List<PAIR_SUMS>) -> PairRow {
        let RowKey { product, place, current, .. } = self;
        PairRow { product, place, current, mass: top.mass, partners: top.best, asked }
    }
}

impl PopularKey {
    fn products(self, (top, asked): List<2>) -> PopularProducts {
        let PopularKey { tag, wanted: Wanted([n, _]), .. } = self;
        PopularProducts { tag, mass: top.mass, n, products: top.best, asked }
    }
}

/// The part of an answer that was read, without what is empty, and the requests for the third step.
fn evidence(
    request: &EvidenceRequest,
    rows: impl Iterator<Item = PairRow>,
    popular: impl Iterator<Item = PopularProducts>,
    (names, peers): (&Dictionary, usize),
) -> (AnswerPart, Vec<StepRequest>) {
    let rows: Vec<PairRow> = rows.filter(|row| !row.partners.is_empty()).collect();
    let popular = popular.filter(|list| !list.products.is_empty()).collect();
    let newest = rows.iter().find(|row| row.current && row.place == 0);
    let newest = newest.filter(|row| row.partners.len() < MANY);
    let steps = newest.map(|row| {
        let question = (request.origin, request.id);
        let wanted = (request.by, request.fetch.near, &request.asked);
        step_requests(question, wanted, row, names, peers)
    });
    let steps = steps.unwrap_or_default();
    (AnswerPart::Products(rows, popular, steps.len()), steps)
}
