//! The first step, at the owners of users: answers queries, and plans rankings.

use super::parts::{AnswerPart, PartSender, RoutedPart};
use super::plan::{Asked, Planner, Weighing};
use super::products::EvidenceRequest;
use super::profile::scores;
use super::query::{ProductDays, Query, RoutedQuery, Touched, ViewDigests};
use crate::arrange::lookup::Lookup;
use crate::digest::views::Digests;
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::catalogue::CatalogueEntry;
use crate::ingest::decisions::{Decisions, Forgotten, Holder};
use crate::ingest::sample::Sampled;
use crate::ranking::product_info::{Listing, listing};
use crate::record::event::OwnedEvent;
use crate::score::merchandising::Demand;
use crate::score::model::OwnModel;
use crate::score::model_history::ModelHistory;
use crate::score::weights::{Score, Weights};
use crate::time::Time;
use crate::views::popularity::{OVERALL_ID, ProductDay};
use crate::views::product_words::{Page, Place, ProductWords};
use crate::views::recent::Recent;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::AntichainRef;

/// The views of a worker's users, of the catalogue, and of the input.
pub(super) struct UserViews {
    pub(super) profile: Lookup<u32>,
    pub(super) positions: Lookup<(), i64>,
    pub(super) catalogue: Lookup<CatalogueEntry, isize>,
    pub(super) words: Rc<RefCell<ProductWords>>,
    pub(super) recent: Rc<RefCell<Recent>>,
    pub(super) decisions: Rc<RefCell<Decisions>>,
    pub(super) asked_from: Rc<Cell<Time>>,
    pub(super) model_history: Rc<RefCell<ModelHistory>>,
    pub(super) digests: Rc<RefCell<Digests>>,
    pub(super) written_before: Rc<Cell<Time>>,
    /// `None` if only profiles are kept.
    pub(super) rankings: Option<UserRankingViews>,
    pub(super) dictionaries: SharedDictionaries,
}

/// The views of users that are kept besides profiles.
pub(super) struct UserRankingViews {
    pub(super) activity: Lookup<Reverse<u32>>,
    pub(super) popularity: Lookup<ProductDay>,
    pub(super) planner: Planner,
}

/// Answers each query with one part, and requests the evidence for rankings from its owners.
pub(super) fn users<'scope>(
    queries: Stream<'scope, Time, Vec<RoutedQuery>>,
    mut users: UserViews,
) -> (Stream<'scope, Time, Vec<RoutedPart>>, Stream<'scope, Time, Vec<EvidenceRequest>>) {
    let scope = queries.scope();
    let mut sender = PartSender::new(scope.index());
    let mut builder = OperatorBuilder::new("answer queries".into(), scope);
    let by_owner = Exchange::new(|query: &RoutedQuery| query.to as u64);
    let mut queries = builder.new_input(queries, by_owner);
    let (parts, part_stream) = builder.new_output();
    let (requests, request_stream) = builder.new_output();
    let mut parts = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(parts);
    let mut requests = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(requests);
    builder.build(move |_| {
        move |frontiers| {
            let (mut parts, mut requests) = (parts.activate(), requests.activate());
            queries.for_each(|capability, queries| {
                let time = *capability.least().expect("data has a time");
                let mut parts = parts.session(&capability);
                let mut requests = requests.session(&capability);
                for RoutedQuery { origin, id, query_count, query, .. } in queries.drain(..) {
                    let request = |request: EvidenceRequest| requests.give(request.of(origin, id));
                    let part = users.answer(query, time, request);
                    let names = &users.dictionaries.borrow().products;
                    parts.give(sender.send((origin, id, query_count), part, names));
                }
            });
            users.release(frontiers[0].frontier());
        }
    });
    (part_stream, request_stream)
}

