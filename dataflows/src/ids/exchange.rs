//! The exchange of updates that hold dense ids: a name is sent once, before the first use of its
//! id.
//!
//! Ids mean nothing at another worker. So a sender remembers which names it has sent to each
//! receiver, and a receiver keeps, for each sender, a table from the sender's ids to its own.
//!
//! NB: names arrive before the updates that need them because a channel between two workers keeps
//! its order.

use super::dictionary::{Dictionaries, Dictionary, SharedDictionaries};
use super::hash::owner;
use crate::held::{Held, Size};
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// Names that a receiver lacks, with the sender's ids.
pub type NewNames = Vec<(u32, String)>;

/// Records which names of one dictionary were sent to which receiver.
#[derive(Default)]
pub struct NameSender {
    /// By receiver and id.
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

impl NameSender {
    /// The ids of all receivers, sent or not.
    fn size(&self) -> Size {
        let sum = |of: fn(&Vec<bool>) -> usize| self.sent.iter().map(of).sum();
        Size { records: sum(Vec::len), bytes: sum(Vec::capacity) }
    }
}

/// Translates ids of senders to the receiver's.
#[derive(Default)]
pub struct NameReceiver {
    /// By sender and its id, the receiver's id.
    ids: Vec<Vec<u32>>,
}

impl NameReceiver {
    /// Interns names received from a sender.
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

    /// The ids of all senders, received or not.
    fn size(&self) -> Size {
        let sum = |of: fn(&Vec<u32>) -> usize| self.ids.iter().map(of).sum::<usize>();
        Size { records: sum(Vec::len), bytes: size_of::<u32>() * sum(Vec::capacity) }
    }

    /// The receiver's id for a sender's id whose name was received.
    pub fn local(&self, sender: usize, id: u32) -> u32 {
        self.ids[sender][id as usize]
    }
}

/// The dictionary that an id belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSpace {
    /// Products.
    Products,
    /// Tags.
    Tags,
}

impl IdSpace {
    fn of(self, dictionaries: &mut Dictionaries) -> &mut Dictionary {
        match self {
            IdSpace::Products => &mut dictionaries.products,
            IdSpace::Tags => &mut dictionaries.tags,
        }
    }
}

/// Data that can be exchanged: it lists the ids that it holds, one of which decides its owner.
pub trait HasIds: ExchangeData {
    /// Calls `each` with every id, to translate it, and its dictionary.
    fn ids(&mut self, each: impl FnMut(IdSpace, &mut u32));
    /// The id whose name decides the owner, and its dictionary.
    fn key(&self) -> (IdSpace, u32);
}

/// Updates for one receiver, with the names that it lacks.
#[derive(Clone, Serialize, Deserialize)]
struct Message<D> {
    to: usize,
    from: usize,
    products: NewNames,
    tags: NewNames,
    updates: Vec<(D, Time, Counts)>,
}

/// Sends updates to the owners of their keys, in the owners' ids.
///
/// ```text
/// updates.exchange(|(data, _, _)| owner(name of data.key()))    and translate all ids
/// ```
pub fn to_owners<'scope, D: HasIds>(
    updates: Stream<'scope, Time, Vec<(D, Time, Counts)>>,
    dictionaries: &SharedDictionaries,
    name: &str,
    held: &Held,
) -> Stream<'scope, Time, Vec<(D, Time, Counts)>> {
    let (from, peers) = (updates.scope().index(), updates.scope().peers());
    if peers == 1 {
        return updates;
    }
    let (sending, receiving) = (dictionaries.clone(), dictionaries.clone());
    let (sent, received) = (held.by("exchanged_names"), held.by("exchanged_names"));
    let messages = updates.unary::<CapacityContainerBuilder<Vec<Message<D>>>, _, _, _>(
        Pipeline,
        &format!("send {name}"),
        |_, _| {
            let mut sender = Sender { from, peers, ..Sender::default() };
            move |input, output| {
                input.for_each(|capability, updates| {
                    let messages = sender.pack(updates, &mut sending.borrow_mut());
                    output.session(&capability).give_iterator(messages.into_iter());
                });
                sent.set(sender.size());
            }
        },
    );
    let by_owner = Exchange::new(|message: &Message<D>| message.to as u64);
    messages.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        by_owner,
        &format!("receive {name}"),
        |_, _| {
            let mut receiver = Receiver::default();
            move |input, output| {
                // NB: in order of arrival: names come before the ids that need them.
                input.for_each(|capability, messages| {
                    let mut dictionaries = receiving.borrow_mut();
                    let mut session = output.session(&capability);
                    for message in messages.drain(..) {
                        let mut updates = receiver.unpack(message, &mut dictionaries);
                        session.give_container(&mut updates);
                    }
                });
                received.set(receiver.size());
            }
        },
    )
}

