//! Entries of dense ids, exchanged between workers: a name is sent once, before its id.
//!
//! Ids mean nothing at another worker. So a sender remembers which names it has sent to each
//! receiver, and a receiver keeps, for each sender, a table from the sender's ids to its own.
//!
//! NB: a name arrives before the ids that need it because a channel between two workers keeps its
//! order.

use super::dictionary::Dictionaries;
use super::dictionary::Dictionary;
use super::dictionary::SharedDictionaries;
use crate::ids::hash::owner;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// Names that a receiver does not know yet, with the sender's ids.
pub type NewNames = Vec<(u32, String)>;

/// The names of one dictionary that were sent to each receiver.
#[derive(Default)]
pub struct NameSender {
    sent: Vec<Vec<bool>>,
}

impl NameSender {
    /// Adds the name of an id to `new`, unless it was sent to this receiver before.
    pub fn add(&mut self, receiver: usize, id: u32, names: &Dictionary, new: &mut NewNames) {
        if self.sent.len() <= receiver {
            self.sent.resize_with(receiver + 1, Vec::new);
        }
        let sent = &mut self.sent[receiver];
        if sent.len() <= id as usize {
            sent.resize(names.len(), false);
        }
        if !std::mem::replace(&mut sent[id as usize], true) {
            new.push((id, names.text(id).to_string()));
        }
    }
}

/// By sender, the receiver's ids for the sender's ids.
#[derive(Default)]
pub struct NameReceiver {
    ids: Vec<Vec<u32>>,
}

impl NameReceiver {
    /// Enters names that came from a sender.
    pub fn receive(&mut self, sender: usize, new: NewNames, names: &mut Dictionary) {
        if self.ids.len() <= sender {
            self.ids.resize_with(sender + 1, Vec::new);
        }
        let ids = &mut self.ids[sender];
        for (id, name) in new {
            if ids.len() <= id as usize {
                ids.resize(id as usize + 1, u32::MAX);
            }
            ids[id as usize] = names.intern(&name);
        }
    }

    /// The receiver's id for a sender's id whose name was received.
    pub fn here(&self, sender: usize, id: u32) -> u32 {
        self.ids[sender][id as usize]
    }
}

/// The dictionary that an id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Products.
    Products,
    /// Tags.
    Tags,
}

impl Space {
    fn of(self, dictionaries: &mut Dictionaries) -> &mut Dictionary {
        match self {
            Space::Products => &mut dictionaries.products,
            Space::Tags => &mut dictionaries.tags,
        }
    }
}

/// An entry that can be exchanged: a key that decides its owner, and the ids in it.
pub trait HasIds: ExchangeData {
    /// Calls `each` with every id and its dictionary.
    fn ids(&mut self, each: impl FnMut(Space, &mut u32));
    /// The id whose name decides the owner, and its dictionary.
    fn key(&self) -> (Space, u32);
}

/// Entries for one receiver, with the names that it does not know yet.
#[derive(Clone, Serialize, Deserialize)]
struct Message<D> {
    to: usize,
    from: usize,
    products: NewNames,
    tags: NewNames,
    entries: Vec<(D, Time, Counts)>,
}

/// Brings entries to their owners, in the owners' ids.
pub fn to_owners<'scope, D: HasIds>(
    entries: Stream<'scope, Time, Vec<(D, Time, Counts)>>,
    dictionaries: &SharedDictionaries,
    name: &str,
) -> Stream<'scope, Time, Vec<(D, Time, Counts)>> {
    let (from, peers) = (entries.scope().index(), entries.scope().peers());
    if peers == 1 {
        return entries;
    }
    let (sending, receiving) = (dictionaries.clone(), dictionaries.clone());
    let messages = entries.unary::<CapacityContainerBuilder<Vec<Message<D>>>, _, _, _>(
        Pipeline,
        &format!("{name}, out"),
        |_, _| {
            let mut sender = Sender { from, peers, ..Sender::default() };
            move |input, output| {
                input.for_each(|capability, entries| {
                    let messages = sender.pack(entries, &mut sending.borrow_mut());
                    output.session(&capability).give_iterator(messages.into_iter());
                });
            }
        },
    );
    let by_owner = Exchange::new(|message: &Message<D>| message.to as u64);
    messages.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        by_owner,
        &format!("{name}, in"),
        |_, _| {
            let mut receiver = Receiver::default();
            move |input, output| {
                // NB: in the order of arrival, as the names need it.
                input.for_each(|capability, messages| {
                    let mut dictionaries = receiving.borrow_mut();
                    let mut session = output.session(&capability);
                    for message in messages.drain(..) {
                        let mut entries = receiver.unpack(message, &mut dictionaries);
                        session.give_container(&mut entries);
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
    products: NameSender,
    tags: NameSender,
    /// By id, the owner: of products, and of tags.
    owners: [Vec<usize>; 2],
}

impl Sender {
    /// Sorts entries into one message an owner.
    fn pack<D: HasIds>(
        &mut self,
        entries: &mut Vec<(D, Time, Counts)>,
        dictionaries: &mut Dictionaries,
    ) -> Vec<Message<D>> {
        let from = self.from;
        let (products, tags) = (NewNames::new, NewNames::new);
        let empty =
            |to| Message { to, from, products: products(), tags: tags(), entries: Vec::new() };
        let mut messages: Vec<_> = (0..self.peers).map(empty).collect();
        for (mut entry, time, counts) in entries.drain(..) {
            let (space, key) = entry.key();
            let to = self.owner(space, key, dictionaries);
            let message = &mut messages[to];
            // An entry that stays keeps its ids, and needs no names.
            if to != from {
                entry.ids(|space, id| match space {
                    Space::Products => {
                        self.products.add(to, *id, &dictionaries.products, &mut message.products);
                    }
                    Space::Tags => self.tags.add(to, *id, &dictionaries.tags, &mut message.tags),
                });
            }
            message.entries.push((entry, time, counts));
        }
        messages.retain(|message| !message.entries.is_empty());
        messages
    }

    fn owner(&mut self, space: Space, id: u32, dictionaries: &mut Dictionaries) -> usize {
        let names = space.of(dictionaries);
        let owners = &mut self.owners[space as usize];
        while owners.len() <= id as usize {
            let next = u32::try_from(owners.len()).expect("an id is a u32");
            owners.push(owner(names.text(next), self.peers));
        }
        owners[id as usize]
    }
}

#[derive(Default)]
struct Receiver {
    products: NameReceiver,
    tags: NameReceiver,
}

impl Receiver {
    /// The entries of a message, in the receiver's ids.
    fn unpack<D: HasIds>(
        &mut self,
        message: Message<D>,
        dictionaries: &mut Dictionaries,
    ) -> Vec<(D, Time, Counts)> {
        let Message { to, from, products, tags, mut entries } = message;
        if to == from {
            return entries;
        }
        self.products.receive(from, products, &mut dictionaries.products);
        self.tags.receive(from, tags, &mut dictionaries.tags);
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
