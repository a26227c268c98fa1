//! Entries in ids, from worker to worker: what an id stands for is told once, the first time.
//!
//! Ids mean nothing elsewhere. A sender remembers of which ids it has told each receiver the
//! names; a receiver keeps, for each sender, what the sender's ids are here.
//!
//! NB: names come before the ids that need them because a channel between two workers keeps the
//! order of what was sent.

use crate::Time;
use crate::counts::Counts;
use crate::names::{Names, SharedVocabulary, Vocabulary};
use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// Names that a receiver has not been told yet, with the sender's ids.
pub type News = Vec<(u32, String)>;

/// A sender's memory of one space of names.
#[derive(Default)]
pub struct Teller {
    told: Vec<Vec<bool>>,
}

impl Teller {
    /// Adds to the news what a receiver must know to understand an id.
    pub fn tell(&mut self, receiver: usize, id: u32, names: &Names, news: &mut News) {
        if self.told.len() <= receiver {
            self.told.resize_with(receiver + 1, Vec::new);
        }
        let told = &mut self.told[receiver];
        if told.len() <= id as usize {
            told.resize(names.len(), false);
        }
        if !std::mem::replace(&mut told[id as usize], true) {
            news.push((id, names.text(id).to_string()));
        }
    }
}

/// A receiver's memory of one space of names.
#[derive(Default)]
pub struct Learner {
    here: Vec<Vec<u32>>,
}

impl Learner {
    /// Takes news of a sender in.
    pub fn learn(&mut self, sender: usize, news: News, names: &mut Names) {
        if self.here.len() <= sender {
            self.here.resize_with(sender + 1, Vec::new);
        }
        let here = &mut self.here[sender];
        for (id, name) in news {
            if here.len() <= id as usize {
                here.resize(id as usize + 1, u32::MAX);
            }
            here[id as usize] = names.intern(&name);
        }
    }

    /// What a sender's id is here.
    pub fn here(&self, sender: usize, id: u32) -> u32 {
        self.here[sender][id as usize]
    }
}

/// A space of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Of products.
    Products,
    /// Of tags.
    Tags,
}

impl Space {
    fn of(self, vocabulary: &mut Vocabulary) -> &mut Names {
        match self {
            Space::Products => &mut vocabulary.products,
            Space::Tags => &mut vocabulary.tags,
        }
    }
}

/// What may cross: a key that says where to, with the ids that are in it.
pub trait Crosses: ExchangeData {
    /// Shows all ids, each with its space.
    fn ids(&mut self, each: impl FnMut(Space, &mut u32));
    /// The id by whose name the owner is found, and its space.
    fn key(&self) -> (Space, u32);
}

/// Entries on their way.
#[derive(Clone, Serialize, Deserialize)]
struct Parcel<D> {
    to: usize,
    from: usize,
    products: News,
    tags: News,
    entries: Vec<(D, Time, Counts)>,
}

/// Brings entries to their owners, in the owners' ids.
pub fn cross<'scope, D: Crosses>(
    entries: Stream<'scope, Time, Vec<(D, Time, Counts)>>,
    vocabulary: &SharedVocabulary,
    name: &str,
) -> Stream<'scope, Time, Vec<(D, Time, Counts)>> {
    let (from, peers) = (entries.scope().index(), entries.scope().peers());
    if peers == 1 {
        return entries;
    }
    let (there, here) = (vocabulary.clone(), vocabulary.clone());
    let parcels = entries.unary::<CapacityContainerBuilder<Vec<Parcel<D>>>, _, _, _>(
        Pipeline,
        &format!("{name}, out"),
        |_, _| {
            let mut sender = Sender { from, peers, ..Sender::default() };
            move |input, output| {
                input.for_each(|capability, entries| {
                    let mut vocabulary = there.borrow_mut();
                    let parcels = sender.pack(entries, &mut vocabulary);
                    output.session(&capability).give_iterator(parcels.into_iter());
                });
            }
        },
    );
    let by_owner = Exchange::new(|parcel: &Parcel<D>| parcel.to as u64);
    parcels.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        by_owner,
        &format!("{name}, in"),
        |_, _| {
            let mut receiver = Receiver::default();
            move |input, output| {
                // NB: in the order of arrival, as the names need it.
                input.for_each(|capability, parcels| {
                    let mut session = output.session(&capability);
                    for parcel in parcels.drain(..) {
                        let entries = receiver.unpack(parcel, &mut here.borrow_mut());
                        session.give_iterator(entries.into_iter());
                    }
                });
            }
        },
    )
}

#[derive(Default)]
struct Sender {
    from: usize,
    peers: usize,
    products: Teller,
    tags: Teller,
    /// Owners by id, of products and of tags.
    owners: [Vec<usize>; 2],
}

impl Sender {
    fn pack<D: Crosses>(
        &mut self,
        entries: &mut Vec<(D, Time, Counts)>,
        vocabulary: &mut Vocabulary,
    ) -> Vec<Parcel<D>> {
        let from = self.from;
        let empty =
            |to| Parcel { to, from, products: News::new(), tags: News::new(), entries: Vec::new() };
        let mut parcels: Vec<_> = (0..self.peers).map(empty).collect();
        for (mut entry, time, counts) in entries.drain(..) {
            let (space, key) = entry.key();
            let to = self.owner(space, key, vocabulary);
            let parcel = &mut parcels[to];
            // What stays needs no names: its ids are its owner's.
            if to != from {
                entry.ids(|space, id| match space {
                    Space::Products => {
                        self.products.tell(to, *id, &vocabulary.products, &mut parcel.products);
                    }
                    Space::Tags => self.tags.tell(to, *id, &vocabulary.tags, &mut parcel.tags),
                });
            }
            parcel.entries.push((entry, time, counts));
        }
        parcels.retain(|parcel| !parcel.entries.is_empty());
        parcels
    }

    fn owner(&mut self, space: Space, id: u32, vocabulary: &mut Vocabulary) -> usize {
        let names = space.of(vocabulary);
        let owners = &mut self.owners[space as usize];
        while owners.len() <= id as usize {
            let next = u32::try_from(owners.len()).expect("an id is a u32");
            owners.push(crate::block::owner(names.text(next), self.peers));
        }
        owners[id as usize]
    }
}

#[derive(Default)]
struct Receiver {
    products: Learner,
    tags: Learner,
}

impl Receiver {
    fn unpack<D: Crosses>(
        &mut self,
        parcel: Parcel<D>,
        vocabulary: &mut Vocabulary,
    ) -> Vec<(D, Time, Counts)> {
        let Parcel { to, from, products, tags, mut entries } = parcel;
        if to == from {
            return entries;
        }
        self.products.learn(from, products, &mut vocabulary.products);
        self.tags.learn(from, tags, &mut vocabulary.tags);
        for (entry, _, _) in &mut entries {
            entry.ids(|space, id| {
                *id = match space {
                    Space::Products => self.products.here(from, *id),
                    Space::Tags => self.tags.here(from, *id),
                };
            });
        }
        entries
    }
}
