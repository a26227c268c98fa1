//! Questions to the owners of products and tags: what goes with what, and what is popular.

use super::parts::Lane;
use super::tastes::{Interests, Taste};
use super::{Ask, Part, Popular, Row, Sent};
use crate::Time;
use crate::block::stable_hash;
use crate::kept::kept;
use crate::model::Lens;
use crate::names::SharedVocabulary;
use crate::pairs::Partner;
use crate::popularity::{OVERALL_ID, OnDay};
use crate::recommend::PARTNERS;
use crate::rows::Rows;
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
    let tie = by_hash(vocabulary.clone());
    kept(leads, route, pairs, "pairs asked", Rows::default(), move |lead, time, rows, batches| {
        let Lead { origin, id, lens, after, .. } = lead;
        let After::Partners { product, place, current } = after else { return None };
        let product = vocabulary.borrow().products.id(&product)?;
        let found = rows.row(product, &lens, PARTNERS, time, batches, &tie);
        let (mass, partners) = (found.mass, found.best.clone());
        let row = Row { product, place, current, mass, partners };
        let known = !row.partners.is_empty();
        known.then(|| lane.to(origin, id, Part::Row(row), &vocabulary))
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
    let tie = by_hash(vocabulary.clone());
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

/// What decides between products of one worth: ids differ from worker to worker.
fn by_hash(vocabulary: SharedVocabulary) -> impl Fn(u32) -> u64 {
    move |product| stable_hash(vocabulary.borrow().products.text(product).as_bytes())
}
