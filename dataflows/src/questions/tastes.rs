//! What a ranking goes by: the products of a visit, their tags, or the user's.

use super::{Ask, Part, Sent, Step, What};
use crate::Time;
use crate::catalogue::{Catalogue, Entry};
use crate::counts::Counts;
use crate::labels::{Label, hold};
use crate::lookup::lookup;
use crate::names::SharedVocabulary;
use crate::recommend::{Basis, Plan, Rules, TAGS, fade};
use crate::views::View;
use crate::weights::Score;
use std::collections::BTreeMap;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Map;

/// What is found out for a ranking, step by step.
#[derive(Clone)]
pub(super) struct Interests {
    pub(super) ask: Ask,
    pub(super) rules: Rules,
    /// The user, at the owner.
    pub(super) user: Option<u32>,
    /// The user's tags, highest first.
    pub(super) tags: Vec<(String, Score)>,
    /// The products of the visit, newest first, no product twice.
    pub(super) visit: Vec<String>,
    /// Products from before the visit, likewise.
    pub(super) earlier: Vec<String>,
    /// How many products may be left out at the origin, besides those that the rules name.
    pub(super) left_out: usize,
}

impl Interests {
    pub(super) fn new(ask: &Ask, rules: &Rules) -> Interests {
        Interests {
            ask: ask.clone(),
            rules: rules.clone(),
            user: None,
            tags: Vec::new(),
            visit: Vec::new(),
            earlier: Vec::new(),
            left_out: 0,
        }
    }
}

/// Interests with the tags in which to look for what is popular, and their shares.
#[derive(Clone)]
pub(super) struct Taste {
    pub(super) interests: Interests,
    pub(super) tags: Vec<(String, f64)>,
    /// Whether to look at what is popular overall.
    pub(super) overall: bool,
}

/// What every ranking is to be like; and interests, where no user's owner need be asked for them.
pub(super) fn plans<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
) -> Stream<'scope, Time, Vec<Step<Interests>>> {
    asks.flat_map(move |ask| {
        let What::Rank { basis, rules } = ask.what.clone() else { return vec![] };
        let visit: Vec<String> = match &basis {
            Basis::Product(product) => vec![product.clone()],
            basis => basis.visit().into_iter().map(String::from).collect(),
        };
        let interests = (!matches!(basis, Basis::User(_))).then(|| {
            let left_out = visit.len();
            Step::Next(Interests { visit, left_out, ..Interests::new(&ask, &rules) })
        });
        let plan = Sent::plain(&ask, Part::Plan(Box::new(Plan { lens: ask.lens, rules, basis })));
        interests.into_iter().chain([Step::Part(plan)]).collect()
    })
}

/// Finds the tags of the visits, wherever they are asked for: labels are on every worker.
pub(super) fn tagged<'scope>(
    interests: Stream<'scope, Time, Vec<Interests>>,
    catalogue: Catalogue<'scope>,
    labels: View<'scope, Label>,
    vocabulary: &SharedVocabulary,
) -> Stream<'scope, Time, Vec<Taste>> {
    let names = vocabulary.clone();
    let said =
        lookup(interests, Pipeline, catalogue, "tags asked", move |interests, _, view, out| {
            let interests: Interests = interests;
            let most = usize::from(interests.ask.lens.model.blend.products);
            let products = interests.visit.iter().take(most).map(|product| {
                let product = names.borrow().products.id(product);
                let mut tags = Vec::new();
                if let Some(product) = product {
                    view.each(product, |(_, row): &Entry, _: &isize| tags.clone_from(&row.tags));
                }
                (product, tags)
            });
            let products: Vec<_> = products.collect();
            out.push((interests, products));
        });
    let vocabulary = vocabulary.clone();
    lookup(said, Pipeline, labels, "labels asked", move |(interests, products), _, view, tastes| {
        let recency = interests.ask.lens.model.blend.recency;
        let mut shares: BTreeMap<String, f64> = BTreeMap::new();
        for (place, (product, said)) in products.into_iter().enumerate() {
            let mut labels = Vec::new();
            if let Some(product) = product {
                view.each(product, |&label, _: &Counts| labels.push(label));
            }
            let tags = hold(&labels, &said, &vocabulary.borrow().tags);
            #[allow(clippy::cast_precision_loss, reason = "a product has few tags")]
            let share = fade(place, recency) / tags.len() as f64;
            for tag in tags {
                *shares.entry(tag).or_default() += share;
            }
        }
        tastes.push(taste(interests, shares));
    })
}

/// The tags of the visit, or else of the user, or else the one that is asked about.
fn taste(interests: Interests, shares: BTreeMap<String, f64>) -> Taste {
    let basis = match &interests.ask.what {
        What::Rank { basis, .. } => Some(basis),
        _ => None,
    };
    let overall = !matches!(basis, Some(Basis::Product(_) | Basis::Tag(_)));
    let mut tags: Vec<(String, f64)> = match basis {
        Some(Basis::Tag(tag)) => vec![(tag.clone(), 1.0)],
        _ if !shares.is_empty() => shares.into_iter().collect(),
        _ => {
            let positive = interests.tags.iter().filter(|(_, score)| 0 < score.0);
            positive.map(|(tag, score)| (tag.clone(), score.to_f64())).collect()
        }
    };
    tags.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    tags.truncate(TAGS);
    let total: f64 = tags.iter().map(|(_, share)| share).sum();
    tags.iter_mut().for_each(|(_, share)| *share /= total);
    Taste { interests, tags, overall }
}
