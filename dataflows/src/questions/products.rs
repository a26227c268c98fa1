//! Questions to the owners of products and tags: what goes with what, and what is popular.

use super::parts::Lane;
use super::tastes::{Interests, Taste};
use super::{Ask, Part, Popular, Row, Sent, Worth};
use crate::Time;
use crate::block::stable_hash;
use crate::counts::Counts;
use crate::lookup::lookup;
use crate::model::Lens;
use crate::names::SharedVocabulary;
use crate::pairs::Partner;
use crate::popularity::{OVERALL_ID, OnDay};
use crate::recommend::PARTNERS;
use crate::standings::{Standing, standings};
use crate::views::View;
use serde::{Deserialize, Serialize};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::Filter;
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
    /// What goes with a product, which has a place in the visit or in what was before.
    Partners { product: String, place: usize, current: bool },
    /// The most popular products of a tag, or overall.
    Popular { tag: Option<String>, share: f64, n: usize },
}

/// Where the parts of rankings are to be found.
pub(super) fn leads<'scope>(
    tastes: Stream<'scope, Time, Vec<Taste>>,
) -> Stream<'scope, Time, Vec<Lead>> {
    let peers = tastes.scope().peers() as u64;
    tastes.flat_map(move |taste| {
        let Taste { interests, tags, overall } = taste;
        let Interests { ask: Ask { origin, id, lens, .. }, rules, visit, earlier, .. } = interests;
        let n = rules.reach().saturating_add(interests.left_out);
        let lead = |to: u64, after: After| Lead { to, origin, id, lens, after };
        let by_name = |name: &str, after: After| lead(stable_hash(name.as_bytes()), after);
        let partners = |products: Vec<String>, current: bool| {
            let blend = &lens.model.blend;
            let most = if current { blend.products } else { blend.earlier_products };
            products.into_iter().take(most.into()).enumerate().map(move |(place, product)| {
                by_name(&product.clone(), After::Partners { product, place, current })
            })
        };
        let tags = tags
            .into_iter()
            .map(|(tag, share)| by_name(&tag.clone(), After::Popular { tag: Some(tag), share, n }));
        // What is popular overall, everyone has a part of.
        let everyone = if overall { peers } else { 0 };
        let overall = After::Popular { tag: None, share: 1.0, n };
        let overall = (0..everyone).map(|to| lead(to, overall.clone()));
        let leads = partners(visit, true).chain(partners(earlier, false)).chain(tags);
        leads.chain(overall).collect::<Vec<_>>()
    })
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
        let Lead { origin, id, lens, after, .. } = lead;
        let After::Partners { product, place, current } = after else { return };
        let Some(product) = vocabulary.borrow().products.id(&product) else { return };
        let blend = lens.model.blend;
        let mut partners: Vec<Worth> = Vec::new();
        show(product, &mut |partner, counts: &Counts| {
            let side = if partner.after { 1.0 } else { blend.before };
            let worth = lens.worth(*counts, partner.day) * side;
            let events = u32::try_from(counts.total()).unwrap_or_default();
            add(&mut partners, Worth { product: partner.product, worth, events });
        });
        partners.retain(|partner| 0.0 < partner.worth);
        let mass = sum(&partners);
        best(&mut partners, PARTNERS, &vocabulary);
        let row = Row { product, place, current, mass, partners };
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
    let names = vocabulary.clone();
    let tie = move |product| stable_hash(names.borrow().products.text(product).as_bytes());
    standings(leads, route, popularity, tie, move |lead, best| {
        let Lead { origin, id, lens, after, .. } = lead;
        let After::Popular { tag, share, n } = after else { return None };
        let key = match &tag {
            Some(tag) => vocabulary.borrow().tags.id(tag)?,
            None => OVERALL_ID,
        };
        let Standing { mass, products } = best(key, &lens, n);
        let popular = Popular { tag, share, n, mass, products };
        let known = !popular.products.is_empty();
        known.then(|| lane.to(origin, id, Part::Popular(popular), &vocabulary))
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

fn sum(products: &[Worth]) -> f64 {
    products.iter().map(|product| product.worth).sum()
}

/// Keeps the best, ties by name: ids differ from worker to worker.
fn best(partners: &mut Vec<Worth>, n: usize, vocabulary: &SharedVocabulary) {
    if n < partners.len() {
        let names = &vocabulary.borrow().products;
        partners.select_nth_unstable_by(n, |one, other| {
            let by_name = || names.text(one.product).cmp(names.text(other.product));
            other.worth.total_cmp(&one.worth).then_with(by_name)
        });
        partners.truncate(n);
    }
}
