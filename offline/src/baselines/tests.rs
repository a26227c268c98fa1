//! Each method against scores worked out by hand.
//!
//! The methods learn the visits 1: a b, 2: a b c, 3: b d, a minute between clicks and a day between
//! visits. They are asked about a visit of a, then b, a day after the last.

use crate::baselines::{
    Association, Cosine, Neighbours, Popularity, Sequential, Similarity, Stan, Vector, Weighting,
};
use crate::clicks::Click;
use crate::recommender::Recommender;
use dataflows::record::event::Kind;

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;
const A: u32 = 1;
const B: u32 = 2;
const C: u32 = 3;
const D: u32 = 4;

fn visit(number: u32, products: &[u32]) -> Vec<Click> {
    let click = |(place, &product): (i64, &u32)| Click {
        kind: Kind::View,
        time: i64::from(number) * DAY + place * MINUTE,
        user: number,
        visit: number,
        product,
    };
    (0..).zip(products).map(click).collect()
}

fn learned<R: Recommender>(mut method: R) -> R {
    for click in [visit(1, &[A, B]), visit(2, &[A, B, C]), visit(3, &[B, D])].concat() {
        method.learn(&click);
    }
    method
}

/// Compares the ranking, after a and b, of a method that has learned the visits.
fn check(method: impl Recommender, expected: &[u32]) {
    assert_eq!(learned(method).rank(&visit(4, &[A, B]), 10), expected);
}

#[test]
fn rules_and_popularity_rank_as_by_hand() {
    // b 3, a 2, c 1, d 1.
    check(Popularity::default(), &[B, A, C, D]);
    // With b: a twice, c and d once; never b itself.
    check(Association::default(), &[A, C, D]);
    // After b: c and d, one click later each; after c and d nothing.
    check(Sequential::new(Weighting::Div), &[C, D]);
}

#[test]
fn a_sequential_rule_weighs_by_its_steps() {
    let mut method = learned(Sequential::new(Weighting::Div));
    // After a: b in 1 step twice (2), c in 2 steps once (1/2).
    assert_eq!(method.rank(&visit(4, &[A]), 10), [B, C]);
    for click in visit(5, &[A, D, D, D, D, D]) {
        method.learn(&click);
    }
    // d in 1 to 5 steps: 1 + 1/2 + 1/3 + 1/4 + 1/5 = 2.28, more than b's 2.
    assert_eq!(method.rank(&visit(4, &[A]), 10), [D, B, C]);
}

/// Compares a neighbour method's scores of a to d.
fn scores<S: Similarity>(similarity: S, expected: [f64; 4]) {
    let method = learned(Neighbours::new(10, 10, false, similarity));
    let scores = method.scores(&visit(4, &[A, B]));
    for (product, expected) in [A, B, C, D].into_iter().zip(expected) {
        let score = scores.get(&product).copied().unwrap_or_default();
        assert!((score - expected).abs() < 1e-9, "{product}: {score}, not {expected}");
    }
}

#[test]
fn cosines_add_up() {
    // Likeness: {a b} 1, {a b c} 2/√6, {b d} 1/2.
    let second = 2.0 / 6_f64.sqrt();
    scores(Cosine, [1.0 + second, 1.5 + second, second, 0.5]);
}

#[test]
fn vectors_weigh_by_position() {
    let (weighting, weighting_score) = (Weighting::Div, Weighting::Div);
    // a weighs 1/2 and b 1: likeness 3/4, 3/4 and 1/2; b, the newest, is in each, one step away.
    scores(Vector { weighting, weighting_score, idf: 0.0 }, [1.5, 2.0, 0.75, 0.5]);
    // ln(3 visits / clicks): a ln 1.5, b 0, c and d ln 3.
    let (twice, once) = (1.0 + 2.0 * 1.5_f64.ln(), 1.0 + 2.0 * 3_f64.ln());
    let expected = [1.5 * twice, 2.0, 0.75 * once, 0.5 * once];
    scores(Vector { weighting, weighting_score, idf: 2.0 }, expected);
}

#[test]
fn stan_weighs_by_position_age_and_distance() {
    // a weighs e^-1 and b 1.
    let a = (-1_f64).exp();
    let norm = (a * a + 1.0).sqrt();
    let alike = [
        (1.0 + a) / (norm * 2_f64.sqrt()),
        (1.0 + a) / (norm * 3_f64.sqrt()),
        1.0 / (norm * 2_f64.sqrt()),
    ];
    let spw = Some(1.0);
    let [one, two, three] = alike;
    let only = Stan { spw, ..Stan::default() };
    scores(only, [one + two, one + two + three, two, three]);
    // From b, the last shared product, a and c and d are one click away.
    let near = Stan { inh: Some(0.5), ..only };
    let away = (-2_f64).exp();
    scores(near, [(one + two) * away, one + two + three, two * away, three * away]);
    // The newest click is a minute after a day's begin; the visits' last are at 1, 2 and 1 minutes.
    let minute = 1.0 / 1_440.0;
    let age = |days: f64| (-days / 10.0).exp();
    let aged = [one * age(3.0), two * age(2.0 - minute), three * age(1.0)];
    let [one, two, three] = aged;
    scores(Stan { snh: Some(10.0), ..only }, [one + two, one + two + three, two, three]);
}

#[test]
fn vstan_weighs_what_a_neighbour_adds_by_its_newest_shared_product() {
    let mut method = Neighbours::new(10, 10, false, Stan { ipw: Some(0.5), ..Stan::default() });
    visit(1, &[A, C]).iter().chain(&visit(2, &[B, D])).for_each(|click| method.learn(click));
    let scores = method.scores(&visit(4, &[A, B]));
    // Both are alike 1/2; a is one click back.
    let back = (-2_f64).exp();
    for (product, score) in [(A, 0.5 * back), (C, 0.5 * back), (B, 0.5), (D, 0.5)] {
        assert!((scores[&product] - score).abs() < 1e-9, "{product}: {}", scores[&product]);
    }
}

#[test]
fn neighbours_are_the_most_alike_of_the_latest() {
    let ranked = |k, sample, itself| {
        let mut method = learned(Neighbours::new(k, sample, itself, Cosine));
        visit(4, &[A, B]).iter().for_each(|click| method.learn(click));
        method.rank(&visit(4, &[A, B]), 10)
    };
    assert_eq!(ranked(1, 10, false), [A, B]);
    assert_eq!(ranked(10, 1, false), [B, D]);
    assert_eq!(ranked(10, 1, true), [A, B]);
}
