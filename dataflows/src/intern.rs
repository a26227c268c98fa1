//! Strings end here: blocks go to their users' owners and become actions and touches of dense ids.

use crate::Time;
use crate::block::Block;
use crate::counts::Counts;
use crate::event::Event;
use crate::names::{SharedVocabulary, Vocabulary};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

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

/// Exchanges blocks to the owners of their users and interns what they say.
///
/// `keep` gets every block at its owner, once it is taken apart.
pub fn intern<'scope>(
    blocks: Stream<'scope, Time, Vec<(usize, Block)>>,
    vocabulary: SharedVocabulary,
    mut keep: impl FnMut(Time, Block) + 'static,
) -> (VecCollection<'scope, Time, Action, Counts>, VecCollection<'scope, Time, Touch, Counts>) {
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let mut builder = OperatorBuilder::new("intern".into(), blocks.scope());
    let mut input = builder.new_input(blocks, by_owner);
    let (actions, action_stream) = builder.new_output();
    let (touched, touch_stream) = builder.new_output();
    let mut actions = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(actions);
    let mut touched = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(touched);
    builder.build(move |_| {
        move |_| {
            let (mut actions, mut touched) = (actions.activate(), touched.activate());
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let mut actions = actions.session(&capability);
                let mut touched = touched.session(&capability);
                let mut vocabulary = vocabulary.borrow_mut();
                for (_, block) in blocks.drain(..) {
                    block.for_each(|event| {
                        let counts = Counts::one(event.kind);
                        let action = action(event, &mut vocabulary);
                        touches(event, action, &mut vocabulary, |touch| {
                            touched.give((touch, time, counts));
                        });
                        actions.give((action, time, counts));
                    });
                    keep(time, block);
                }
            });
        }
    });
    (action_stream.as_collection(), touch_stream.as_collection())
}

/// What was done. A time before the epoch is taken as the epoch.
fn action(event: &Event<'_>, vocabulary: &mut Vocabulary) -> Action {
    let user = vocabulary.users.intern(event.user);
    let product = vocabulary.products.intern(event.product);
    Action { user, product, time: u64::try_from(event.time).unwrap_or_default() }
}

/// An event's touches: its own tags, or the category, or the product itself standing in.
fn touches(
    event: &Event<'_>,
    action: Action,
    vocabulary: &mut Vocabulary,
    mut give: impl FnMut(Touch),
) {
    let Action { user, product, time } = action;
    let provisional = event.tags.is_empty();
    let mut touch = Touch { user, product, tag: 0, day: day(time), provisional };
    if provisional {
        let stand_in = if event.category.is_empty() { event.product } else { event.category };
        touch.tag = vocabulary.tags.intern(stand_in);
        give(touch);
    }
    for tag in &event.tags {
        touch.tag = vocabulary.tags.intern(tag);
        give(touch);
    }
}
