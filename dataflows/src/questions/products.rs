//! Questions to the owners of products and tags: what goes with what, and what is popular.

use super::users::{Interests, Lane};
use super::{Ask, Part, Popular, Row, Sent, Step, What, Worth};
use crate::Time;
use crate::block::stable_hash;
use crate::counts::Counts;
use crate::lookup::lookup;
use crate::model::Lens;
use crate::names::SharedVocabulary;
use crate::pairs::Partner;
use crate::popularity::{OVERALL_ID, OnDay};
use crate::recommend::{Basis, PARTNERS, Plan, Rules};
use crate::views::View;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::{Concat, Filter};
use timely::dataflow::operators::vec::Map;

/// A way on from a question: to the owner of a product, of a tag, or of a part of everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lead {
    to: u64,
    origin: usize,
    id: u64,
    lens: Lens,
    after: After,
}

/// What a lead is after.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum After {
    /// What goes with a product, which has a place in the visit.
    Partners { product: String, place: usize },
    /// The most popular products of a tag, or overall.
    Popular { tag: Option<String>, share: f64, n: usize },
}

/// What every ranking needs to know, and where its parts are to be found.
pub(super) fn leads<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    interests: Stream<'scope, Time, Vec<Interests>>,
) -> Stream<'scope, Time, Vec<Step<Lead>>> {
    let peers = asks.scope().peers();
    let users = interests.flat_map(move |interests| {
        let Interests { ask, rules, tags, visit, left_out, .. } = interests;
        let to = Leads { ask: &ask, peers, n: rules.reach() + left_out };
        let total: f64 = tags.iter().map(|(_, score)| score.to_f64().max(0.0)).sum();
        let tags = tags.into_iter().filter(|(_, score)| 0 < score.0);
        let tags = tags.map(|(tag, score)| to.tag(tag, score.to_f64() / total));
        let leads = to.partners(visit).chain(tags).chain(to.overall());
        leads.map(Step::Next).collect::<Vec<_>>()
    });
    let others = asks.flat_map(move |ask| {
        let basis = basis(&ask.what);
        let plan = |(rules, basis): (Rules, Basis)| {
            let to = Leads { ask: &ask, peers, n: rules.reach() + basis.visit().len() };
            let mut leads: Vec<Lead> = match &basis {
                Basis::User => Vec::new(),
                Basis::Visit(visit) => to.partners(visit.clone()).chain(to.overall()).collect(),
                Basis::Product(product) => to.partners(vec![product.clone()]).collect(),
                Basis::Tag(tag) => vec![to.tag(tag.clone(), 1.0)],
                Basis::Everything => to.overall().collect(),
            };
            let lens = ask.lens;
            let plan = Sent::plain(&ask, Part::Plan(Plan { lens, rules, basis }));
            let mut steps: Vec<_> = leads.drain(..).map(Step::Next).collect();
            steps.push(Step::Part(plan));
            steps
        };
        basis.map(plan).unwrap_or_default()
    });
    users.concat(others)
}

/// What a ranking is to be made from, if it is one that is asked for.
fn basis(what: &What) -> Option<(Rules, Basis)> {
    Some(match what {
        What::Recommend { rules, .. } => (rules.clone(), Basis::User),
        What::Visit { products, rules } => {
            let mut visit: Vec<String> = Vec::new();
            for product in products.iter().rev() {
                if !visit.contains(product) {
                    visit.push(product.clone());
                }
            }
            (rules.clone(), Basis::Visit(visit))
        }
        What::Similar { product, rules } => (rules.clone(), Basis::Product(product.clone())),
        What::Trending { tag: Some(tag), rules } => (rules.clone(), Basis::Tag(tag.clone())),
        What::Trending { tag: None, rules } => (rules.clone(), Basis::Everything),
        _ => return None,
    })
}

/// Makes the leads of a question.
struct Leads<'a> {
    ask: &'a Ask,
    peers: usize,
    /// How many products may be needed of what is popular.
    n: usize,
}

