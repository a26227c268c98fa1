//! The second step, at the owners of products and tags: what goes with what, and what is popular.

use super::parts::Sender;
use super::{Best, Part, Popular, Row, Sent};
use crate::Time;
use crate::block::stable_hash;
use crate::kept::{AsOf, Found, Kept};
use crate::lookup::Lookup;
use crate::model::Lens;
use crate::names::{Names, SharedVocabulary};
use crate::pairs::Partner;
use crate::popularity::{OVERALL_ID, OnDay};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// A way on from a question, to an owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lead {
    to: usize,
    origin: usize,
    id: u64,
    lens: Lens,
    /// How many popular products of each tag are wanted, and how many partners of each product.
    n: usize,
    partners: usize,
    /// Products, each with its place in the visit, or else in what was before.
    pub(super) rows: Vec<(String, usize, bool)>,
    /// Tags, or all products, and their shares.
    pub(super) popular: Vec<(Option<String>, f64)>,
}

impl Lead {
    pub(super) fn new(to: usize, lens: Lens, n: usize, partners: usize) -> Lead {
        let (rows, popular) = (Vec::new(), Vec::new());
        Lead { to, origin: 0, id: 0, lens, n, partners, rows, popular }
    }

    /// The lead, as one of a question.
    pub(super) fn of(self, origin: usize, id: u64) -> Lead {
        Lead { origin, id, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.popular.is_empty()
    }
}

/// A view with what is kept of it between questions.
type KeptLookup<V> = (Lookup<V>, Rc<RefCell<Kept<V>>>);

/// What is known at a worker of its products and tags, with what is kept of both between questions.
pub(super) struct Products {
    pub(super) partners: Option<KeptLookup<Partner>>,
    pub(super) popularity: Option<KeptLookup<OnDay>>,
    pub(super) vocabulary: SharedVocabulary,
}

/// A part for each lead.
pub(super) fn products<'scope>(
    leads: Stream<'scope, Time, Vec<Lead>>,
    mut products: Products,
) -> Stream<'scope, Time, Vec<Sent>> {
    let mut sender = Sender::new(leads.scope().index());
    leads.unary_frontier::<CapacityContainerBuilder<Vec<Sent>>, _, _, _>(
        Exchange::new(|lead: &Lead| lead.to as u64),
        "products asked",
        move |_, _| {
            move |(leads, asked), output| {
                let oldest = asked.frontier().first().copied();
                leads.for_each(|capability, leads| {
                    let time = *capability.least().expect("data has a time");
                    let as_of = AsOf { time, oldest: oldest.unwrap_or(time).min(time) };
                    let mut session = output.session(&capability);
                    for lead in leads.drain(..) {
                        let question = (lead.origin, lead.id, 0);
                        let part = products.answer(lead, as_of);
                        let names = &products.vocabulary.borrow().products;
                        session.give(sender.send(question, part, names));
                    }
                });
                if let Some((partners, _)) = &mut products.partners {
                    partners.release(asked.frontier());
                }
                if let Some((popularity, _)) = &mut products.popularity {
                    popularity.release(asked.frontier());
                }
            }
        },
    )
}

impl Products {
    fn answer(&mut self, lead: Lead, as_of: AsOf) -> Part {
        let rows = self.rows(&lead, as_of);
        Part::Products(rows, self.popular(lead, as_of))
    }

    fn rows(&mut self, lead: &Lead, as_of: AsOf) -> Vec<Row> {
        let Some((view, kept)) = &mut self.partners else { return Vec::new() };
        let (names, kept) = (&self.vocabulary.borrow().products, &mut kept.borrow_mut());
        let mut rows = Vec::with_capacity(lead.rows.len());
        for (product, place, current) in &lead.rows {
            let Some(product) = names.id(product) else { continue };
            let wanted = (&lead.lens, lead.partners, as_of);
            let Found { mass, best } = kept.best(product, wanted, view.batches(), by_hash(names));
            if !best.is_empty() {
                let partners = Best::first(lead.partners, best);
                rows.push(Row { product, place: *place, current: *current, mass, partners });
            }
        }
        rows
    }

    fn popular(&mut self, lead: Lead, as_of: AsOf) -> Vec<Popular> {
        let Some((view, kept)) = &mut self.popularity else { return Vec::new() };
        let (vocabulary, kept) = (&self.vocabulary.borrow(), &mut kept.borrow_mut());
        let Lead { popular, lens, n, .. } = lead;
        let mut found = Vec::with_capacity(popular.len());
        for (tag, share) in popular {
            let Some(key) = tag.as_ref().map_or(Some(OVERALL_ID), |tag| vocabulary.tags.id(tag))
            else {
                continue;
            };
            let tie = by_hash(&vocabulary.products);
            let Found { mass, best } = kept.best(key, (&lens, n, as_of), view.batches(), tie);
            if !best.is_empty() {
                let products = Best::first(n, best);
                found.push(Popular { tag, share, mass, products });
            }
        }
        found
    }
}

/// What decides between products of one worth: ids differ from worker to worker.
fn by_hash(names: &Names) -> impl Fn(u32) -> u64 {
    |product| stable_hash(names.text(product).as_bytes())
}
