//! The parts of an answer, on their way from the owners that found them to the origin.

use crate::ids::dictionary::Dictionary;
use crate::ids::exchange::{NameReceiver, NameSender, NewNames};
use crate::ranking::evidence::{PairRow, PopularProducts, Visited};
use crate::ranking::rules::Plan;
use crate::record::event::OwnedEvent;
use crate::score::weights::Score;
use serde::{Deserialize, Serialize};

/// A part of an answer. Until it is received at the origin, products are in the ids of its sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    Profile(usize, Vec<(String, Score)>),
    Activity(Option<(u32, [i64; 3])>),
    Recent(Vec<OwnedEvent>),
    Position(usize, i64),
    /// A ranking's plan, and its evidence from the user's owner.
    Planned(Box<Planned>),
    /// A ranking's evidence from an owner of products and tags.
    Products(Vec<PairRow>, Vec<PopularProducts>),
    /// An empty ranking: nothing that rankings need is kept.
    Unranked,
}

/// A ranking's plan, with the evidence that its user's owner has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(super) plan: Plan,
    /// Products of the user's latest visits, newest first.
    pub(super) visit: Vec<Visited>,
    /// The products that the user has bought.
    pub(super) bought: Vec<u32>,
    /// The number of [`Part::Products`] to come.
    pub(super) requests: usize,
}

/// A part on its way to its question's origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoutedPart {
    pub(super) origin: usize,
    pub(super) id: u64,
    /// The number of parts of the first step; each [`Part::Planned`] among them says how many more come.
    pub(super) roots: usize,
    from: usize,
    names: NewNames,
    part: Part,
}

impl Part {
    fn trim(&mut self) {
        if let Part::Products(rows, popular) = self {
            rows.iter_mut().for_each(|row| row.partners.trim());
            popular.iter_mut().for_each(|popular| popular.products.trim());
        }
    }

    /// Calls `each` with every id of a product.
    fn ids(&self, mut each: impl FnMut(u32)) {
        match self {
            Part::Planned(planned) => {
                planned.visit.iter().for_each(|visited| each(visited.product));
                planned.bought.iter().for_each(|&product| each(product));
            }
            Part::Products(rows, popular) => {
                for row in rows {
                    each(row.product);
                    row.partners.iter().for_each(|worth| each(worth.product));
                }
                for popular in popular {
                    popular.products.iter().for_each(|worth| each(worth.product));
                }
            }
            _ => {}
        }
    }

    /// Like [`Part::ids`], to change them.
    fn ids_mut(&mut self, mut each: impl FnMut(&mut u32)) {
        match self {
            Part::Planned(planned) => {
                planned.visit.iter_mut().for_each(|visited| each(&mut visited.product));
                planned.bought.iter_mut().for_each(each);
            }
            Part::Products(rows, popular) => {
                for row in rows {
                    each(&mut row.product);
                    row.partners.ids_mut(&mut each);
                }
                popular.iter_mut().for_each(|popular| popular.products.ids_mut(&mut each));
            }
            _ => {}
        }
    }
}

/// Sends parts, with the names of products that their receiver does not know yet.
pub(super) struct PartSender {
    me: usize,
    products: NameSender,
}

impl PartSender {
    pub(super) fn new(me: usize) -> PartSender {
        PartSender { me, products: NameSender::default() }
    }

    /// Adds to a part the names that its origin was not sent yet.
    pub(super) fn send(
        &mut self,
        (origin, id, roots): (usize, u64, usize),
        mut part: Part,
        products: &Dictionary,
    ) -> RoutedPart {
        let mut names = NewNames::new();
        if origin != self.me {
            part.trim();
            part.ids(|id| self.products.add(origin, id, products, &mut names));
        }
        RoutedPart { origin, id, roots, from: self.me, names, part }
    }
}

/// Receives parts of all senders of one operator.
#[derive(Default)]
pub(super) struct PartReceiver(NameReceiver);

impl PartReceiver {
    /// Translates a part into ids of the worker that receives it.
    ///
    /// NB: parts must be received in the order in which they were sent: a name is sent once.
    pub(super) fn receive(
        &mut self,
        sent: RoutedPart,
        me: usize,
        products: &mut Dictionary,
    ) -> Part {
        let RoutedPart { from, names, mut part, .. } = sent;
        if from != me {
            self.0.receive(from, names, products);
            part.ids_mut(|id| *id = self.0.local(from, *id));
        }
        part
    }
}
