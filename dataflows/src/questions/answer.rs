//! Makes answers of what was gathered: rankings are ranked, with what is known of the products.

use super::gather::Gathered;
use super::{Answered, Found, Part};
use crate::Time;
use crate::catalogue::{Catalogue, Entry};
use crate::counts::Counts;
use crate::labels::{Label, hold};
use crate::lookup::lookup;
use crate::names::SharedVocabulary;
use crate::recommend::{Evidence, Ranker, Rules, pick};
use crate::views::View;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;

/// A question's number, its time, what was found, and by which rules to pick from it.
type Ranked = (u64, Time, Vec<Found>, Option<Rules>);

pub(super) fn answer<'scope>(
    gathered: Stream<'scope, Time, Vec<Gathered>>,
    catalogue: Catalogue<'scope>,
    labels: View<'scope, Label>,
    vocabulary: &SharedVocabulary,
) -> Stream<'scope, Time, Vec<Answered>> {
    picked(ranked(gathered, catalogue, vocabulary.clone()), labels, vocabulary.clone())
}

fn ranked<'scope>(
    gathered: Stream<'scope, Time, Vec<Gathered>>,
    catalogue: Catalogue<'scope>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Ranked>> {
    let mut ranker = Ranker::default();
    lookup(gathered, Pipeline, catalogue, "rank", move |gathered, _, view, out| {
        let (id, time, parts): Gathered = gathered;
        let mut found = Vec::new();
        let (mut plan, mut evidence) = (None, Evidence::default());
        for part in parts {
            match part {
                Part::Profile(place, profile) => found.push(Found::Profile(place, profile)),
                Part::Activity(last, totals) => found.push(Found::Activity(last, totals)),
                Part::Recent(events) => found.push(Found::Recent(events)),
                Part::Position(place, next) => found.push(Found::Position(place, next)),
                Part::Plan(made) => plan = Some(made),
                Part::Visit(visit) => evidence.visit = visit,
                Part::Bought(bought) => evidence.bought = bought,
                Part::Row(row) => evidence.rows.push(row),
                Part::Popular(popular) => evidence.popular.push(popular),
            }
        }
        if let Some(plan) = &plan {
            let names = &vocabulary.borrow().products;
            let ranked = ranker.rank(plan, evidence, names, |product| {
                let mut found = None;
                view.each(product, |(_, row): &Entry, _: &isize| found = Some(row.clone()));
                found
            });
            found.push(Found::Ranked(ranked));
        }
        out.push((id, time, found, plan.map(|plan| plan.rules)));
    })
}

fn picked<'scope>(
    ranked: Stream<'scope, Time, Vec<Ranked>>,
    labels: View<'scope, Label>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Answered>> {
    lookup(ranked, Pipeline, labels, "pick", move |ranked, _, view, answers| {
        let (id, time, mut found, rules): Ranked = ranked;
        if let (Some(rules), Some(Found::Ranked(ranked))) = (rules, found.last_mut()) {
            *ranked = pick(std::mem::take(ranked), &rules, |candidate| {
                let vocabulary = vocabulary.borrow();
                let mut labels = Vec::new();
                if let Some(product) = vocabulary.products.id(&candidate.product) {
                    view.each(product, |&label, _: &Counts| labels.push(label));
                }
                let said = candidate.row.as_ref().map_or(&[][..], |row| &row.tags);
                hold(&labels, said, &vocabulary.tags)
            });
        }
        answers.push((id, time, found));
    })
}