/// One worker's end of the exchange, towards all owners.
#[derive(Default)]
struct Sender {
    from: usize,
    peers: usize,
    products: NameSender,
    tags: NameSender,
    /// By [`IdSpace`] and id, the owner.
    owners: [Vec<usize>; 2],
}

impl Sender {
    /// Sorts updates into one message for each owner.
    fn pack<D: HasIds>(
        &mut self,
        updates: &mut Vec<(D, Time, Counts)>,
        dictionaries: &mut Dictionaries,
    ) -> Vec<Message<D>> {
        let from = self.from;
        let (products, tags) = (NewNames::new, NewNames::new);
        let empty =
            |to| Message { to, from, products: products(), tags: tags(), updates: Vec::new() };
        let mut messages: Vec<_> = (0..self.peers).map(empty).collect();
        for (mut data, time, counts) in updates.drain(..) {
            let (space, key) = data.key();
            let to = self.owner(space, key, dictionaries);
            let message = &mut messages[to];
            // Updates that stay keep their ids, and need no names.
            if to != from {
                data.ids(|space, id| match space {
                    IdSpace::Products => {
                        self.products.add(to, *id, &dictionaries.products, &mut message.products);
                    }
                    IdSpace::Tags => self.tags.add(to, *id, &dictionaries.tags, &mut message.tags),
                });
            }
            message.updates.push((data, time, counts));
        }
        messages.retain(|message| !message.updates.is_empty());
        messages
    }

    /// What it remembers of names.
    fn size(&self) -> Size {
        let owners = size_of::<usize>() * self.owners.iter().map(Vec::capacity).sum::<usize>();
        let (products, tags) = (self.products.size(), self.tags.size());
        Size {
            records: products.records + tags.records,
            bytes: owners + products.bytes + tags.bytes,
        }
    }

    fn owner(&mut self, space: IdSpace, id: u32, dictionaries: &mut Dictionaries) -> usize {
        let names = space.of(dictionaries);
        let owners = &mut self.owners[space as usize];
        while owners.len() <= id as usize {
            let next = u32::try_from(owners.len()).expect("an id is a u32");
            owners.push(owner(names.text(next), self.peers));
        }
        owners[id as usize]
    }
}

/// One worker's end of the exchange, from all senders.
#[derive(Default)]
struct Receiver {
    products: NameReceiver,
    tags: NameReceiver,
}

impl Receiver {
    /// What it remembers of names.
    fn size(&self) -> Size {
        let (products, tags) = (self.products.size(), self.tags.size());
        Size { records: products.records + tags.records, bytes: products.bytes + tags.bytes }
    }

    /// A message's updates, in the receiver's ids.
    fn unpack<D: HasIds>(
        &mut self,
        message: Message<D>,
        dictionaries: &mut Dictionaries,
    ) -> Vec<(D, Time, Counts)> {
        let Message { to, from, products, tags, mut updates } = message;
        if to == from {
            return updates;
        }
        self.products.receive(from, products, &mut dictionaries.products);
        self.tags.receive(from, tags, &mut dictionaries.tags);
        for (data, _, _) in &mut updates {
            data.ids(|space, id| {
                *id = match space {
                    IdSpace::Products => self.products.local(from, *id),
                    IdSpace::Tags => self.tags.local(from, *id),
                };
            });
        }
        updates
    }
}
