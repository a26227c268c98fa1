//! Interns events: at the owners of their users, blocks become actions and touches of ids.

use super::guests::Attribution;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::inputs::Blocks;
use crate::record::block::Block;
use crate::record::event::{Event, Kind};
use crate::score::counts::Counts;
use crate::time::{Time, day};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// An event in dense ids, without its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The user's id at its owner.
    pub user: u32,
    /// The product's id, likewise.
    pub product: u32,
    /// The time of the event, in milliseconds since the Unix epoch.
    pub time: u64,
}

/// An event under one of its tags: an event makes one touch for each tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// The user's id at its owner.
    pub user: u32,
    /// The product's id, likewise.
    pub product: u32,
    /// The tag's id, likewise.
    pub tag: u32,
    /// The day of the event, counted from the Unix epoch.
    pub day: u16,
    /// True for a stand-in: the tag holds until the catalogue knows the product.
    pub is_stand_in: bool,
}

/// Events in ids, at the owners of their users.
pub struct Interned<'scope> {
    /// The events, without tags.
    pub actions: VecCollection<'scope, Time, Action, Counts>,
    /// User and tag of every touch whose event brought the tag.
    pub tags: VecCollection<'scope, Time, (u32, u32), Counts>,
    /// The same touches, whole.
    pub touches: VecCollection<'scope, Time, Touch, Counts>,
    /// The touches under a stand-in.
    pub stand_ins: VecCollection<'scope, Time, Touch, Counts>,
}

impl<'scope> Interned<'scope> {
    /// The events of both.
    #[must_use]
    pub fn concat(self, other: Interned<'scope>) -> Interned<'scope> {
        Interned {
            actions: self.actions.concat(other.actions),
            tags: self.tags.concat(other.tags),
            touches: self.touches.concat(other.touches),
            stand_ins: self.stand_ins.concat(other.stand_ins),
        }
    }
}

/// Interns the events of accounts, in blocks that are at the owners of their users. The events of
/// guests come out as they are.
///
/// With `ranks` unset, only [`Interned::tags`] and [`Interned::stand_ins`] are made, and the
/// products of events with tags of their own are not looked up. `on_block` gets every block.
pub fn intern<'scope>(
    blocks: Blocks<'scope>,
    ranks: bool,
    dictionaries: SharedDictionaries,
    mut on_block: impl FnMut(Time, Block) + 'static,
) -> (Interned<'scope>, Stream<'scope, Time, Vec<Block>>) {
    let mut builder = OperatorBuilder::new("intern events".into(), blocks.scope());
    let mut input = builder.new_input(blocks, Pipeline);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let (guests, guest_stream) = builder.new_output();
    let mut guests = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(guests);
    let mut ids = Ids::new(ranks);
    builder.build(move |_| {
        move |_| {
            let mut guests = guests.activate();
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let mut of_guests = Block::default();
                for (_, block) in blocks.drain(..) {
                    ids.find(&block, &mut dictionaries.borrow_mut(), |event| {
                        if event.is_by_guest() {
                            of_guests.push(event);
                        }
                        !event.is_by_guest()
                    });
                    outputs.give(&capability, |updates| ids.add_to(time, 1, updates));
                    on_block(time, block);
                }
                if !of_guests.is_empty() {
                    guests.session(&capability).give(of_guests);
                }
            });
        }
    });
    (interned, guest_stream)
}

/// Exchanges the events of guests to the owners of the users that they count for, and interns them.
pub fn intern_guests<'scope>(
    attributions: Stream<'scope, Time, Vec<Attribution>>,
    ranks: bool,
    dictionaries: SharedDictionaries,
) -> Interned<'scope> {
    let by_owner = Exchange::new(|attribution: &Attribution| attribution.owner as u64);
    let mut builder = OperatorBuilder::new("intern guest events".into(), attributions.scope());
    let mut input = builder.new_input(attributions, by_owner);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let mut ids = Ids::new(ranks);
    builder.build(move |_| {
        move |_| {
            input.for_each(|capability, attributions| {
                let time = *capability.least().expect("data has a time");
                for Attribution { sign, events, .. } in attributions.drain(..) {
                    ids.find(&events, &mut dictionaries.borrow_mut(), |_| true);
                    outputs.give(&capability, |updates| ids.add_to(time, sign, updates));
                }
            });
        }
    });
    interned
}

