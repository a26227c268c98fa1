//! The most popular products, by tag and overall: partitioned by tag, overall by product.

use crate::Time;
use crate::block::stable_hash;
use crate::counts::Counts;
use crate::intern::Touch;
use crate::names::SharedVocabulary;
use crate::tags::Tagged;
use crate::views::{View, arrange_here};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// The tag under which everything is counted: no event can bring it, for tags are never empty.
pub const OVERALL: &str = "";

/// Tag to product, as the tag's owner numbers both.
pub fn popularity<'scope>(
    tagged: VecCollection<'scope, Time, Tagged, Counts>,
    touches: VecCollection<'scope, Time, Touch, Counts>,
    vocabulary: SharedVocabulary,
) -> View<'scope, u32> {
    let overall = vocabulary.borrow_mut().tags.intern(OVERALL);
    let by_tag = tagged.map(|(_, tag, product)| (tag, product));
    let events = touches.filter(|touch| touch.first);
    let all = by_tag.concat(events.map(move |touch| (overall, touch.product)));
    // Ids mean nothing elsewhere: what crosses is text, summed up first.
    let names = vocabulary.clone();
    let texts = all.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "popularity out",
        |_, _| {
            move |input, output| {
                input.for_each(|time, updates| {
                    consolidate_updates(updates);
                    let names = names.borrow();
                    output.session(&time).give_iterator(updates.drain(..).map(
                        |((tag, product), time, counts)| {
                            let tag = names.tags.text(tag).to_string();
                            ((tag, names.products.text(product).to_string()), time, counts)
                        },
                    ));
                });
            }
        },
    );
    let by_owner = Exchange::new(|((tag, product), _, _): &((String, String), Time, Counts)| {
        stable_hash(if tag == OVERALL { product } else { tag }.as_bytes())
    });
    let here = texts.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        by_owner,
        "popularity in",
        |_, _| {
            move |input, output| {
                input.for_each(|time, updates| {
                    let mut names = vocabulary.borrow_mut();
                    output.session(&time).give_iterator(updates.drain(..).map(
                        |((tag, product), time, counts)| {
                            let tag = names.tags.intern(&tag);
                            ((tag, names.products.intern(&product)), time, counts)
                        },
                    ));
                });
            }
        },
    );
    arrange_here(here.as_collection(), "popularity")
}
