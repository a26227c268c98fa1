//! Guests that sign in: what they did goes over to their accounts.
//!
//! A guest is a user whose name is the session: an event that came with a session and no user. A
//! [`Merge`] says that until a time a guest was an account. An event goes with the earliest merge of
//! its guest that is not before it, whatever comes first; one that was counted for the guest is
//! taken back and counted for the account, both at the logical time of the merge. Events of accounts
//! never move, so merges do not chain.
//!
//! To be moved later, an event is kept for as long as the history would keep it. A merge that comes
//! when it is older than that leaves it where it is.

use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::{owner, stable_hash};
use crate::record::block::Block;
use crate::record::event::Event;
use crate::record::merge::Merge;
use crate::time::{EventClock, Time, hour};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, InputCapability};

/// Events that count for their users from a time on, or no longer do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// The worker that owns the users.
    pub owner: usize,
    /// 1, or -1 for events that are taken back.
    pub sign: i32,
    /// The events, each with the user that it counts for.
    pub events: Block,
}

/// What came at one time and waits for it to be complete.
struct Epoch {
    capability: Capability<Time>,
    blocks: Vec<Block>,
    merges: Vec<Merge>,
}

/// Decides whom the events of guests count for. They come at the owners of the guests; merges may
/// come anywhere. All that is of one time is looked at together, and times in their order, so that
/// the outcome is the same on any number of workers.
pub fn guests<'scope>(
    blocks: Stream<'scope, Time, Vec<Block>>,
    merges: Stream<'scope, Time, Vec<Merge>>,
    hours: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    dictionaries: SharedDictionaries,
) -> Stream<'scope, Time, Vec<Settled>> {
    let scope = blocks.scope();
    let by_guest = Exchange::new(|merge: &Merge| stable_hash(merge.guest.as_bytes()));
    let mut builder = OperatorBuilder::new("guests".into(), scope);
    let mut blocks = builder.new_input(blocks, Pipeline);
    let mut merges = builder.new_input(merges, by_guest);
    let mut hours = builder.new_input(hours, Pipeline);
    let (output, settled) = builder.new_output();
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
                blocks.iter().for_each(|block| guests.take(block, users));
                output.session(&capability).give_iterator(guests.settled());
            }
            let open = frontiers.iter().flat_map(|frontier| frontier.frontier().to_vec());
            let next = open.chain(waiting.keys().next().copied()).min();
            clock.forget_before(next.unwrap_or(Time::MAX));
        }
    });
    settled
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
    /// Which guests have kept events of an hour; each once.
    by_hour: BTreeMap<u32, Vec<u32>>,
    horizon: u32,
    /// What was decided, by owner: what counts, and what no longer does.
    settled: Vec<[Block; 2]>,
}

#[derive(Default)]
struct Guest {
    /// By hour, the events that a merge may still move.
    kept: Vec<(u32, Block)>,
    accounts: Accounts,
}

/// The merges of one guest: time and account, in order. They are kept for ever, as profiles are:
/// whatever comes late, or is read again, finds its account.
#[derive(Clone, Default)]
struct Accounts(Vec<(i64, String)>);

impl Accounts {
    fn insert(&mut self, time: i64, account: String) {
        let merge = (time, account);
        if let Err(place) = self.0.binary_search(&merge) {
            self.0.insert(place, merge);
        }
    }

    /// Whom an event counts for.
    fn of<'a>(&'a self, event: &Event<'a>) -> &'a str {
        let earliest = self.0.partition_point(|(time, _)| *time < event.time);
        self.0.get(earliest).map_or(event.user, |(_, account)| account)
    }
}

impl Guests {
    fn new(horizon: u32, peers: usize) -> Guests {
        let settled = std::iter::repeat_with(Default::default).take(peers).collect();
        Guests { by_user: HashMap::new(), by_hour: BTreeMap::new(), horizon, settled }
    }

    /// Lets go of events that are too old by now to be moved.
    fn forget(&mut self, now: u32) {
        while let Some(first) = self.by_hour.first_entry() {
            let hour = *first.key();
            if now < hour.saturating_add(self.horizon) {
                break;
            }
            for user in first.remove() {
                let Some(guest) = self.by_user.get_mut(&user) else { continue };
                guest.kept.retain(|(kept, _)| *kept != hour);
                if guest.kept.is_empty() && guest.accounts.0.is_empty() {
                    self.by_user.remove(&user);
                }
            }
        }
    }

    /// Moves what is kept and counts for another from now on.
    fn merge(&mut self, mut merges: Vec<Merge>, users: &mut Dictionary) {
        merges.sort_unstable();
        let mut merges = merges.into_iter().peekable();
        while let Some(Merge { guest: name, time, account }) = merges.next() {
            let guest = self.by_user.entry(users.intern(&name)).or_default();
            let before = guest.accounts.clone();
            guest.accounts.insert(time, account);
            while let Some(more) = merges.next_if(|merge| merge.guest == name) {
                guest.accounts.insert(more.time, more.account);
            }
            for (_, block) in &guest.kept {
                block.for_each(|event| {
                    let (old, new) = (before.of(event), guest.accounts.of(event));
                    if old != new {
                        settle(&mut self.settled, old, event, -1);
                        settle(&mut self.settled, new, event, 1);
                    }
                });
            }
        }
    }

    /// Counts new events, and keeps them: those that are too old already, until the next turn.
    fn take(&mut self, block: &Block, users: &mut Dictionary) {
        block.for_each(|event| {
            let user = users.intern(event.user);
            let guest = self.by_user.entry(user).or_default();
            settle(&mut self.settled, guest.accounts.of(event), event, 1);
            let hour = hour(u64::try_from(event.time).unwrap_or_default());
            match guest.kept.iter_mut().rev().find(|(kept, _)| *kept == hour) {
                Some((_, block)) => block.push(event),
                None => {
                    let mut block = Block::default();
                    block.push(event);
                    guest.kept.push((hour, block));
                    self.by_hour.entry(hour).or_default().push(user);
                }
            }
        });
    }

    /// What was decided since it was asked for.
    fn settled(&mut self) -> impl Iterator<Item = Settled> {
        let owners = self.settled.iter_mut().enumerate();
        let signs = owners.flat_map(|(owner, [counts, back])| {
            [(owner, -1, std::mem::take(back)), (owner, 1, std::mem::take(counts))]
        });
        let settled = signs.map(|(owner, sign, events)| Settled { owner, sign, events });
        settled.filter(|settled| !settled.events.is_empty())
    }
}

/// Notes that an event counts for a user, or no longer does.
fn settle(settled: &mut [[Block; 2]], user: &str, event: &Event<'_>, sign: i32) {
    let [counts, back] = &mut settled[owner(user, settled.len())];
    if sign < 0 { back } else { counts }.push_for(user, event);
}
