//! Guests that sign in: their events move to their accounts.
//!
//! A guest is a user named by the session: the events came with a session and no user. A [`Merge`]
//! says that a guest's events up to a time are an account's. An event counts for the account of the
//! earliest merge of its guest that is not before it, whichever came first. If it was counted for
//! the guest, it is retracted and counted for the account, both at the logical time of the merge.
//! Events of accounts never move, so merges do not chain.
//!
//! An event can be moved for as long as the history would keep it. A later merge leaves it where it
//! is.

use crate::held::Size;
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::{owner, stable_hash};
use crate::record::block::Block;
use crate::record::decision::Decision;
use crate::record::event::Event;
use crate::time::{EventClock, Time, hour};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, InputCapability};

/// Events to be counted for their users, or to be retracted from them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attribution {
    /// The worker that owns the users.
    pub owner: usize,
    /// 1, or -1 for a retraction.
    pub sign: i32,
    /// The events, each with the user that it counts for.
    pub events: Block,
}

/// The input of one time, held until the time is complete.
struct Epoch {
    capability: Capability<Time>,
    blocks: Vec<Block>,
    merges: Vec<Decision>,
}

/// Decides whom the events of guests count for. Their blocks arrive at the owners of the guests,
/// and merges are exchanged to them. The input of one time is taken together, and times in order,
/// so that the outcome is the same on any number of workers.
///
/// ```text
/// user_of(event) = account of the earliest merge with merge.guest == event.user
///                                                 and merge.time >= event.time, or else event.user
/// ```
pub fn guests<'scope>(
    blocks: Stream<'scope, Time, Vec<Block>>,
    merges: Stream<'scope, Time, Vec<Decision>>,
    hours: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    dictionaries: SharedDictionaries,
    held: Rc<Cell<Size>>,
) -> Stream<'scope, Time, Vec<Attribution>> {
    let scope = blocks.scope();
    let by_guest = Exchange::new(|merge: &Decision| stable_hash(merge.user.as_bytes()));
    let mut builder = OperatorBuilder::new("attribute guest events".into(), scope);
    let mut blocks = builder.new_input(blocks, Pipeline);
    let mut merges = builder.new_input(merges, by_guest);
    let mut hours = builder.new_input(hours, Pipeline);
    let (output, attributions) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Epoch> = BTreeMap::new();
        let mut clock = EventClock::default();
        let mut guests = Guests::new(horizon, scope.peers());
        move |frontiers| {
            blocks.for_each(|capability, blocks| {
                epoch(&mut waiting, &capability).blocks.append(blocks);
            });
            merges.for_each(|capability, merges| {
                epoch(&mut waiting, &capability).merges.append(merges);
            });
            hours.for_each(|capability, hours| {
                let time = *capability.least().expect("data has a time");
                hours.drain(..).for_each(|hour| clock.set(time, hour));
            });
            let mut output = output.activate();
            while let Some(first) = waiting.first_entry() {
                let time = *first.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&time)) {
                    break;
                }
                let Epoch { capability, blocks, merges } = first.remove();
                let users = &mut dictionaries.borrow_mut().users;
                guests.forget(clock.at(time));
                guests.merge(merges, users);
                blocks.iter().for_each(|block| guests.add(block, users));
                output.session(&capability).give_iterator(guests.take_attributions());
            }
            let open = frontiers.iter().flat_map(|frontier| frontier.frontier().to_vec());
            let next = open.chain(waiting.keys().next().copied()).min();
            clock.forget_before(next.unwrap_or(Time::MAX));
            held.set(guests.size());
        }
    });
    attributions
}

fn epoch<'a>(
    waiting: &'a mut BTreeMap<Time, Epoch>,
    capability: &InputCapability<Time>,
) -> &'a mut Epoch {
    let capability = capability.retain_least(0).expect("data has a time");
    let new = |capability| Epoch { capability, blocks: Vec::new(), merges: Vec::new() };
    waiting.entry(*capability.time()).or_insert_with(|| new(capability))
}

/// The guests that a worker owns.
struct Guests {
    by_user: HashMap<u32, Guest>,
    /// By hour, the guests that have events of it, each once.
    by_hour: BTreeMap<u32, Vec<u32>>,
    horizon: u32,
    /// The events and merges that are held.
    held: Size,
    /// By owner, the events to count and those to retract, as decided since they were last taken.
    decided: Vec<[Block; 2]>,
}

#[derive(Default)]
struct Guest {
    /// By hour, the events that a merge may still move.
    events: Vec<(u32, Block)>,
    accounts: Accounts,
}

/// The merges of one guest: time and account, in order. They are kept for ever, as profiles are, so
/// that late events, and those that are read again, find their account.
#[derive(Clone, Default)]
struct Accounts(Vec<(i64, String)>);

