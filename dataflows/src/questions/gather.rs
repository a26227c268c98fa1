//! Brings parts to their origins, in the origins' ids, and waits for their epoch to close.

use super::{Part, Sent};
use crate::Time;
use crate::crossing::Learner;
use crate::names::SharedVocabulary;
use std::collections::{BTreeMap, HashMap};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// All parts of a question, once its epoch has closed.
pub(super) type Gathered = (u64, Time, Vec<Part>);

pub(super) fn gather<'scope>(
    parts: Stream<'scope, Time, Vec<Sent>>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Gathered>> {
    let me = parts.scope().index();
    let to_origin = Exchange::new(|sent: &Sent| sent.origin as u64);
    parts.unary_frontier::<CapacityContainerBuilder<Vec<Gathered>>, _, _, _>(
        to_origin,
        "gather",
        move |_, _| {
            let mut open = BTreeMap::new();
            let mut lanes: HashMap<u8, Learner> = HashMap::new();
            move |(parts, frontier), output| {
                // NB: in the order of arrival, as the names need it.
                parts.for_each(|capability, parts| {
                    let time = *capability.least().expect("data has a time");
                    let (_, questions) = open.entry(time).or_insert_with(|| {
                        let capability = capability.retain_least(0).expect("data has a time");
                        (capability, BTreeMap::<u64, Vec<Part>>::new())
                    });
                    for mut sent in parts.drain(..) {
                        if sent.from != me {
                            let names = &mut vocabulary.borrow_mut().products;
                            let lane = lanes.entry(sent.lane).or_default();
                            lane.learn(sent.from, sent.news, names);
                            sent.part.ids(|id| *id = lane.here(sent.from, *id));
                        }
                        questions.entry(sent.id).or_default().push(sent.part);
                    }
                });
                while let Some(first) = open.first_entry() {
                    if frontier.less_equal(first.key()) {
                        break;
                    }
                    let (time, (capability, questions)) = first.remove_entry();
                    let gathered = questions.into_iter().map(|(id, parts)| (id, time, parts));
                    output.session(&capability).give_iterator(gathered);
                }
            }
        },
    )
}