impl UserViews {
    fn answer(
        &mut self,
        query: Query,
        time: Time,
        request: impl FnMut(EvidenceRequest),
    ) -> AnswerPart {
        match query {
            Query::Profile { place, user, weights } => {
                AnswerPart::Profile(place, self.profile(&user, weights, time))
            }
            Query::Activity { user } => AnswerPart::Activity(self.activity(&user, time)),
            Query::Touched { user } => AnswerPart::Touched(self.touched(&user, time)),
            Query::Product { product } => AnswerPart::Product(self.product(&product, time)),
            Query::ProductDays { product } => {
                AnswerPart::ProductDays(self.product_days(&product, time))
            }
            Query::Search { words, after, n } => {
                AnswerPart::Found(self.search(&words, after.as_ref(), n, time))
            }
            Query::Recent { limit, after } => AnswerPart::Recent(self.recent(limit, after, time)),
            Query::Forgotten { user } => AnswerPart::Forgotten(self.forgotten(&user, time)),
            Query::Path { from, to, until } => {
                AnswerPart::Path(self.decisions.borrow().path_to(&from, &to, until, time))
            }
            Query::Digests => AnswerPart::Digests(self.digests.borrow().at(time)),
            Query::Written => {
                AnswerPart::Written(self.written_before.get(), self.all_positions(time))
            }
            Query::Position { place, partition } => {
                AnswerPart::Position(place, self.position(&partition, time))
            }
            Query::Rank { basis, rules, own } => {
                self.rank(Asked { basis, rules, why: None }, own, time, request)
            }
            Query::Why { basis, rules, product } => {
                self.rank(Asked { basis, rules, why: Some(product) }, None, time, request)
            }
            Query::Grade(sampled) => self.grade(&sampled, time, request),
            Query::Learned => {
                AnswerPart::Learned(Box::new(self.model_history.borrow_mut().state(time)))
            }
        }
    }

    /// A user's tags that have a score, by weights of the question's own or by those in force, highest first, ties by name.
    fn profile(&mut self, user: &str, own: Option<Weights>, time: Time) -> Vec<(String, Score)> {
        let dictionaries = self.dictionaries.borrow();
        let Some(user) = dictionaries.users.id(user) else { return Vec::new() };
        let in_force = || self.model_history.borrow().at(time).scale.weights;
        let weights = own.unwrap_or_else(in_force);
        let tags = scores(&mut self.profile, user, time, |counts| weights.score(counts));
        let text = |(tag, score)| (dictionaries.tags.text(tag), score);
        let mut tags: Vec<(&str, Score)> = tags.into_iter().map(text).collect();
        tags.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        tags.into_iter().map(|(tag, score)| (tag.to_string(), score)).collect()
    }

    /// The latest events that came in after a time, without those that count for nobody.
    fn recent(&self, limit: usize, after: Option<Time>, time: Time) -> Vec<OwnedEvent> {
        let decisions = self.decisions.borrow();
        self.recent.borrow().newest(limit, after, time, |event| {
            decisions.holder(event.user, event.time.max(0), None, time) != Holder::Nobody
        })
    }

    /// What became of the forgets of a user whose rows have left.
    fn forgotten(&self, user: &str, time: Time) -> Vec<(Forgotten, [ViewDigests; 2])> {
        let digests = self.digests.borrow();
        let forgotten = self.decisions.borrow().forgotten(user, time.saturating_sub(1));
        let with_digests = |forgotten: Forgotten| {
            let around = [forgotten.since, forgotten.since + 1].map(|time| digests.at(time));
            (forgotten, around)
        };
        forgotten.into_iter().map(with_digests).collect()
    }

    /// The last minute in which a user was active, and the numbers of events by kind.
    fn activity(&mut self, user: &str, time: Time) -> Option<(u32, [i64; 3])> {
        let user = self.dictionaries.borrow().users.id(user)?;
        let (mut last, mut totals) = (None, [0; 3]);
        self.rankings.as_mut()?.activity.each(user, time, |&Reverse(minute), counts| {
            last.get_or_insert(minute);
            for (total, &count) in totals.iter_mut().zip(&counts.0) {
                *total += i64::from(count);
            }
        });
        last.map(|last| (last, totals))
    }

    /// The products that a user has seen and bought; none where only profiles are kept.
    fn touched(&mut self, user: &str, time: Time) -> Touched {
        let planner = self.rankings.as_mut().map(|rankings| &mut rankings.planner);
        planner.map(|planner| planner.touched(user, time)).unwrap_or_default()
    }

    /// The state of a product in the catalogue.
    fn product(&mut self, product: &str, time: Time) -> Listing {
        let product = self.dictionaries.borrow().products.id(product);
        product.map_or(Listing::Unlisted, |product| listing(&mut self.catalogue, product, time))
    }