/// The updates that a block makes.
#[derive(Default)]
struct Updates {
    actions: Vec<(Action, Time, Counts)>,
    tags: Vec<((u32, u32), Time, Counts)>,
    touches: Vec<(Touch, Time, Counts)>,
    stand_ins: Vec<(Touch, Time, Counts)>,
}

/// The outputs of an interning operator.
struct Outputs {
    actions: Output<Action>,
    tags: Output<(u32, u32)>,
    touches: Output<Touch>,
    stand_ins: Output<Touch>,
    updates: Updates,
}

type Output<D> = OutputBuilder<Time, CapacityContainerBuilder<Vec<(D, Time, Counts)>>>;

impl Outputs {
    fn new<'scope>(builder: &mut OperatorBuilder<'scope, Time>) -> (Outputs, Interned<'scope>) {
        let (actions, action_stream) = builder.new_output();
        let (tags, tag_stream) = builder.new_output();
        let (touches, touch_stream) = builder.new_output();
        let (stand_ins, stand_in_stream) = builder.new_output();
        let outputs = Outputs {
            actions: OutputBuilder::from(actions),
            tags: OutputBuilder::from(tags),
            touches: OutputBuilder::from(touches),
            stand_ins: OutputBuilder::from(stand_ins),
            updates: Updates::default(),
        };
        let interned = Interned {
            actions: action_stream.as_collection(),
            tags: tag_stream.as_collection(),
            touches: touch_stream.as_collection(),
            stand_ins: stand_in_stream.as_collection(),
        };
        (outputs, interned)
    }

    /// Sends the updates that `add` makes, as one container for each output: a block is about as
    /// large as a container should be.
    fn give(&mut self, capability: &InputCapability<Time>, add: impl FnOnce(&mut Updates)) {
        let Outputs { actions, tags, touches, stand_ins, updates } = self;
        add(updates);
        actions.activate().session(capability).give_container(&mut updates.actions);
        tags.activate().session(capability).give_container(&mut updates.tags);
        touches.activate().session(capability).give_container(&mut updates.touches);
        stand_ins.activate().session(capability).give_container(&mut updates.stand_ins);
    }
}

/// The ids of a block's texts, in their order.
struct Ids {
    /// True if actions and touches are made, for rankings.
    ranks: bool,
    /// Kind, time in milliseconds, and the number of tags that the event brought.
    heads: Vec<(Kind, u64, usize)>,
    users: Vec<u32>,
    /// Of those events only that need their product; see [`Ids::needs_product`].
    products: Vec<u32>,
    tags: Vec<u32>,
}

impl Ids {
    fn new(ranks: bool) -> Ids {
        let (heads, users, products, tags) = Default::default();
        Ids { ranks, heads, users, products, tags }
    }

    /// Interns the texts of the events for which `is_wanted` holds, one dictionary after the other,
    /// which is much faster than event by event.
    fn find(
        &mut self,
        block: &Block,
        dictionaries: &mut Dictionaries,
        mut is_wanted: impl FnMut(&Event<'_>) -> bool,
    ) {
        let events = block.events();
        let (mut users, mut products) = (Vec::with_capacity(events), Vec::new());
        let mut tags = Vec::with_capacity(2 * events);
        self.heads.clear();
        block.for_each(|event| {
            if !is_wanted(event) {
                return;
            }
            // A time before the epoch counts as the epoch.
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

    /// A product is needed for rankings, and as the key of an event without tags.
    fn needs_product(&self, tags: usize) -> bool {
        self.ranks || tags == 0
    }

    /// Adds the updates of the block that was interned; `sign` is -1 to retract them.
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
            let (day, is_stand_in) = (day(time), own == 0);
            let touches = tags.iter().map(|&tag| Touch { user, product, tag, day, is_stand_in });
            let touches = touches.map(|touch| (touch, at, counts));
            if is_stand_in {
                updates.stand_ins.extend(touches);
            } else if self.ranks {
                updates.touches.extend(touches);
            }
            if self.ranks {
                updates.actions.push((Action { user, product, time }, at, counts));
            }
        }
    }
}
