//! The parts of an answer, which the owners of keys send to the origin of a question.

use super::query::{ProductDays, Touched, ViewDigests};
use crate::ids::dictionary::Dictionary;
use crate::ids::exchange::{NameReceiver, NameSender, NewNames};
use crate::ingest::decisions::Forgotten;
use crate::ranking::evidence::{
    PairRow, PopularProducts, Scored, ScoredProducts, StepRow, Visited,
};
use crate::ranking::product_info::Listing;
use crate::ranking::rules::Plan;
use crate::record::event::OwnedEvent;
use crate::score::model_history::LearnedState;
use crate::score::weights::Score;
use crate::time::Time;
use crate::views::product_words::Page;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A part of an answer. Until the origin receives it, products are ids of its sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum AnswerPart {
    Profile(usize, Vec<(String, Score)>),
    Activity(Option<(u32, [i64; 3])>),
    Touched(Touched),
    Product(Listing),
    ProductDays(ProductDays),
    Found(Page),
    Recent(Vec<OwnedEvent>),
    Digests(ViewDigests),
    Forgotten(Vec<(Forgotten, [ViewDigests; 2])>),
    Path(Option<Vec<String>>),
    Written(Time, Vec<(String, i64)>),
    Position(usize, i64),
    /// A ranking's plan, and its evidence from the user's owner.
    Planned(Box<Planned>),
    /// A ranking's evidence from an owner of products and tags, and the number of [`AnswerPart::Steps`] to come.
    Products(Vec<PairRow>, Vec<PopularProducts>, usize),
    /// Rows of what goes with the product of the moment.
    Steps(Vec<StepRow>),
    /// An empty ranking: the views that rankings need are not kept.
    Unranked,
    /// What was learned of the weights of rankings.
    Learned(Box<LearnedState>),
    /// No grade: nothing was shown before.
    Ungraded,
}

/// A ranking's plan, with the evidence that its user's owner has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(super) plan: Plan,
    /// Products of the user's latest visits, newest first.
    pub(super) visit: Vec<Visited>,
    /// The products that the user has bought.
    pub(super) bought: Vec<u32>,
    /// The number of [`AnswerPart::Products`] to come.
    pub(super) requests: usize,
    /// The product that came, if the ranking is to be graded by it, and the day when.
    pub(super) came: Option<(u32, u16)>,
}

/// A part with its question, and the names that the question's origin lacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoutedPart {
    pub(super) origin: usize,
    pub(super) id: u64,
    /// The number of queries of the question. Each makes one part, and [`AnswerPart::Planned`] says
    /// how many more come.
    pub(super) query_count: usize,
    from: usize,
    names: NewNames,
    part: AnswerPart,
}

impl AnswerPart {
    /// Calls `each` with every id of a product.
    fn ids(&self, mut each: impl FnMut(u32)) {
        match self {
            AnswerPart::Planned(planned) => {
                planned.visit.iter().for_each(|visited| each(visited.product));
                planned.bought.iter().for_each(|&product| each(product));
            }
            AnswerPart::Steps(rows) => {
                for row in rows {
                    each(row.product);
                    row.partners.iter().chain(&row.asked).for_each(|scored| each(scored.product));
                }
            }
            AnswerPart::Products(rows, popular, _) => {
                for row in rows {
                    each(row.product);
                    row.partners.iter().chain(&row.asked).for_each(|scored| each(scored.product));
                }
                for popular in popular {
                    let all = popular.products.iter().chain(&popular.asked);
                    all.for_each(|scored| each(scored.product));
                }
            }
            _ => {}
        }
    }

    /// As [`AnswerPart::ids`], to change them.
    fn ids_mut(&mut self, mut each: impl FnMut(&mut u32)) {
        match self {
            AnswerPart::Planned(planned) => {
                planned.visit.iter_mut().for_each(|visited| each(&mut visited.product));
                planned.bought.iter_mut().for_each(each);
            }
            AnswerPart::Steps(rows) => {
                for row in rows {
                    each(&mut row.product);
                    ids_of(&mut row.partners, &mut row.asked, &mut each);
                }
            }
            AnswerPart::Products(rows, popular, _) => {
                for row in rows {
                    each(&mut row.product);
                    ids_of(&mut row.partners, &mut row.asked, &mut each);
                }
                for PopularProducts { products, asked, .. } in popular {
                    ids_of(products, asked, &mut each);
                }
            }
            _ => {}
        }
    }
}

/// Calls `each` with the products' ids, to change them.
fn ids_of<const N: usize>(
    products: &mut ScoredProducts<N>,
    asked: &mut Option<Scored<N>>,
    mut each: impl FnMut(&mut u32),
) {
    let all = Arc::make_mut(products).iter_mut().chain(asked);
    all.for_each(|scored| each(&mut scored.product));
}

/// Prepares parts for their receivers: adds the names of products that these lack.
pub(super) struct PartSender {
    me: usize,
    products: NameSender,
}

impl PartSender {
    pub(super) fn new(me: usize) -> PartSender {
        PartSender { me, products: NameSender::default() }
    }

    /// Adds to a part the names that were not sent to its origin before.
    pub(super) fn send(
        &mut self,
        (origin, id, query_count): (usize, u64, usize),
        part: AnswerPart,
        products: &Dictionary,
    ) -> RoutedPart {
        let mut names = NewNames::new();
        if origin != self.me {
            part.ids(|id| self.products.add(origin, id, products, &mut names));
        }
        RoutedPart { origin, id, query_count, from: self.me, names, part }
    }
}

/// Receives parts from the senders of one operator on all workers.
#[derive(Default)]
pub(super) struct PartReceiver(NameReceiver);

impl PartReceiver {
    /// Translates a part into ids of the worker that receives it.
    ///
    /// NB: parts must be received in the order in which they were sent: a name is sent once.
    pub(super) fn receive(
        &mut self,
        routed: RoutedPart,
        me: usize,
        products: &mut Dictionary,
    ) -> AnswerPart {
        let RoutedPart { from, names, mut part, .. } = routed;
        if from != me {
            self.0.receive(from, names, products);
            part.ids_mut(|id| *id = self.0.local(from, *id));
        }
        part
    }
}
