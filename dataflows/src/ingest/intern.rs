//! Strings end here: blocks go to their users' owners and become actions and touches of dense ids.

use super::guests::Settled;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::inputs::Blocks;
use crate::record::block::Block;
use crate::record::event::{Event, Kind};
use crate::score::counts::Counts;
use crate::time::{Time, day};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// That a user did something with a product: once for each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// Who, as the owner numbers users.
    pub user: u32,
    /// With what, as the owner numbers products.
    pub product: u32,
    /// When, in milliseconds since the Unix epoch.
    pub time: u64,
}

/// That a user touched a product, seen under one tag: once for each tag of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// Who, as the owner numbers users.
    pub user: u32,
    /// What, as the owner numbers products.
    pub product: u32,
    /// Under which tag, as the owner numbers tags.
    pub tag: u32,
    /// On which day, counted from the Unix epoch.
    pub day: u16,
    /// Whether the tag only stands in until the catalogue knows the product.
    pub provisional: bool,
}

/// What events say, in ids, at the owners of their users.
pub struct Interned<'scope> {
    /// What was done.
    pub actions: VecCollection<'scope, Time, Action, Counts>,
    /// User and tag of every touch under a tag that the event itself brought.
    pub tags: VecCollection<'scope, Time, (u32, u32), Counts>,
    /// The same touches, whole.
    pub touches: VecCollection<'scope, Time, Touch, Counts>,
    /// The touches under a tag that only stands in.
    pub provisional: VecCollection<'scope, Time, Touch, Counts>,
}

impl<'scope> Interned<'scope> {
    /// All that both say.
    #[must_use]
    pub fn concat(self, other: Interned<'scope>) -> Interned<'scope> {
        Interned {
            actions: self.actions.concat(other.actions),
            tags: self.tags.concat(other.tags),
            touches: self.touches.concat(other.touches),
            provisional: self.provisional.concat(other.provisional),
        }
    }
}

/// Exchanges blocks to the owners of their users and interns the events of accounts. With `ranks`
/// unset, only [`Interned::tags`] and [`Interned::provisional`] are made, and the products of events
/// with tags of their own are not looked up.
/// The events of
/// guests, whose user is their session, are not interned: they come out as they are.
///
/// `keep` gets every block at its owner, once it is taken apart.
pub fn intern<'scope>(
    blocks: Blocks<'scope>,
    ranks: bool,
    dictionaries: SharedDictionaries,
    mut keep: impl FnMut(Time, Block) + 'static,
) -> (Interned<'scope>, Stream<'scope, Time, Vec<Block>>) {
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let mut builder = OperatorBuilder::new("intern".into(), blocks.scope());
    let mut input = builder.new_input(blocks, by_owner);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let (guests, guest_stream) = builder.new_output();
    let mut guests = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(guests);
    let mut ids = Ids::new(ranks);
    builder.build(move |_| {
        move |_| {
            let mut guests = guests.activate();
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let mut aside = Block::default();
                for (_, block) in blocks.drain(..) {
                    ids.find(&block, &mut dictionaries.borrow_mut(), |event| {
                        if event.is_by_guest() {
                            aside.push(event);
                        }
                        !event.is_by_guest()
                    });
                    outputs.give(&capability, |updates| ids.add_to(time, 1, updates));
                    keep(time, block);
                }
                if !aside.is_empty() {
                    guests.session(&capability).give(aside);
                }
            });
        }
    });
    (interned, guest_stream)
}

/// Exchanges the events of guests to the owners of whom they count for, and interns them.
pub fn intern_settled<'scope>(
    settled: Stream<'scope, Time, Vec<Settled>>,
    ranks: bool,
    dictionaries: SharedDictionaries,
) -> Interned<'scope> {
    let by_owner = Exchange::new(|settled: &Settled| settled.owner as u64);
    let mut builder = OperatorBuilder::new("intern settled".into(), settled.scope());
    let mut input = builder.new_input(settled, by_owner);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let mut ids = Ids::new(ranks);
    builder.build(move |_| {
        move |_| {
            input.for_each(|capability, settled| {
                let time = *capability.least().expect("data has a time");
                for Settled { sign, events, .. } in settled.drain(..) {
                    ids.find(&events, &mut dictionaries.borrow_mut(), |_| true);
                    outputs.give(&capability, |updates| ids.add_to(time, sign, updates));
                }
            });
        }
    });
    interned
}

/// What a block says, as updates.
#[derive(Default)]
struct Updates {
    actions: Vec<(Action, Time, Counts)>,
    tags: Vec<((u32, u32), Time, Counts)>,
    touches: Vec<(Touch, Time, Counts)>,
    provisional: Vec<(Touch, Time, Counts)>,
}

