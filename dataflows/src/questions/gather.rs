//! The last step, at the origin: all parts of a question are brought together, and make an answer.

use super::parts::{Part, Planned, Receiver, Sent};
use super::shelf::Shelf;
use super::{Answered, Found};
use crate::Time;
use crate::names::SharedVocabulary;
use crate::recommend::{Evidence, Plan, Ranker};
use std::collections::HashMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::progress::frontier::AntichainRef;

/// What rankings are finished with.
pub(super) struct Finish {
    pub(super) shelf: Shelf,
    pub(super) vocabulary: SharedVocabulary,
}

/// Answers each question when its last part has come.
pub(super) fn gather<'scope>(
    from_users: Stream<'scope, Time, Vec<Sent>>,
    from_products: Stream<'scope, Time, Vec<Sent>>,
    mut finish: Finish,
) -> Stream<'scope, Time, Vec<Answered>> {
    let me = from_users.scope().index();
    let to_origin = || Exchange::new(|sent: &Sent| sent.origin as u64);
    from_users.binary_frontier::<_, CapacityContainerBuilder<Vec<Answered>>, _, _, _, _>(
        from_products,
        to_origin(),
        to_origin(),
        "gather",
        move |_, _| {
            let mut open: HashMap<u64, Gathering> = HashMap::new();
            let mut receivers = [Receiver::default(), Receiver::default()];
            let mut ranker = Ranker::default();
            move |(users, asked), (products, going_on), output| {
                let mut done = Vec::new();
                for (input, receiver) in [users, products].into_iter().zip(&mut receivers) {
                    input.for_each(|capability, parts| {
                        for sent in parts.drain(..) {
                            let (id, roots) = (sent.id, sent.roots);
                            let names = &mut finish.vocabulary.borrow_mut().products;
                            let part = receiver.receive(sent, me, names);
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
                    let found = finish.answer(gathering, time, &mut ranker);
                    output.session(&capability).give((id, time, found));
                }
                // What is under way from one input to the other holds both back.
                let oldest = [asked, going_on].map(|frontier| frontier.frontier().to_owned());
                let oldest = oldest.into_iter().flatten().min();
                finish.shelf.release(AntichainRef::new(oldest.as_slice()));
            }
        },
    )
}

/// What has come of a question so far.
#[derive(Default)]
struct Gathering {
    /// How many parts are still to come at once, and then; either may come first.
    roots: Option<usize>,
    leads: isize,
    found: Vec<Found>,
    plan: Option<Plan>,
    evidence: Evidence,
}

impl Gathering {
    fn take(&mut self, roots: usize, part: Part) {
        if let Part::Products(rows, popular) = part {
            self.leads -= 1;
            self.evidence.rows.extend(rows);
            self.evidence.popular.extend(popular);
            return;
        }
        self.roots = Some(self.roots.unwrap_or(roots) - 1);
        match part {
            Part::Profile(place, profile) => self.found.push(Found::Profile(place, profile)),
            Part::Activity(activity) => {
                let found = activity.map(|(last, totals)| Found::Activity(last, totals));
                self.found.extend(found);
            }
            Part::Recent(events) => self.found.push(Found::Recent(events)),
            Part::Position(place, next) => self.found.push(Found::Position(place, next)),
            Part::Planned(planned) => {
                let Planned { plan, visit, bought, leads } = *planned;
                self.leads += isize::try_from(leads).expect("a lead an owner at most");
                self.plan = Some(plan);
                self.evidence.visit = visit;
                self.evidence.bought = bought;
            }
            Part::Products(..) => unreachable!("it was taken above"),
        }
    }

    fn is_complete(&self) -> bool {
        self.roots == Some(0) && self.leads == 0
    }
}

impl Finish {
    fn answer(&mut self, gathering: Gathering, time: Time, ranker: &mut Ranker) -> Vec<Found> {
        let Gathering { mut found, plan, evidence, .. } = gathering;
        if let Some(plan) = plan {
            let vocabulary = &self.vocabulary.borrow();
            let ranking = ranker.rank(&plan, evidence, time, vocabulary, &mut self.shelf);
            found.push(Found::Ranked(ranking));
        }
        found
    }
}
