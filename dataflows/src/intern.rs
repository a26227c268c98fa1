//! Strings end here: blocks go to their users' owners and become touches of dense ids.

use crate::Time;
use crate::block::Block;
use crate::counts::Counts;
use crate::event::Event;
use crate::names::{SharedVocabulary, Vocabulary};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// That a user touched a product, seen under one tag. An event is as many touches as it has tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Who, as the owner numbers users.
    pub user: u32,
    /// What, as the owner numbers products.
    pub product: u32,
    /// Under which tag, as the owner numbers tags.
    pub tag: u32,
    /// When, in minutes since the Unix epoch.
    pub minute: u32,
    /// Whether this is the event's first touch: the one that views of events count.
    pub first: bool,
    /// Whether the tag only stands in until the catalogue knows the product.
    pub provisional: bool,
}

/// Exchanges blocks to the owners of their users and interns what they say.
///
/// `keep` gets every block at its owner, once it is taken apart.
pub fn intern<'scope>(
    blocks: Stream<'scope, Time, Vec<(usize, Block)>>,
    vocabulary: SharedVocabulary,
    mut keep: impl FnMut(Time, Block) + 'static,
) -> VecCollection<'scope, Time, Touch, Counts> {
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let touches =
        blocks.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(by_owner, "intern", |_, _| {
            move |input, output| {
                input.for_each(|capability, blocks| {
                    let time = *capability.least().expect("data has a time");
                    let mut session = output.session(&capability);
                    let mut vocabulary = vocabulary.borrow_mut();
                    for (_, block) in blocks.drain(..) {
                        block.for_each(|event| {
                            let counts = Counts::one(event.kind);
                            touches(event, &mut vocabulary, |touch| {
                                session.give((touch, time, counts));
                            });
                        });
                        keep(time, block);
                    }
                });
            }
        });
    touches.as_collection()
}

/// An event's touches: its own tags, or the category, or the product itself standing in.
fn touches(event: &Event<'_>, vocabulary: &mut Vocabulary, mut give: impl FnMut(Touch)) {
    let user = vocabulary.users.intern(event.user);
    let product = vocabulary.products.intern(event.product);
    let minute = u32::try_from(event.time.max(0) / 60_000).unwrap_or(u32::MAX);
    let mut touch =
        Touch { user, product, tag: 0, minute, first: true, provisional: event.tags.is_empty() };
    if event.tags.is_empty() {
        let stand_in = if event.category.is_empty() { event.product } else { event.category };
        touch.tag = vocabulary.tags.intern(stand_in);
        give(touch);
    }
    for tag in &event.tags {
        touch.tag = vocabulary.tags.intern(tag);
        give(touch);
        touch.first = false;
    }
}
