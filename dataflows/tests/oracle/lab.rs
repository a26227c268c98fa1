//! Questions that bring their own model: each is answered as if that were in force, and the live answers beside it are what
//! they are without it.

use crate::harness::{Case, borrowed, check_steps};
use crate::script::{COPY_HOURS, LIMITS, PAIRS_DAYS, Random, Step, model, script};
use dataflows::graph::{Grading, Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::questions::query::{Query, RoutedQuery};
use dataflows::questions::questions;
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::block::Block;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::score::model::{Model, OwnModel};
use dataflows::score::weights::{Score, Weights};
use dataflows::time::Time;
use std::cell::Cell;
use std::rc::Rc;
use timely::dataflow::operators::{Inspect, probe};

/// The weights of a model, its blend, or both.
fn own(random: &mut Random) -> OwnModel {
    let Model { weights, blend, .. } = model(random, 0);
    match random.below(4) {
        0 => OwnModel { weights: Some(weights), blend: None },
        1 => OwnModel { weights: None, blend: Some(blend) },
        _ => OwnModel { weights: Some(weights), blend: Some(blend) },
    }
}

/// A live question that brings a model instead, if its answer depends on one.
fn bring(query: &Query, own: OwnModel) -> Option<Query> {
    let mut query = query.clone();
    match &mut query {
        Query::Rank { own: brought, .. } => *brought = Some(Box::new(own)),
        Query::Profile { weights, .. } => *weights = own.weights,
        _ => return None,
    }
    Some(query)
}

/// Asks some of a step's live questions by two models of their own as well, and then once more as they are, at the same
/// worker.
fn with_lab(step: Step, random: &mut Random) -> Step {
    let mut queries = Vec::new();
    for (worker, query) in step.queries {
        queries.push((worker, query.clone()));
        let brought = [own(random), own(random)].map(|own| bring(&query, own));
        if let [Some(first), Some(second)] = brought
            && random.below(4) == 0
        {
            queries.extend([first, second, query].map(|query| (worker, query)));
        }
    }
    Step { queries, ..step }
}

/// Runs a script with questions that bring models.
fn check(case: Case, seed: u64, workers: usize, days_pass: bool) {
    let random = &mut Random::new(seed ^ 0x1AB);
    let steps = script(seed, workers, days_pass).into_iter().map(|step| with_lab(step, random));
    check_steps(case, steps.collect());
}

/// Seed; workers; the most times that are open at once; whether days pass.
#[test]
fn questions_with_a_model_of_their_own_are_the_oracles_and_change_no_other() {
    std::thread::scope(|scope| {
        for (seed, workers, open, days_pass) in [
            (60, 1, 0, false),
            (61, 1, 20, true),
            (62, 2, 7, false),
            (63, 2, 0, true),
            (64, 3, 1000, false),
            (65, 3, 1, true),
        ] {
            let case = Case::new(seed, workers, open);
            let case = if days_pass { case.where_days_pass() } else { case };
            scope.spawn(move || check(case, seed, workers, days_pass));
        }
        let profile_only = Case::new(66, 3, 3).with(Mode::Profile);
        scope.spawn(move || check(profile_only, 66, 3, false));
    });
}

/// Views of products, a minute apart: the user, the product and its tag.
fn block(now: Time, views: &[(&str, &str, &str)]) -> Block {
    let mut block = Block::default();
    for (minute, &(user, product, tag)) in (0..).zip(views) {
        let time = i64::try_from(now / 1000).expect("milliseconds") + minute * 60_000;
        block.push(&borrowed(&OwnedEvent {
            event_type: Kind::View.into(),
            time,
            user: user.into(),
            product: product.into(),
            category: String::new(),
            session: String::new(),
            id: String::new(),
            tags: vec![tag.into()],
        }));
        block.note_clock(time);
    }
    block
}

#[test]
fn questions_with_weights_of_their_own_leave_the_caches_as_they_are() {
    timely::execute_directly(|worker| {
        let dictionaries = SharedDictionaries::default();
        let config = ViewConfig {
            mode: Mode::All,
            limits: LIMITS,
            pairs_days: PAIRS_DAYS,
            grading: Grading::NONE,
            copy_hours: COPY_HOURS,
            stay_hours: None,
            persistence: Persistence::NONE,
        };
        let (mut inputs, views, closed, holders) = worker.dataflow(|scope| {
            let (inputs, outputs) = graph(scope, config, &dictionaries, Listeners::NONE);
            (inputs, outputs.views, outputs.closed, outputs.holders)
        });
        let answered = Rc::new(Cell::new(0));
        let told = answered.clone();
        let mut queries = worker.dataflow(|scope| {
            let (queries, answers) = questions(scope, views, &dictionaries, &probe::Handle::new());
            answers.inspect(move |_| told.set(told.get() + 1));
            queries
        });
        let mut now = 20_000 * 24 * 60 * 60 * 1_000_000;
        inputs.reached.send(Reading::all_known(0));
        inputs.advance_to(now);
        let of_ann = [("ann", "a", "red"), ("ann", "b", "red"), ("ann", "c", "red")];
        inputs.blocks.send((0, block(now, &of_ann)));
        inputs.blocks.send((0, block(now, &[("bob", "x", "blue"), ("bob", "y", "blue")])));

        let weights = Some(Weights([7, 1, 1].map(|weight| Score(weight * Score::UNIT))));
        let (live, own) = (None, Some(Box::new(OwnModel { weights, blend: None })));
        let (ann, blue) = (Basis::User("ann".into()), Basis::Tag("blue".into()));
        let mut before = Size::default();
        for (asked, (basis, own, is_kept)) in (0..).zip([
            (&ann, &own, false),
            (&ann, &live, true),
            (&ann, &own, false),
            (&blue, &own, false),
            (&blue, &live, true),
        ]) {
            let complete = now;
            now += 2;
            inputs.advance_to(now);
            worker.step_while(|| !closed.has(complete));
            queries.advance_to(complete);
            let query =
                Query::Rank { basis: basis.clone(), rules: Rules::first(3), own: own.clone() };
            RoutedQuery::route(0, asked, vec![query], 1)
                .into_iter()
                .for_each(|query| queries.send(query));
            queries.flush();
            worker.step_while(|| answered.get() <= asked);
            // The caches tell their size with the next batches, of products that they know.
            let other = asked.to_string();
            let of_other = [(&*other, "x", "blue"), (&*other, "y", "blue")];
            inputs.blocks.send((0, block(now, &of_other)));
            let complete = now;
            now += 2;
            inputs.advance_to(now);
            worker.step_while(|| !closed.has(complete));
            let mut after = Size::default();
            holders.each(|name, Size { records, bytes }, _| {
                if name == "best_products" {
                    after = Size { records: after.records + records, bytes: after.bytes + bytes };
                }
            });
            assert_eq!(after != before, is_kept, "{basis:?} {own:?}: {before:?} {after:?}");
            before = after;
        }
    });
}
