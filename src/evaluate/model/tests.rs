use super::{Constants, Model};
use crate::evaluate::{Click, Clicks, Recommender};
use dataflows::event::Kind;

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

fn click(user: u32, time: i64, product: u32) -> Click {
    Click { kind: Kind::View, time, user, visit: user, product }
}

/// Only what goes with what, no doubt, and nothing else.
const PAIRS: Constants = Constants {
    kinds: [1.0, 3.0, 5.0],
    products: 10,
    recency: 2.0,
    before: 0.5,
    doubt: 0.0,
    fade_days: 4.0,
    repeat: 0.0,
    repeat_recency: 1.0,
    earlier: 0.0,
    earlier_products: 0,
    earlier_recency: 1.0,
    earlier_repeat: 0.0,
    tags: 0.0,
    trend: 0.0,
};

/// The scores after a visit to one product, by product, over what is left beside repeats.
fn check(constants: Constants, learned: &[Click], visit: Click, expected: &[(u32, f64)]) {
    let clicks = Clicks { tags_of: vec![vec![0], vec![0], vec![0], vec![]], ..Clicks::default() };
    let mut model = Model::with(&clicks, constants);
    learned.iter().for_each(|click| model.learn(click));
    model.now = visit.time;
    let rest = 1.0 - model.habits.share(0) - constants.repeat;
    let scores = model.scores(&[visit], 20);
    for &(product, expected) in expected {
        let score = scores.get(&product).copied().unwrap_or_default() / rest;
        assert!((score - expected).abs() < 1e-9, "{product}: {score}, not {expected}");
    }
}

#[test]
fn pairs_count_by_direction_kind_and_age() {
    let cart = Click { kind: Kind::AddToCart, ..click(1, 2 * MINUTE, 2) };
    let learned = [click(1, 0, 0), click(1, MINUTE, 1), cart, click(1, 40 * MINUTE, 3)];
    // After 0: 1 once and 2 in a cart; 3 came too late.
    check(PAIRS, &learned, click(9, DAY, 0), &[(1, 1.0 / 4.0), (2, 3.0 / 4.0), (3, 0.0)]);
    // 0 came before 1, which counts half; 2 after it.
    check(PAIRS, &learned, click(9, DAY, 1), &[(0, 0.5 / 3.5), (2, 3.0 / 3.5)]);
    let later = [&learned[..], &[click(2, 4 * DAY, 0), click(2, 4 * DAY + MINUTE, 1)]].concat();
    // What was four days ago counts 1/e of what is.
    let old = (-1_f64).exp();
    check(PAIRS, &later, click(9, 4 * DAY, 0), &[(1, (1.0 + old) / (1.0 + 4.0 * old))]);
    // Doubt is held against rows as they are worth now.
    let doubtful = Constants { doubt: 6.0, ..PAIRS };
    check(doubtful, &learned, click(9, 0, 0), &[(1, 1.0 / 10.0), (2, 3.0 / 10.0)]);
}

#[test]
fn what_is_popular_in_the_tags_and_overall_fills_up() {
    let learned = [click(1, 0, 1), click(2, 0, 1), click(3, 0, 2), click(4, 0, 3)];
    let tagged = Constants { tags: 0.6, ..PAIRS };
    check(tagged, &learned, click(9, 0, 0), &[(1, 0.6 * 2.0 / 3.0), (2, 0.6 / 3.0), (3, 0.0)]);
    let mut model = Model::with(
        &Clicks { tags_of: vec![vec![]; 4], ..Clicks::default() },
        Constants::default(),
    );
    learned.iter().for_each(|click| model.learn(click));
    assert_eq!(model.rank(&[click(9, 0, 0)], 20), [0, 1, 2, 3]);
}

#[test]
fn going_back_is_learned() {
    let share = |habit: &[u32]| {
        let clicks = Clicks { tags_of: vec![vec![]; 4], ..Clicks::default() };
        let mut model = Model::new(&clicks);
        (0..).zip(habit).for_each(|(time, &product)| model.learn(&click(1, time, product)));
        (model.habits.share(0), model.habits.share(1))
    };
    let again: Vec<u32> = vec![0; 1_000];
    let between: Vec<u32> = (0..1_000).map(|number| number % 2).collect();
    assert!(share(&again).0 > 0.95);
    let (current, last) = share(&between);
    assert!(current < 0.05 && last > 0.95, "{current} {last}");
}

#[test]
fn what_was_before_the_visit_speaks_softly() {
    let learned = [click(1, 0, 0), click(1, MINUTE, 1), click(9, 2 * DAY, 0)];
    let constants = Constants { earlier: 0.1, earlier_products: 5, ..PAIRS };
    let old = click(9, 3 * DAY, 2);
    check(constants, &learned, old, &[(1, 0.1)]);
    check(PAIRS, &learned, old, &[(1, 0.0)]);
}