impl Leads<'_> {
    fn lead(&self, to: u64, after: After) -> Lead {
        let Ask { origin, id, lens, .. } = *self.ask;
        Lead { to, origin, id, lens, after }
    }

    /// To the owners of the newest products.
    fn partners(&self, visit: Vec<String>) -> impl Iterator<Item = Lead> + '_ {
        let most = usize::from(self.ask.lens.model.blend.products);
        visit.into_iter().take(most).enumerate().map(|(place, product)| {
            let to = stable_hash(product.as_bytes());
            self.lead(to, After::Partners { product, place })
        })
    }

    fn tag(&self, tag: String, share: f64) -> Lead {
        let to = stable_hash(tag.as_bytes());
        self.lead(to, After::Popular { tag: Some(tag), share, n: self.n })
    }

    /// What is popular overall, everyone has a part of.
    fn overall(&self) -> impl Iterator<Item = Lead> + '_ {
        let after = After::Popular { tag: None, share: 1.0, n: self.n };
        (0..self.peers as u64).map(move |to| self.lead(to, after.clone()))
    }
}

pub(super) fn rows<'scope>(
    leads: Stream<'scope, Time, Vec<Lead>>,
    pairs: View<'scope, Partner>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let mut lane = Lane::new(2, leads.scope().index());
    let leads = leads.filter(|lead| matches!(lead.after, After::Partners { .. }));
    let route = Exchange::new(|lead: &Lead| lead.to);
    lookup(leads, route, pairs, "pairs asked", move |lead, _, show, parts| {
        let Lead { origin, id, lens, after: After::Partners { product, place }, .. } = lead else {
            return;
        };
        let Some(product) = vocabulary.borrow().products.id(&product) else { return };
        let blend = lens.model.blend;
        let mut partners: Vec<Worth> = Vec::new();
        show(product, &mut |partner, counts: &Counts| {
            let side = if partner.after { 1.0 } else { blend.before };
            let again = if partner.product == product { blend.again } else { 1.0 };
            let worth = lens.worth(*counts, partner.day) * side * again;
            let events = u32::try_from(counts.total()).unwrap_or_default();
            add(&mut partners, Worth { product: partner.product, worth, events });
        });
        partners.retain(|partner| 0.0 < partner.worth);
        let mass = partners.iter().map(|partner| partner.worth).sum();
        best(&mut partners, PARTNERS, &vocabulary);
        let row = Row { product, place, mass, partners };
        if !row.partners.is_empty() {
            parts.push(lane.to(origin, id, Part::Row(row), &vocabulary));
        }
    })
}

pub(super) fn popular<'scope>(
    leads: Stream<'scope, Time, Vec<Lead>>,
    popularity: View<'scope, OnDay>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Sent>> {
    let mut lane = Lane::new(3, leads.scope().index());
    let leads = leads.filter(|lead| matches!(lead.after, After::Popular { .. }));
    let route = Exchange::new(|lead: &Lead| lead.to);
    lookup(leads, route, popularity, "popularity asked", move |lead, _, show, parts| {
        let Lead { origin, id, lens, after: After::Popular { tag, share, n }, .. } = lead else {
            return;
        };
        let key = match &tag {
            Some(tag) => vocabulary.borrow().tags.id(tag),
            None => Some(OVERALL_ID),
        };
        let Some(key) = key else { return };
        let mut products: Vec<Worth> = Vec::new();
        show(key, &mut |&OnDay { product, day }, counts: &Counts| {
            let worth = lens.worth(*counts, day);
            let events = u32::try_from(counts.total()).unwrap_or_default();
            add(&mut products, Worth { product, worth, events });
        });
        products.retain(|product| 0.0 < product.worth);
        best(&mut products, n, &vocabulary);
        let popular = Popular { tag, share, n, products };
        if !popular.products.is_empty() {
            parts.push(lane.to(origin, id, Part::Popular(popular), &vocabulary));
        }
    })
}

/// Adds what comes in order of product: the days of one product become one.
fn add(sums: &mut Vec<Worth>, next: Worth) {
    match sums.last_mut() {
        Some(last) if last.product == next.product => {
            last.worth += next.worth;
            last.events += next.events;
        }
        _ => sums.push(next),
    }
}

/// Keeps the best, best first, ties by name: ids differ from worker to worker.
fn best(products: &mut Vec<Worth>, n: usize, vocabulary: &SharedVocabulary) {
    let names = &vocabulary.borrow().products;
    let order = |one: &Worth, other: &Worth| -> Ordering {
        let by_name = || names.text(one.product).cmp(names.text(other.product));
        other.worth.total_cmp(&one.worth).then_with(by_name)
    };
    if n == 0 {
        products.clear();
    } else if n < products.len() {
        products.select_nth_unstable_by(n - 1, order);
        products.truncate(n);
    }
    products.sort_unstable_by(order);
}