    /// The days on which a product that this worker owns was touched; none where only profiles are kept.
    fn product_days(&mut self, product: &str, time: Time) -> ProductDays {
        let Some(product) = self.dictionaries.borrow().products.id(product) else {
            return Vec::new();
        };
        let Some(rankings) = &mut self.rankings else { return Vec::new() };
        let (mut days, first) = (Vec::new(), ProductDay { product, day: 0 });
        rankings.popularity.try_each_from((OVERALL_ID, &first), time, |of, counts| {
            if of.product != product {
                return ControlFlow::Break(());
            }
            days.push((of.day, counts.0.map(i64::from)));
            ControlFlow::Continue(())
        });
        days
    }

    /// A page of the products of this worker that have such words.
    fn search(&mut self, words: &[String], after: Option<&Place>, n: usize, time: Time) -> Page {
        let (index, dictionaries) = (self.words.borrow(), self.dictionaries.borrow());
        let names = &dictionaries.products;
        let row_of = |product| listing(&mut self.catalogue, product, time).into_row();
        index.search(words, after, n, names, row_of)
    }

    /// The next offset of a partition; 0 for one that was never read.
    fn position(&mut self, partition: &str, time: Time) -> i64 {
        let mut next = 0;
        if let Some(partition) = self.dictionaries.borrow().partitions.id(partition) {
            self.positions.each(partition, time, |(), sum| next = *sum);
        }
        next
    }

    /// The next offsets of the partitions that this worker counts.
    fn all_positions(&mut self, time: Time) -> Vec<(String, i64)> {
        let dictionaries = self.dictionaries.borrow();
        let names = &dictionaries.partitions;
        let mut positions = Vec::with_capacity(names.len());
        // Partitions are numbered by u32.
        for partition in 0..u32::try_from(names.len()).unwrap_or(u32::MAX) {
            let add =
                |(): &(), next: &i64| positions.push((names.text(partition).to_owned(), *next));
            self.positions.each(partition, time, add);
        }
        positions.sort_unstable();
        positions
    }

    fn rank(
        &mut self,
        asked: Asked,
        own: Option<Box<OwnModel>>,
        time: Time,
        request: impl FnMut(EvidenceRequest),
    ) -> AnswerPart {
        let Some(rankings) = &mut self.rankings else { return AnswerPart::Unranked };
        let mut history = self.model_history.borrow_mut();
        let shop = history.rules_at(time).demand(&asked.rules.occasion);
        let weights = history.weights_in_force(time);
        let in_force = history.at(time);
        let model_at = own.map_or(in_force, |own| in_force.with(*own));
        let is_own = model_at.scale != in_force.scale;
        let weighing = Weighing { model_at, is_own, weights, shop };
        let profile = &mut self.profile;
        let planned = rankings.planner.plan(weighing, asked, time, profile, request);
        AnswerPart::Planned(Box::new(planned))
    }

    /// Plans the ranking that would have been shown before an event, if any.
    fn grade(
        &mut self,
        sampled: &Sampled,
        time: Time,
        request: impl FnMut(EvidenceRequest),
    ) -> AnswerPart {
        let Some(rankings) = &mut self.rankings else { return AnswerPart::Ungraded };
        let mut history = self.model_history.borrow_mut();
        let weights = history.weights_in_force(time);
        let (model_at, shop) = (history.at(time), Demand::default());
        let weighing = Weighing { model_at, is_own: false, weights, shop };
        let planned = rankings.planner.plan_grade(weighing, sampled, time, request);
        planned.map_or(AnswerPart::Ungraded, |planned| AnswerPart::Planned(Box::new(planned)))
    }

    fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.profile.release(questions);
        self.positions.release(questions);
        self.catalogue.release(questions);
        if let Some(UserRankingViews { activity, popularity, planner }) = &mut self.rankings {
            activity.release(questions);
            popularity.release(questions);
            planner.release(questions);
        }
        let oldest = questions.first().copied().unwrap_or(Time::MAX);
        self.asked_from.set(oldest);
        self.digests.borrow_mut().forget_before(oldest);
        self.words.borrow_mut().forget_before(oldest, &self.dictionaries.borrow().products);
    }
}
