//! What the moments of the history count for, by their tags: popularity, and touches whose tags may change.

use super::popularity::{OVERALL_ID, ProductDay};
use super::tags::Touch;
use crate::arrange::view::Changes;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::tag_sets::TagSet;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{RESTORED, Time};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Moments by tag.
pub struct Expanded<'scope> {
    /// Tag and product's day, for every tag that an event brought, and overall.
    pub popular: Changes<'scope, ProductDay>,
    /// The moments whose tags are those of the catalogue, or a stand-in.
    pub stand_ins: VecCollection<'scope, Time, Touch, Counts>,
}

/// Expands moments to their tags. With `ranks` unset, nothing is popular.
pub fn expand<'scope>(
    moments: Changes<'scope, Moment>,
    ranks: bool,
    dictionaries: SharedDictionaries,
) -> Expanded<'scope> {
    let mut builder = OperatorBuilder::new("expand moments".into(), moments.inner.scope());
    let mut moments = builder.new_input(moments.inner, Pipeline);
    let (popular, popular_stream) = builder.new_output();
    let (stand_ins, stand_in_stream) = builder.new_output();
    let mut popular = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(popular);
    let mut stand_ins = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(stand_ins);
    builder.build(move |_| {
        move |_| {
            let (mut popular, mut stand_ins) = (popular.activate(), stand_ins.activate());
            moments.for_each(|capability, moments| {
                let tag_sets = &dictionaries.borrow().tag_sets;
                let mut popular = popular.session(&capability);
                let mut stand_ins = stand_ins.session(&capability);
                for ((user, moment), time, counts) in moments.drain(..) {
                    if !moment.counts() {
                        continue;
                    }
                    let (product, day) = (moment.product, moment.day());
                    let TagSet { tags, is_stand_in } = tag_sets.get(moment.tag_set);
                    let brought = if is_stand_in { &[] } else { tags };
                    // What was popular is restored itself.
                    if ranks && time != RESTORED {
                        for &tag in brought.iter().chain(&[OVERALL_ID]) {
                            popular.give(((tag, ProductDay { product, day }), time, counts));
                        }
                    }
                    if is_stand_in {
                        let touch = Touch { user, tag: tags[0], product, day };
                        stand_ins.give((touch, time, counts));
                    }
                }
            });
        }
    });
    Expanded { popular: popular_stream.as_collection(), stand_ins: stand_in_stream.as_collection() }
}