/// The outputs of an operator that interns.
struct Outputs {
    actions: Output<Action>,
    tags: Output<(u32, u32)>,
    touches: Output<Touch>,
    provisional: Output<Touch>,
    updates: Updates,
}

type Output<D> = OutputBuilder<Time, CapacityContainerBuilder<Vec<(D, Time, Counts)>>>;

impl Outputs {
    fn new<'scope>(builder: &mut OperatorBuilder<'scope, Time>) -> (Outputs, Interned<'scope>) {
        let (actions, action_stream) = builder.new_output();
        let (tags, tag_stream) = builder.new_output();
        let (touches, touch_stream) = builder.new_output();
        let (provisional, provisional_stream) = builder.new_output();
        let outputs = Outputs {
            actions: OutputBuilder::from(actions),
            tags: OutputBuilder::from(tags),
            touches: OutputBuilder::from(touches),
            provisional: OutputBuilder::from(provisional),
            updates: Updates::default(),
        };
        let interned = Interned {
            actions: action_stream.as_collection(),
            tags: tag_stream.as_collection(),
            touches: touch_stream.as_collection(),
            provisional: provisional_stream.as_collection(),
        };
        (outputs, interned)
    }

    /// Gives the updates that `add` adds, one container an output: a block is about as large as a
    /// container should be.
    fn give(&mut self, capability: &InputCapability<Time>, add: impl FnOnce(&mut Updates)) {
        let Outputs { actions, tags, touches, provisional, updates } = self;
        add(updates);
        actions.activate().session(capability).give_container(&mut updates.actions);
        tags.activate().session(capability).give_container(&mut updates.tags);
        touches.activate().session(capability).give_container(&mut updates.touches);
        provisional.activate().session(capability).give_container(&mut updates.provisional);
    }
}

/// The ids of a block's texts, in their order.
struct Ids {
    /// Actions and touches are made, for rankings.
    ranks: bool,
    /// Kind, time in milliseconds, and how many tags the event itself brings.
    heads: Vec<(Kind, u64, usize)>,
    users: Vec<u32>,
    /// Of those events alone whose product is asked for.
    products: Vec<u32>,
    tags: Vec<u32>,
}

impl Ids {
    fn new(ranks: bool) -> Ids {
        let (heads, users, products, tags) = Default::default();
        Ids { ranks, heads, users, products, tags }
    }

    /// Looks up the texts of the events of a block that count, space by space: much faster than
    /// event by event.
    fn find(
        &mut self,
        block: &Block,
        dictionaries: &mut Dictionaries,
        mut counts: impl FnMut(&Event<'_>) -> bool,
    ) {
        let events = block.events();
        let (mut users, mut products) = (Vec::with_capacity(events), Vec::new());
        let mut tags = Vec::with_capacity(2 * events);
        self.heads.clear();
        block.for_each(|event| {
            if !counts(event) {
                return;
            }
            // A time before the epoch is taken as the epoch.
            let time = u64::try_from(event.time).unwrap_or_default();
            self.heads.push((event.kind, time, event.tags.len()));
            users.push(event.user);
            if self.needs_product(event.tags.len()) {
                products.push(event.product);
            }
            tags.extend_from_slice(&event.tags);
            if event.tags.is_empty() {
                // The category stands in, or the product itself.
                let category = (!event.category.is_empty()).then_some(event.category);
                tags.push(category.unwrap_or(event.product));
            }
        });
        dictionaries.users.intern_all(&users, &mut self.users);
        dictionaries.products.intern_all(&products, &mut self.products);
        dictionaries.tags.intern_all(&tags, &mut self.tags);
    }

    /// A product is needed for rankings, and where it stands in for tags.
    fn needs_product(&self, tags: usize) -> bool {
        self.ranks || tags == 0
    }

    /// Adds the updates of the block that was looked up; `sign` is -1 where they are taken back.
    fn add_to(&self, at: Time, sign: i32, updates: &mut Updates) {
        let (mut products, mut rest) = (self.products.iter(), self.tags.as_slice());
        for (&(kind, time, own), &user) in self.heads.iter().zip(&self.users) {
            let counts = Counts::one(kind).times(sign);
            let (tags, others) = rest.split_at(own.max(1));
            rest = others;
            if own > 0 {
                updates.tags.extend(tags.iter().map(|&tag| ((user, tag), at, counts)));
            }
            if !self.needs_product(own) {
                continue;
            }
            let &product = products.next().expect("one for each event that needs its product");
            let (day, provisional) = (day(time), own == 0);
            let touches = tags.iter().map(|&tag| Touch { user, product, tag, day, provisional });
            let touches = touches.map(|touch| (touch, at, counts));
            if provisional {
                updates.provisional.extend(touches);
            } else if self.ranks {
                updates.touches.extend(touches);
            }
            if self.ranks {
                updates.actions.push((Action { user, product, time }, at, counts));
            }
        }
    }
}
