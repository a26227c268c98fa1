//! The last step, at the origin: brings all parts of a question together, and makes the answer.

use super::parts::{Part, PartReceiver, Planned, RoutedPart};
use super::query::{Answered, Found};
use crate::ids::dictionary::SharedDictionaries;
use crate::ranking::answer::Ranking;
use crate::ranking::evidence::Evidence;
use crate::ranking::kernel::Ranker;
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::Plan;
use crate::time::Time;
use std::collections::HashMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::progress::frontier::AntichainRef;

/// Ranks once all evidence is there.
pub(super) struct Finisher {
    product_info: ProductInfo,
    ranker: Ranker,
}

impl Finisher {
    pub(super) fn new(product_info: ProductInfo) -> Finisher {
        Finisher { product_info, ranker: Ranker::default() }
    }
}

/// Answers each question when its last part has come. `finisher` is `None` where nothing is ranked.
pub(super) fn gather<'scope>(
    from_users: Stream<'scope, Time, Vec<RoutedPart>>,
    from_products: Stream<'scope, Time, Vec<RoutedPart>>,
    dictionaries: SharedDictionaries,
    mut finisher: Option<Finisher>,
) -> Stream<'scope, Time, Vec<Answered>> {
    let me = from_users.scope().index();
    let to_origin = || Exchange::new(|part: &RoutedPart| part.origin as u64);
    from_users.binary_frontier::<_, CapacityContainerBuilder<Vec<Answered>>, _, _, _, _>(
        from_products,
        to_origin(),
        to_origin(),
        "gather",
        move |_, _| {
            let mut open: HashMap<u64, Gathering> = HashMap::new();
            let mut receivers = [PartReceiver::default(), PartReceiver::default()];
            move |(users, asked), (products, under_way), output| {
                let mut done = Vec::new();
                for (input, receiver) in [users, products].into_iter().zip(&mut receivers) {
                    input.for_each(|capability, parts| {
                        for routed in parts.drain(..) {
                            let (id, roots) = (routed.id, routed.roots);
                            let names = &mut dictionaries.borrow_mut().products;
                            let part = receiver.receive(routed, me, names);
                            let gathering = open.entry(id).or_default();
                            gathering.take(roots, part);
                            if gathering.is_complete() {
                                let capability =
                                    capability.retain_least(0).expect("data has a time");
                                done.extend(open.remove(&id).map(|all| (capability, id, all)));
                            }
                        }
                    });
                }
                for (capability, id, gathering) in done {
                    let time = *capability.time();
                    let found = gathering.finish(time, finisher.as_mut(), &dictionaries);
                    output.session(&capability).give((id, time, found));
                }
                // A request that is under way between the two inputs holds both back.
                let oldest = [asked, under_way].map(|frontier| frontier.frontier().to_owned());
                let oldest = oldest.into_iter().flatten().min();
                if let Some(finisher) = &mut finisher {
                    finisher.product_info.release(AntichainRef::new(oldest.as_slice()));
                }
            }
        },
    )
}

/// The parts of a question that have come so far.
#[derive(Default)]
struct Gathering {
    /// The number of parts of the first step that are still to come; `None` before the first part.
    roots: Option<usize>,
    /// The number of parts of the second step that are still to come. A part of the second step may
    /// come before the one of the first that announces it; then the number is negative.
    requests: isize,
    found: Vec<Found>,
    plan: Option<Plan>,
    evidence: Evidence,
}

impl Gathering {
    fn take(&mut self, roots: usize, part: Part) {
        let found = match part {
            Part::Products(rows, popular) => {
                self.requests -= 1;
                self.evidence.rows.extend(rows);
                self.evidence.popular.extend(popular);
                return;
            }
            Part::Planned(planned) => {
                let Planned { plan, visit, bought, requests } = *planned;
                self.requests += isize::try_from(requests).expect("one an owner at most");
                self.plan = Some(plan);
                self.evidence.visit = visit;
                self.evidence.bought = bought;
                None
            }
            Part::Profile(place, profile) => Some(Found::Profile(place, profile)),
            Part::Activity(activity) => {
                activity.map(|(last, totals)| Found::Activity(last, totals))
            }
            Part::Recent(events) => Some(Found::Recent(events)),
            Part::Position(place, next) => Some(Found::Position(place, next)),
            Part::Unranked => Some(Found::Ranked(Ranking::default())),
        };
        self.roots = Some(self.roots.unwrap_or(roots) - 1);
        self.found.extend(found);
    }

    fn is_complete(&self) -> bool {
        self.roots == Some(0) && self.requests == 0
    }

    /// The answers to all queries of the question.
    fn finish(
        self,
        time: Time,
        finisher: Option<&mut Finisher>,
        dictionaries: &SharedDictionaries,
    ) -> Vec<Found> {
        let Gathering { mut found, plan, evidence, .. } = self;
        if let Some((plan, Finisher { product_info, ranker })) = plan.zip(finisher) {
            let dictionaries = &dictionaries.borrow();
            let ranking = ranker.rank(&plan, evidence, time, dictionaries, product_info);
            found.push(Found::Ranked(ranking));
        }
        found
    }
}
