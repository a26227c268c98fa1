//! Compares answers with the oracle's, up to the orders and choices that are free.

use crate::expected::Oracle;
use crate::whys::check_why;
use dataflows::questions::ask::{Ask, ViewDigests};
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::answer::{Ranked, Ranking};
use dataflows::record::event::OwnedEvent;
use dataflows::score::merchandising::ActionKind;
use std::collections::BTreeMap;

/// Holds the answers to one query to the oracle.
pub(crate) fn check_answer(
    oracle: &Oracle,
    found: &[QueryAnswer],
    query: &Query,
    feeders: usize,
    context: &str,
) {
    if let Query::Why { basis, rules, product } = query {
        return check_why(oracle, (basis, rules, product), found, context);
    }
    let expected = &oracle.answer(query)[..];
    if let ([QueryAnswer::Ranking(found)], [QueryAnswer::Ranking(expected)]) = (found, expected) {
        assert!(are_same(found, expected), "{context}:\n{found:#?}\nis not\n{expected:#?}");
    } else if matches!(query, Query::Digests) {
        let workers = found.iter().cloned();
        let found = ViewDigests.answer(workers.collect());
        assert_eq!(found, ViewDigests.answer(expected.to_vec()), "{context}");
    } else if matches!(query, Query::Recent { .. }) && 1 < feeders {
        let latest = are_latest(found, expected, &oracle.events);
        assert!(latest, "{context}:\n{found:#?}\nare not\n{expected:#?}");
    } else {
        assert_eq!(in_order(found), in_order(expected), "{context}");
    }
}

/// True if the events found are the latest. Of equal times, any order and any choice will do, as
/// there is no order between feeders.
fn are_latest(found: &[QueryAnswer], expected: &[QueryAnswer], all: &[OwnedEvent]) -> bool {
    let times = |found: &[QueryAnswer]| {
        let times = |found| recent(found).iter().map(|event| event.time).collect();
        let mut times: Vec<Vec<i64>> = found.iter().map(times).collect();
        times.sort_unstable();
        times
    };
    let found_events: Vec<&OwnedEvent> = found.iter().flat_map(recent).collect();
    let found_times = |event| found_events.iter().filter(|found| **found == event).count();
    let times_in_all = |event| all.iter().filter(|other| *other == event).count();
    times(found) == times(expected)
        && found_events.iter().all(|event| found_times(*event) <= times_in_all(*event))
}

/// The events of an answer to [`Query::Recent`].
fn recent(found: &QueryAnswer) -> &[OwnedEvent] {
    let QueryAnswer::Recent(events) = found else { panic!("no events: {found:?}") };
    events
}

/// True if two rankings are the same up to rounding. Of equal scores, any order and any choice will
/// do.
fn are_same(found: &Ranking, expected: &Ranking) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(1.0);
    let causes = |ranked: &Ranked<'_>| {
        let causes = ranked.reasons().map(|reason| (format!("{:?}", reason.cause), reason.events));
        causes.collect::<BTreeMap<_, _>>()
    };
    let hidden = |ranking: &Ranking| {
        let hits = ranking.hits().filter(|(action, ..)| *action == ActionKind::Hide);
        hits.map(|(_, rule, hits)| (rule.to_owned(), hits)).collect::<Vec<_>>()
    };
    // Which of equal scores are shown is free, but not which candidates there are.
    hidden(found) == hidden(expected)
        && found.len() == expected.len()
        && found.iter().zip(expected.iter()).all(|(found, expected)| {
            let sum: f64 = found.reasons().map(|reason| reason.score).sum();
            near(found.score, expected.score)
                && near(sum, found.score)
                && (found.product != expected.product
                    || found.row == expected.row && causes(&found) == causes(&expected))
        })
}

/// Sorts answers, which come in any order, by their texts.
fn in_order(found: &[QueryAnswer]) -> Vec<String> {
    let mut texts: Vec<String> = found.iter().map(|found| format!("{found:?}")).collect();
    texts.sort_unstable();
    texts
}
