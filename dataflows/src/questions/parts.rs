//! What owners find for a question, on its way to where it was asked.

use super::Ask;
use crate::crossing::{News, Teller};
use crate::names::SharedVocabulary;
use crate::recent::OwnedEvent;
use crate::recommend::Plan;
use crate::weights::Score;
use serde::{Deserialize, Serialize};

/// What an owner found. Products are in the ids of who found them until they are at the origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    Profile(usize, Vec<(String, Score)>),
    Activity(u32, [i64; 3]),
    Recent(Vec<OwnedEvent>),
    Position(usize, i64),
    /// What a ranking is to be like.
    Plan(Box<Plan>),
    /// Products of the user's latest visits, newest first.
    Visit(Vec<Visited>),
    /// What the user has bought.
    Bought(Vec<u32>),
    /// What goes with a product.
    Row(Row),
    /// What is popular.
    Popular(Popular),
}

/// A product of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visited {
    /// The product.
    pub product: u32,
    /// Whether it is of the latest visit, not from before.
    pub current: bool,
}

/// A product with what it is worth to something, and of how many events that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// The product.
    pub product: u32,
    /// What it is worth.
    pub worth: f64,
    /// Of how many events.
    pub events: u32,
}

/// What goes with a product: the best of its partners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The product.
    pub product: u32,
    /// The product's place in the visit, or in what was before, from the newest.
    pub place: usize,
    /// Whether it is of the visit.
    pub current: bool,
    /// What all partners are worth together.
    pub mass: f64,
    /// The best.
    pub partners: Vec<Worth>,
}

/// The best products of a tag, or of one worker overall, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Popular {
    /// The tag; none is overall.
    pub tag: Option<String>,
    /// The tag's part of the user's profile.
    pub share: f64,
    /// How many were asked for.
    pub n: usize,
    /// What all products are worth together.
    pub mass: f64,
    /// The best products, best first.
    pub products: Vec<Worth>,
}

/// A part on its way to its question's origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(super) origin: usize,
    pub(super) id: u64,
    pub(super) from: usize,
    /// From which of the sender's operators: each tells names on its own.
    pub(super) lane: u8,
    pub(super) news: News,
    pub(super) part: Part,
}

impl Part {
    /// Shows all ids of products.
    pub(super) fn ids(&mut self, each: impl FnMut(&mut u32)) {
        match self {
            Part::Visit(visit) => {
                visit.iter_mut().map(|visited| &mut visited.product).for_each(each)
            }
            Part::Bought(products) => products.iter_mut().for_each(each),
            Part::Row(row) => {
                let partners = row.partners.iter_mut().map(|worth| &mut worth.product);
                std::iter::once(&mut row.product).chain(partners).for_each(each);
            }
            Part::Popular(popular) => {
                popular.products.iter_mut().map(|worth| &mut worth.product).for_each(each);
            }
            _ => {}
        }
    }
}

/// What an operator has told origins of its products' names.
pub(super) struct Lane {
    lane: u8,
    me: usize,
    products: Teller,
}

impl Lane {
    /// Each operator of this dataflow that sends products has a lane of its own.
    pub(super) fn new(lane: u8, me: usize) -> Lane {
        Lane { lane, me, products: Teller::default() }
    }

    /// A part with the names that its origin has not been told yet.
    pub(super) fn sent(&mut self, ask: &Ask, part: Part, vocabulary: &SharedVocabulary) -> Sent {
        self.to(ask.origin, ask.id, part, vocabulary)
    }

    /// The same, by origin and number.
    pub(super) fn to(
        &mut self,
        origin: usize,
        id: u64,
        mut part: Part,
        vocabulary: &SharedVocabulary,
    ) -> Sent {
        let mut news = Vec::new();
        if origin != self.me {
            let names = &vocabulary.borrow().products;
            part.ids(|id| self.products.tell(origin, *id, names, &mut news));
        }
        Sent { origin, id, from: self.me, lane: self.lane, news, part }
    }
}

impl Sent {
    /// A part in which there are no ids of products.
    pub(super) fn plain(ask: &Ask, part: Part) -> Sent {
        let Ask { origin, id, .. } = *ask;
        Sent { origin, id, from: origin, lane: 0, news: Vec::new(), part }
    }
}
