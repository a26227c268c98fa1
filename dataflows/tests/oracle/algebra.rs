//! The laws of the small types: scores, counts, owners, blocks.

use crate::harness::borrowed;
use crate::script::{Random, script};
use dataflows::ids::hash::{owner, stable_hash};
use dataflows::record::block::Block;
use dataflows::record::event::OwnedEvent;
use dataflows::score::counts::Counts;
use dataflows::score::weights::{Score, Weights};
use differential_dataflow::difference::{Abelian, IsZero, Monoid, Multiply, Semigroup};

#[test]
fn a_score_shows_as_many_decimals_as_it_needs() {
    for (millionths, text) in [
        (0, "0"),
        (3_000_000, "3"),
        (2_500_000, "2.5"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (-500_000, "-0.5"),
        (-1_500_000, "-1.5"),
        (-2_000_000, "-2"),
        (10_010_000, "10.01"),
        (i64::MAX, "9223372036854.775807"),
        (i64::MIN, "-9223372036854.775808"),
    ] {
        assert_eq!(Score(millionths).to_string(), text);
    }
}

#[test]
fn a_number_within_bounds_becomes_the_nearest_score() {
    for (number, score) in [
        (0.0, Some(0)),
        (-0.0, Some(0)),
        (0.1, Some(100_000)),
        (2.5, Some(2_500_000)),
        (-1.25, Some(-1_250_000)),
        (0.000_000_4, Some(0)),
        (0.000_000_6, Some(1)),
        (1e12, Some(1_000_000_000_000_000_000)),
        (-1e12, Some(-1_000_000_000_000_000_000)),
        (1.000_000_1e12, None),
        (f64::INFINITY, None),
        (f64::NEG_INFINITY, None),
        (f64::NAN, None),
    ] {
        assert_eq!(Score::from_f64(number), score.map(Score), "{number}");
    }
}

/// Owners must stay the same across restarts and versions: a change would move names to other
/// owners.
#[test]
fn owners_stay_as_they_are() {
    for (key, hash, owners) in GOLDEN {
        assert_eq!(stable_hash(key.as_bytes()), *hash, "{key:?}");
        assert_eq!([1, 2, 3, 4, 7].map(|peers| owner(key, peers)), *owners, "{key:?}");
    }
}

/// Key; hash; owner among 1, 2, 3, 4 and 7.
const GOLDEN: &[(&str, u64, [usize; 5])] = &[
    ("", 0x8CA5_6F56_D3AA_11EB, [0, 1, 1, 3, 3]),
    ("a", 0x0E82_1696_7686_CA0C, [0, 0, 2, 0, 6]),
    ("user-1", 0x8D3F_299F_E8E1_5758, [0, 0, 1, 0, 6]),
    ("user-2", 0x47CD_CEFC_C0D3_883B, [0, 1, 0, 3, 4]),
    ("12345678", 0x66BA_3DD9_E26C_DFA8, [0, 0, 1, 0, 6]),
    ("123456789", 0x81AA_4744_88F4_AF98, [0, 0, 2, 0, 0]),
    ("events/0", 0xC9ED_6353_C049_EF73, [0, 1, 0, 3, 5]),
    ("Zürich", 0x189D_98CB_CFEE_FDBB, [0, 1, 2, 3, 3]),
];

#[test]
fn owners_share_evenly() {
    for peers in [2, 3, 4, 7, 16] {
        let mut owned = vec![0; peers];
        for number in 0..10_000 {
            owned[owner(&format!("user-{number}"), peers)] += 1;
        }
        let fair = 10_000 / peers;
        for count in owned {
            assert!((fair * 4 / 5..=fair * 6 / 5).contains(&count), "{count} of {fair}");
        }
    }
}

#[test]
fn a_block_returns_the_events_pushed() {
    let mut events: Vec<OwnedEvent> =
        script(11, 1, false).into_iter().flat_map(|step| step.events).collect();
    events[0].user = "ü".repeat(256);
    events[1].tags = (0..64).map(|tag| tag.to_string()).collect();
    (events[2].time, events[3].time) = (i64::MIN, i64::MAX);
    let mut block = Block::default();
    for event in &events {
        block.push(&borrowed(event));
    }
    assert_eq!(block.events(), events.len());
    let mut back = Vec::new();
    block.for_each(|event| back.push(OwnedEvent::from(event)));
    assert_eq!(back, events);
    assert!(Block::default().is_empty() && !block.is_empty());
}

/// `(a + b)·w = a·w + b·w`, `a·(v + w) = a·v + a·w`, `(-a)·w = -(a·w)`, `(n·a)·w = n·(a·w)`.
#[test]
fn scores_are_bilinear() {
    let mut random = Random::new(5);
    let mut number =
        |bound: i32| i32::try_from(random.below(2001)).expect("small") % bound - bound / 2;
    for _ in 0..1000 {
        let [a, b] = [0; 2].map(|_| Counts(std::array::from_fn(|_| number(2001))));
        let [v, w] =
            [0; 2].map(|_| Weights(std::array::from_fn(|_| Score(i64::from(number(2001)) * 777))));
        let mut sum = a;
        sum.plus_equals(&b);
        assert_eq!(w.score(sum).0, w.score(a).0 + w.score(b).0);
        let both = Weights(std::array::from_fn(|kind| Score(v.0[kind].0 + w.0[kind].0)));
        assert_eq!(both.score(a).0, v.score(a).0 + w.score(a).0);
        let mut negative = a;
        negative.negate();
        assert_eq!(w.score(negative).0, -w.score(a).0);
        let times = isize::try_from(number(7)).expect("small");
        let multiple: i64 = a.multiply(&times).multiply(&w);
        assert_eq!(multiple, times as i64 * w.score(a).0);
        negative.plus_equals(&a);
        assert!(negative.is_zero() && negative == Counts::zero());
    }
}

#[test]
fn retractions_are_exact_after_an_overflow() {
    let most = Counts([i32::MAX, i32::MIN, 1 << 20]);
    let more = Counts([3, -3, 1 << 20]);
    let mut sum = most;
    sum.plus_equals(&more);
    let mut back = more;
    back.negate();
    sum.plus_equals(&back);
    assert_eq!(sum, most);
    // Retracting a multiple is exact, though it overflowed.
    let mut multiple = more.times(1 << 12);
    multiple.plus_equals(&back.times(1 << 12));
    assert!(multiple.is_zero());
}
