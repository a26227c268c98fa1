//! What owners find for a question, on its way to where it was asked.

use crate::crossing::{Learner, News, Teller};
use crate::names::Names;
use crate::recent::OwnedEvent;
use crate::recommend::Plan;
use crate::weights::Score;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an owner found. Products are in the ids of who found them until they are at the origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    Profile(usize, Vec<(String, Score)>),
    Activity(Option<(u32, [i64; 3])>),
    Recent(Vec<OwnedEvent>),
    Position(usize, i64),
    /// What a ranking is to be like.
    Planned(Box<Planned>),
    /// What goes with products, and what is popular.
    Products(Vec<Row>, Vec<Popular>),
}

/// A ranking that is to be made, and what its user's owner knows for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(super) plan: Plan,
    /// Products of the user's latest visits, newest first.
    pub(super) visit: Vec<Visited>,
    /// What the user has bought.
    pub(super) bought: Vec<u32>,
    /// How many [`Part::Products`] there will be.
    pub(super) leads: usize,
}

/// A product of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visited {
    /// The product.
    pub product: u32,
    /// Whether it is of the latest visit, not from before.
    pub current: bool,
}

/// A product with what it is worth to something, and of how many events that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worth {
    /// The product.
    pub product: u32,
    /// What it is worth.
    pub worth: f64,
    /// Of how many events.
    pub events: u32,
}

/// The first of some products, best first. They are shared with what is kept between questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    products: Arc<[Worth]>,
    /// How many of them count.
    n: usize,
}

impl Best {
    /// At most so many.
    pub(crate) fn first(n: usize, products: Arc<[Worth]>) -> Best {
        Best { products, n }
    }

    /// How many were asked for, though there may be fewer.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The products.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Worth> {
        self.products[..self.n.min(self.products.len())].iter()
    }

    /// Leaves out what does not count, so that it need not travel.
    fn trim(&mut self) {
        if self.n < self.products.len() {
            self.products = self.products[..self.n].into();
        }
    }

    fn ids_mut(&mut self, mut each: impl FnMut(&mut u32)) {
        Arc::make_mut(&mut self.products).iter_mut().for_each(|worth| each(&mut worth.product));
    }
}

impl<'a> IntoIterator for &'a Best {
    type Item = &'a Worth;
    type IntoIter = std::slice::Iter<'a, Worth>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What goes with a product: the best of its partners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The product.
    pub product: u32,
    /// The product's place in the visit, or in what was before, from the newest.
    pub place: usize,
    /// Whether it is of the visit.
    pub current: bool,
    /// What all partners are worth together.
    pub mass: f64,
    /// The best, best first.
    pub partners: Best,
}

/// The best products of a tag, or of one worker overall, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Popular {
    /// The tag; none is overall.
    pub tag: Option<String>,
    /// The tag's part of the user's profile.
    pub share: f64,
    /// What all products are worth together.
    pub mass: f64,
    /// The best products, best first.
    pub products: Best,
}

/// A part on its way to its question's origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(super) origin: usize,
    pub(super) id: u64,
    /// How many parts are found at once; each ranking among these has more to come.
    pub(super) roots: usize,
    from: usize,
    news: News,
    part: Part,
}

impl Part {
    fn trim(&mut self) {
        if let Part::Products(rows, popular) = self {
            rows.iter_mut().for_each(|row| row.partners.trim());
            popular.iter_mut().for_each(|popular| popular.products.trim());
        }
    }

    /// Shows all ids of products.
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

    /// The same, to change them.
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

/// What a worker's operator has told origins of its products' names.
pub(super) struct Sender {
    me: usize,
    products: Teller,
}

impl Sender {
    pub(super) fn new(me: usize) -> Sender {
        Sender { me, products: Teller::default() }
    }

    /// A part with the names that its question's origin has not been told yet.
    pub(super) fn send(
        &mut self,
        (origin, id, roots): (usize, u64, usize),
        mut part: Part,
        products: &Names,
    ) -> Sent {
        let mut news = News::new();
        if origin != self.me {
            part.trim();
            part.ids(|id| self.products.tell(origin, id, products, &mut news));
        }
        Sent { origin, id, roots, from: self.me, news, part }
    }
}

/// What a worker has been told of the products' names by all senders of one kind.
#[derive(Default)]
pub(super) struct Receiver(Learner);

impl Receiver {
    /// The part, in ids of the worker that receives it. NB: in the order of arrival, as the names
    /// need it.
    pub(super) fn receive(&mut self, sent: Sent, me: usize, products: &mut Names) -> Part {
        let Sent { from, news, mut part, .. } = sent;
        if from != me {
            self.0.learn(from, news, products);
            part.ids_mut(|id| *id = self.0.here(from, *id));
        }
        part
    }
}
