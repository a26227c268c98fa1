//! Makes answers of what was gathered: rankings are ranked, with what the catalogue says.

use super::gather::Gathered;
use super::{Answered, Found, Part};
use crate::Time;
use crate::catalogue::{Catalogue, Entry};
use crate::lookup::lookup;
use crate::names::SharedVocabulary;
use crate::recommend::{Evidence, Ranker};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;

pub(super) fn answer<'scope>(
    gathered: Stream<'scope, Time, Vec<Gathered>>,
    catalogue: Catalogue<'scope>,
    vocabulary: SharedVocabulary,
) -> Stream<'scope, Time, Vec<Answered>> {
    let mut ranker = Ranker::default();
    lookup(gathered, Pipeline, catalogue, "answer", move |gathered, _, show, answers| {
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
        if let Some(plan) = plan {
            let names = &vocabulary.borrow().products;
            let ranked = ranker.rank(&plan, evidence, names, |product| {
                let mut found = None;
                show(product, &mut |(_, row): &Entry, _: &isize| found = Some(row.clone()));
                found
            });
            found.push(Found::Ranked(ranked));
        }
        answers.push((id, time, found));
    })
}