impl Accounts {
    fn insert(&mut self, time: i64, account: String) {
        let merge = (time, account);
        if let Err(place) = self.0.binary_search(&merge) {
            self.0.insert(place, merge);
        }
    }

    fn bytes(&self) -> usize {
        let text = |(_, account): &(i64, String)| size_of::<(i64, String)>() + account.len();
        self.0.iter().map(text).sum()
    }

    /// The user that an event counts for.
    fn user_of<'a>(&'a self, event: &Event<'a>) -> &'a str {
        let earliest = self.0.partition_point(|(time, _)| *time < event.time);
        self.0.get(earliest).map_or(event.user, |(_, account)| account)
    }
}

impl Guests {
    fn new(horizon: u32, peers: usize) -> Guests {
        let decided = std::iter::repeat_with(Default::default).take(peers).collect();
        let (by_user, by_hour) = Default::default();
        Guests { by_user, by_hour, horizon, held: Size::default(), decided }
    }

    fn size(&self) -> Size {
        let guest = size_of::<(u32, Guest)>() + 1;
        Size { bytes: self.held.bytes + guest * self.by_user.capacity(), ..self.held }
    }

    /// Drops the events that are too old by now to be moved.
    fn forget(&mut self, now: u32) {
        while let Some(first) = self.by_hour.first_entry() {
            let hour = *first.key();
            if now < hour.saturating_add(self.horizon) {
                break;
            }
            for user in first.remove() {
                let Some(guest) = self.by_user.get_mut(&user) else { continue };
                let left = guest.events.extract_if(.., |(other, _)| *other == hour);
                left.for_each(|(_, block)| {
                    self.held.records -= block.events();
                    self.held.bytes -= block_size(&block);
                });
                if guest.events.is_empty() && guest.accounts.0.is_empty() {
                    self.by_user.remove(&user);
                }
            }
        }
    }

    /// Adds merges, and moves the events that count for another user because of them.
    fn merge(&mut self, mut merges: Vec<Decision>, users: &mut Dictionary) {
        merges.sort_unstable();
        let mut merges = merges.into_iter().peekable();
        while let Some(Decision { user: name, time, account: Some(account), .. }) = merges.next() {
            let guest = self.by_user.entry(users.intern(&name)).or_default();
            let before = guest.accounts.clone();
            guest.accounts.insert(time, account);
            while let Some(more) = merges.next_if(|merge| merge.user == name) {
                guest.accounts.insert(more.time, more.account.unwrap_or_default());
            }
            self.held.records += guest.accounts.0.len() - before.0.len();
            self.held.bytes += guest.accounts.bytes() - before.bytes();
            for (_, block) in &guest.events {
                block.for_each(|event| {
                    let (old, new) = (before.user_of(event), guest.accounts.user_of(event));
                    if old != new {
                        attribute(&mut self.decided, old, event, -1);
                        attribute(&mut self.decided, new, event, 1);
                    }
                });
            }
        }
    }

    /// Counts new events, and keeps them to be moved. Those that are too old go at the next epoch.
    fn add(&mut self, block: &Block, users: &mut Dictionary) {
        block.for_each(|event| {
            let user = users.intern(event.user);
            let guest = self.by_user.entry(user).or_default();
            attribute(&mut self.decided, guest.accounts.user_of(event), event, 1);
            let hour = hour(u64::try_from(event.time).unwrap_or_default());
            self.held.records += 1;
            match guest.events.iter_mut().rev().find(|(other, _)| *other == hour) {
                Some((_, block)) => {
                    let before = block.allocated();
                    block.push(event);
                    self.held.bytes += block.allocated() - before;
                }
                None => {
                    let mut block = Block::default();
                    block.push(event);
                    self.held.bytes += block_size(&block);
                    guest.events.push((hour, block));
                    self.by_hour.entry(hour).or_default().push(user);
                }
            }
        });
    }

    /// The decisions since the last call.
    fn take_attributions(&mut self) -> impl Iterator<Item = Attribution> {
        let owners = self.decided.iter_mut().enumerate();
        let signs = owners.flat_map(|(owner, [counted, retracted])| {
            [(owner, -1, std::mem::take(retracted)), (owner, 1, std::mem::take(counted))]
        });
        let attributions = signs.map(|(owner, sign, events)| Attribution { owner, sign, events });
        attributions.filter(|attribution| !attribution.events.is_empty())
    }
}

/// The bytes of a guest's events of one hour, and of the guest's place among those of that hour.
fn block_size(block: &Block) -> usize {
    block.allocated() + size_of::<(u32, Block)>() + size_of::<u32>()
}

/// Counts an event for a user, or retracts it.
fn attribute(decided: &mut [[Block; 2]], user: &str, event: &Event<'_>, sign: i32) {
    let [counted, retracted] = &mut decided[owner(user, decided.len())];
    if sign < 0 { retracted } else { counted }.push_for(user, event);
}
