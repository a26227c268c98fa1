//! Strings end here: blocks go to their users' owners and become actions and touches of dense ids.

use crate::Time;
use crate::block::Block;
use crate::counts::Counts;
use crate::event::{Event, Kind};
use crate::guests::Settled;
use crate::names::{SharedVocabulary, Vocabulary};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Blocks on their way, each with its owner.
pub type Blocks<'scope> = Stream<'scope, Time, Vec<(usize, Block)>>;

/// Milliseconds in a day.
pub const DAY: u64 = 24 * 60 * 60 * 1000;

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

/// The day of a time in milliseconds.
pub fn day(time: u64) -> u16 {
    u16::try_from(time / DAY).unwrap_or(u16::MAX)
}

/// What events say, in ids, at the owners of their users.
pub struct Interned<'scope> {
    /// What was done.
    pub actions: VecCollection<'scope, Time, Action, Counts>,
    /// What was touched, and under which tags.
    pub touches: VecCollection<'scope, Time, Touch, Counts>,
}

impl<'scope> Interned<'scope> {
    /// All that both say.
    #[must_use]
    pub fn concat(self, other: Interned<'scope>) -> Interned<'scope> {
        let actions = self.actions.concat(other.actions);
        Interned { actions, touches: self.touches.concat(other.touches) }
    }
}

/// Exchanges blocks to the owners of their users and interns what accounts did. The events of
/// guests, whose user is their session, are not interned: they come out as they are.
///
/// `keep` gets every block at its owner, once it is taken apart.
pub fn intern<'scope>(
    blocks: Blocks<'scope>,
    vocabulary: SharedVocabulary,
    mut keep: impl FnMut(Time, Block) + 'static,
) -> (Interned<'scope>, Stream<'scope, Time, Vec<Block>>) {
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let mut builder = OperatorBuilder::new("intern".into(), blocks.scope());
    let mut input = builder.new_input(blocks, by_owner);
    let (actions, action_stream) = builder.new_output();
    let (touched, touch_stream) = builder.new_output();
    let (guests, guest_stream) = builder.new_output();
    let mut actions = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(actions);
    let mut touched = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(touched);
    let mut guests = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(guests);
    let mut ids = Ids::default();
    builder.build(move |_| {
        move |_| {
            let (mut actions, mut touched) = (actions.activate(), touched.activate());
            let mut guests = guests.activate();
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let mut actions = actions.session(&capability);
                let mut touched = touched.session(&capability);
                let mut aside = Block::default();
                for (_, block) in blocks.drain(..) {
                    ids.find(&block, &mut vocabulary.borrow_mut(), |event| {
                        if event.is_guests() {
                            aside.push(event);
                        }
                        !event.is_guests()
                    });
                    let counts = |event: &Event<'_>| !event.is_guests();
                    ids.for_each(&block, counts, |kind, action, touches| {
                        let counts = Counts::one(kind);
                        actions.give((action, time, counts));
                        touched.give_iterator(touches.map(|touch| (touch, time, counts)));
                    });
                    keep(time, block);
                }
                if !aside.is_empty() {
                    guests.session(&capability).give(aside);
                }
            });
        }
    });
    let (actions, touches) = (action_stream.as_collection(), touch_stream.as_collection());
    (Interned { actions, touches }, guest_stream)
}

/// Exchanges the events of guests to the owners of whom they count for, and interns them.
pub fn intern_settled<'scope>(
    settled: Stream<'scope, Time, Vec<Settled>>,
    vocabulary: SharedVocabulary,
) -> Interned<'scope> {
    let by_owner = Exchange::new(|settled: &Settled| settled.owner as u64);
    let mut builder = OperatorBuilder::new("intern settled".into(), settled.scope());
    let mut input = builder.new_input(settled, by_owner);
    let (actions, action_stream) = builder.new_output();
    let (touched, touch_stream) = builder.new_output();
    let mut actions = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(actions);
    let mut touched = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(touched);
    let mut ids = Ids::default();
    builder.build(move |_| {
        move |_| {
            let (mut actions, mut touched) = (actions.activate(), touched.activate());
            input.for_each(|capability, settled| {
                let time = *capability.least().expect("data has a time");
                let mut actions = actions.session(&capability);
                let mut touched = touched.session(&capability);
                for Settled { sign, events, .. } in settled.drain(..) {
                    ids.find(&events, &mut vocabulary.borrow_mut(), |_| true);
                    ids.for_each(
                        &events,
                        |_| true,
                        |kind, action, touches| {
                            let counts = Counts::one(kind).times(sign);
                            actions.give((action, time, counts));
                            touched.give_iterator(touches.map(|touch| (touch, time, counts)));
                        },
                    );
                }
            });
        }
    });
    Interned { actions: action_stream.as_collection(), touches: touch_stream.as_collection() }
}

/// The ids of a block's texts, in their order.
#[derive(Default)]
struct Ids {
    users: Vec<u32>,
    products: Vec<u32>,
    tags: Vec<u32>,
}

impl Ids {
    /// Looks up all texts of the events of a block that count, space by space: much faster than event
    /// by event.
    fn find(
        &mut self,
        block: &Block,
        vocabulary: &mut Vocabulary,
        mut counts: impl FnMut(&Event<'_>) -> bool,
    ) {
        let events = block.events();
        let mut users = Vec::with_capacity(events);
        let mut products = Vec::with_capacity(events);
        let mut tagged = Vec::with_capacity(2 * events);
        block.for_each(|event| {
            if !counts(event) {
                return;
            }
            users.push(event.user);
            products.push(event.product);
            tagged.extend(tags(event));
        });
        vocabulary.users.intern_all(&users, &mut self.users);
        vocabulary.products.intern_all(&products, &mut self.products);
        vocabulary.tags.intern_all(&tagged, &mut self.tags);
    }

    /// Shows what was done in each event that counts, and its touches.
    fn for_each(
        &self,
        block: &Block,
        counts: impl Fn(&Event<'_>) -> bool,
        mut show: impl FnMut(Kind, Action, &mut dyn Iterator<Item = Touch>),
    ) {
        let mut actors = self.users.iter().zip(&self.products);
        let mut rest = self.tags.as_slice();
        block.for_each(|event| {
            if !counts(event) {
                return;
            }
            let (&user, &product) = actors.next().expect("each event has a user and a product");
            // A time before the epoch is taken as the epoch.
            let time = u64::try_from(event.time).unwrap_or_default();
            let (mine, others) = rest.split_at(event.tags.len().max(1));
            rest = others;
            let (day, provisional) = (day(time), event.tags.is_empty());
            let touch = |&tag| Touch { user, product, tag, day, provisional };
            show(event.kind, Action { user, product, time }, &mut mine.iter().map(touch));
        });
    }
}

/// What an event counts for: its own tags, or the category, or the product itself standing in.
fn tags<'a>(event: &Event<'a>) -> impl Iterator<Item = &'a str> {
    let stand_in = if event.category.is_empty() { event.product } else { event.category };
    let stand_in = event.tags.is_empty().then_some(stand_in);
    event.tags.iter().copied().chain(stand_in)
}
