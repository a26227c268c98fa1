//! Holds the answers to why a product is at its place to the oracle: ranks to a full sort, parts to sums, and places to
//! the ranking as it must be.

use crate::expected::Oracle;
use dataflows::graph::Mode;
use dataflows::questions::query::QueryAnswer;
use dataflows::ranking::answer::{Cause, Obstacle, Why};
use dataflows::ranking::rules::{Basis, Rules};
use std::collections::BTreeMap;

/// Holds one answer to the oracle.
pub(crate) fn check_why(
    oracle: &Oracle,
    (basis, rules, product): (&Basis, &Rules, &str),
    found: &[QueryAnswer],
    context: &str,
) {
    let [QueryAnswer::Why(why)] = found else {
        assert_eq!(oracle.mode, Mode::Profile, "{context}: {found:?}");
        return;
    };
    let context = &format!("{context}: {why:#?}");
    let (terms, left_out) = oracle.terms(basis, rules);
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for (product, score, _) in terms.iter().flat_map(|(_, scored)| scored) {
        *scores.entry(product).or_default() += score;
    }
    scores.retain(|_, score| 0.0 < *score);
    check_rank(why, &scores, product, context);
    check_parts(why, scores.get(product).copied(), context);
    check_place(oracle, why, (basis, rules, product), context);
    check_obstacles(oracle, why, (rules, product, left_out.contains(product)), context);
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

/// The rank is that of a full sort; of equal scores, any is right.
fn check_rank(why: &Why, scores: &BTreeMap<&str, f64>, product: &str, context: &str) {
    assert_eq!(why.candidates, scores.len(), "{context}");
    let Some(&own) = scores.get(product) else { return assert_eq!(why.rank, 0, "{context}") };
    let above = scores.values().filter(|&&score| own < score && !near(own, score)).count();
    let equal = scores.values().filter(|&&score| near(own, score)).count();
    assert!((above + 1..=above + equal).contains(&why.rank), "{context}");
}

/// The parts that are not of rules add up to what the sources give, and all to the score.
fn check_parts(why: &Why, own: Option<f64>, context: &str) {
    let Some(ranked) = why.product.iter().next() else { return assert_eq!(own, None, "{context}") };
    assert_eq!(why.product.len(), 1, "{context}");
    let of_rule = |cause| matches!(cause, Cause::Rule(..));
    let [mut by_sources, mut by_all] = [0.0; 2];
    for reason in ranked.reasons() {
        by_all += reason.score;
        by_sources += if of_rule(reason.cause) { 0.0 } else { reason.score };
    }
    // What is pinned need not be a candidate.
    assert!(near(by_sources, own.unwrap_or_default()), "{context}");
    assert!(near(by_all, ranked.score), "{context}");
    // No list of these scripts is long enough to be cut.
    assert!(why.cut.is_empty(), "{context}");
}

/// The place is that in the ranking; of equal scores, any is right.
fn check_place(
    oracle: &Oracle,
    why: &Why,
    (basis, rules, product): (&Basis, &Rules, &str),
    context: &str,
) {
    let whole = Rules { offset: 0, n: rules.n + rules.offset, ..rules.clone() };
    let ranking = oracle.ranking(basis, &whole);
    let expected = ranking.iter().position(|ranked| ranked.product == product);
    let own = why.product.iter().next().map(|ranked| ranked.score);
    let is_as_good = |place: usize| {
        let there = ranking.iter().nth(place).map(|ranked| ranked.score);
        own.zip(there).is_some_and(|(own, there)| near(own, there))
    };
    match (why.place.checked_sub(1), expected) {
        (Some(place), _) => assert!(expected == Some(place) || is_as_good(place), "{context}"),
        (None, None) => {}
        // Another one of the same score is shown, or by a cap on tags others than those that the oracle picked.
        (None, Some(place)) => {
            assert!(is_as_good(place) || rules.per_tag.is_some(), "{context}");
        }
    }
}

/// What keeps a product out is said, and nothing of one that is shown.
fn check_obstacles(
    oracle: &Oracle,
    why: &Why,
    (rules, product, is_left_out): (&Rules, &str, bool),
    context: &str,
) {
    let is_shown = rules.offset < why.place;
    assert_eq!(why.obstacles.is_empty(), is_shown, "{context}");
    if why.place > 0 {
        return;
    }
    let says = |is: fn(&Obstacle) -> bool| why.obstacles.iter().any(is);
    let of_request = |obstacle: &Obstacle| {
        use Obstacle::{Bought, Current, Excluded, Visited};
        matches!(obstacle, Excluded | Current | Visited | Bought)
    };
    assert_eq!(says(of_request), is_left_out, "{context}");
    let holding = oracle.holding(&rules.occasion);
    let is_hidden = oracle.is_hidden(&holding, product);
    assert_eq!(says(|it| matches!(it, Obstacle::Hidden(_))), is_hidden, "{context}");
    let is_unavailable = oracle.row_of(product).is_some_and(|row| row.unavailable);
    assert_eq!(says(|it| matches!(it, Obstacle::Unavailable)), is_unavailable, "{context}");
    assert_eq!(says(|it| matches!(it, Obstacle::NoSource)), why.rank == 0, "{context}");
}
