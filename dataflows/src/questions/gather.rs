//! The last step, at the origin: gathers the parts of each question, and makes the answers.

use super::parts::{AnswerPart, PartReceiver, Planned, RoutedPart};
use super::query::{Answered, QueryAnswer};
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ranking::answer::Ranking;
use crate::ranking::evidence::Evidence;
use crate::ranking::kernel::Ranker;
use crate::ranking::matching::RuleIndex;
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::Plan;
use crate::score::model_history::ModelHistory;
use crate::time::Time;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::progress::frontier::AntichainRef;

/// Ranks when the evidence is complete.
pub(super) struct Finisher {
    product_info: ProductInfo,
    ranker: Ranker,
    /// The rules of the shop that were asked about last.
    rules: RuleIndex,
}

impl Finisher {
    pub(super) fn new(product_info: ProductInfo) -> Finisher {
        Finisher { product_info, ranker: Ranker::default(), rules: RuleIndex::default() }
    }
}

/// Answers each question when its last part has come. `finisher` is `None` if nothing is ranked.
///
/// ```text
/// parts.exchange(origin).group_by(id)    complete with a part for each query and each request
///      .map(|parts| the answers to the queries, with each ranking made from its evidence)
/// ```
pub(super) fn gather<'scope>(
    from_users: Stream<'scope, Time, Vec<RoutedPart>>,
    from_products: Stream<'scope, Time, Vec<RoutedPart>>,
    dictionaries: SharedDictionaries,
    model_history: Rc<RefCell<ModelHistory>>,
    mut finisher: Option<Finisher>,
) -> Stream<'scope, Time, Vec<Answered>> {
    let me = from_users.scope().index();
    let to_origin = || Exchange::new(|part: &RoutedPart| part.origin as u64);
    from_users.binary_frontier::<_, CapacityContainerBuilder<Vec<Answered>>, _, _, _, _>(
        from_products,
        to_origin(),
        to_origin(),
        "gather answers",
        move |_, _| {
            let mut open: HashMap<u64, Gathering> = HashMap::new();
            let mut receivers = [PartReceiver::default(), PartReceiver::default()];
            move |(users, user_frontier), (products, product_frontier), output| {
                let mut done = Vec::new();
                for (input, receiver) in [users, products].into_iter().zip(&mut receivers) {
                    input.for_each(|capability, parts| {
                        for routed in parts.drain(..) {
                            let (id, query_count) = (routed.id, routed.query_count);
                            let names = &mut dictionaries.borrow_mut().products;
                            let part = receiver.receive(routed, me, names);
                            let gathering = open.entry(id).or_default();
                            gathering.add(query_count, part);
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
                    let history = &mut model_history.borrow_mut();
                    let answers = match &mut finisher {
                        Some(finisher) => gathering.finish(time, finisher, history, &dictionaries),
                        None => gathering.answers,
                    };
                    output.session(&capability).give((id, time, answers));
                }
                // The evidence of a question may come after its other parts: both frontiers count.
                let frontiers = [user_frontier, product_frontier];
                let oldest = frontiers.map(|frontier| frontier.frontier().to_owned());
                let oldest = oldest.into_iter().flatten().min();
                // No operator of the questions is at an earlier time than this one.
                model_history.borrow_mut().forget_before(oldest.unwrap_or(Time::MAX));
                if let Some(finisher) = &mut finisher {
                    finisher.product_info.release(AntichainRef::new(oldest.as_slice()));
                }
            }
        },
    )
}

/// The parts of a question so far.
#[derive(Default)]
struct Gathering {
    /// The number of queries without a part; `None` before the first part.
    queries_left: Option<usize>,
    /// The number of requests for evidence without a part. It is negative while such a part has
    /// come before the plan that counts the requests.
    requests_left: isize,
    /// The number of requests for rows of the third step without a part. It is negative while such a part has come before
    /// the one that counts them, which the number of requests then waits for.
    steps_left: isize,
    answers: Vec<QueryAnswer>,
    plan: Option<Plan>,
    /// As [`Planned::came`].
    came: Option<(u32, u16)>,
    evidence: Evidence,
}

impl Gathering {
    fn add(&mut self, query_count: usize, part: AnswerPart) {
        let answer = match part {
            AnswerPart::Products(rows, popular, further) => {
                self.requests_left -= 1;
                self.steps_left += isize::try_from(further).expect("at most one per worker");
                self.evidence.rows.extend(rows);
                self.evidence.popular.extend(popular);
                return;
            }
            AnswerPart::Steps(rows) => {
                self.steps_left -= 1;
                self.evidence.steps.extend(rows);
                return;
            }
            AnswerPart::Planned(planned) => {
                let Planned { plan, visit, bought, requests, came } = *planned;
                self.came = came;
                self.requests_left += isize::try_from(requests).expect("at most one per worker");
                self.plan = Some(plan);
                self.evidence.visit = visit;
                self.evidence.bought = bought;
                None
            }
            AnswerPart::Profile(place, profile) => Some(QueryAnswer::Profile(place, profile)),
            AnswerPart::Activity(activity) => {
                activity.map(|(last, totals)| QueryAnswer::Activity(last, totals))
            }
            AnswerPart::Touched(touched) => Some(QueryAnswer::Touched(touched)),
            AnswerPart::Product(listing) => Some(QueryAnswer::Product(listing)),
            AnswerPart::ProductDays(days) => Some(QueryAnswer::ProductDays(days)),
            AnswerPart::Found(page) => Some(QueryAnswer::Found(page)),
            AnswerPart::Recent(events) => Some(QueryAnswer::Recent(events)),
            AnswerPart::Digests(digests) => Some(QueryAnswer::Digests(digests)),
            AnswerPart::Forgotten(forgotten) => Some(QueryAnswer::Forgotten(forgotten)),
            AnswerPart::Path(users) => Some(QueryAnswer::Path(users)),
            AnswerPart::Written(before, positions) => Some(QueryAnswer::Written(before, positions)),
            AnswerPart::Position(place, next) => Some(QueryAnswer::Position(place, next)),
            AnswerPart::Ungraded => Some(QueryAnswer::Grade(None)),
            AnswerPart::Learned(learner) => Some(QueryAnswer::Learned(learner)),
            AnswerPart::Unranked => Some(QueryAnswer::Ranking(Ranking::default())),
        };
        self.queries_left = Some(self.queries_left.unwrap_or(query_count) - 1);
        self.answers.extend(answer);
    }

    fn is_complete(&self) -> bool {
        self.queries_left == Some(0) && self.requests_left == 0 && self.steps_left == 0
    }

    /// The answers to all queries of the question.
    fn finish(
        self,
        time: Time,
        finisher: &mut Finisher,
        history: &mut ModelHistory,
        dictionaries: &SharedDictionaries,
    ) -> Vec<QueryAnswer> {
        let Gathering { mut answers, plan, evidence, came, .. } = self;
        let Some(plan) = plan else { return answers };
        let Finisher { product_info, ranker, rules } = finisher;
        let dictionaries: &Dictionaries = &dictionaries.borrow();
        let weights = &history.weights_in_force(time);
        answers.push(match came {
            Some(came) => {
                let names = &dictionaries.products;
                QueryAnswer::Grade(Some(ranker.grade(&plan, evidence, came, weights, names)))
            }
            None => {
                rules.update(&history.rules_at(time), dictionaries);
                let rules = rules.in_force(&plan.rules.occasion);
                let around = (time, dictionaries, product_info);
                match &plan.why {
                    Some(product) => {
                        let asked = (&plan, &**product);
                        let why = ranker.why(asked, evidence, weights, rules, around);
                        QueryAnswer::Why(Box::new(why))
                    }
                    None => {
                        QueryAnswer::Ranking(ranker.rank(&plan, evidence, weights, rules, around))
                    }
                }
            }
        });
        answers
    }
}
