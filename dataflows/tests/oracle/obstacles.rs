//! Why a product is at its place among the trends, or in none, by hand: each obstacle.

use crate::ruled::{VIEWS, answer_on, events, many_events, price, products, rule, texts};
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::answer::{Cause, Obstacle, Why};
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::event::OwnedEvent;
use dataflows::score::merchandising::{Action, Rule};

fn why_of(events: Vec<OwnedEvent>, shop: Vec<Rule>, rules: Rules, product: &str) -> Why {
    why_on(1, events, shop, rules, product)
}

/// The same on so many workers.
fn why_on(
    workers: usize,
    events: Vec<OwnedEvent>,
    shop: Vec<Rule>,
    rules: Rules,
    product: &str,
) -> Why {
    let query = Query::Why { basis: Basis::Everything, rules, product: product.into() };
    let QueryAnswer::Why(why) = answer_on(workers, events, shop, query) else {
        panic!("no answer")
    };
    *why
}

fn all() -> Rules {
    Rules::first(9)
}

#[test]
fn each_obstacle_is_told_with_the_places_and_the_score() {
    use Obstacle::{
        Category, Deleted, Excluded, Hidden, NoSource, Outranked, PerTag, Price, Skipped, Tags,
        Unavailable,
    };
    let hide = || vec![rule("gone", Action::Hide, products(&["C"]))];
    let boost = || vec![rule("more", Action::Boost(5.0), products(&["C"]))];
    let pin = || vec![rule("last", Action::Pin(2), products(&["C"]))];
    // By views: sold out 9, deleted 8, A 4, b 3, C 2, D 1. Of all candidates, then of those that are shown.
    for (product, shop, rules, [rank, place], score, obstacles) in [
        ("A", vec![], all(), [3, 1], 4.0, vec![]),
        ("D", vec![], all(), [6, 4], 1.0, vec![]),
        ("sold out", vec![], all(), [1, 0], 9.0, vec![Unavailable]),
        ("deleted", vec![], all(), [2, 0], 8.0, vec![Deleted]),
        ("C", boost(), all(), [5, 1], 10.0, vec![]),
        ("C", hide(), all(), [5, 0], 2.0, vec![Hidden(texts(&["gone"]))]),
        ("D", vec![], Rules::first(2), [6, 0], 1.0, vec![Outranked(2.0)]),
        ("D", boost(), Rules::first(1), [6, 0], 1.0, vec![Outranked(9.0)]),
        ("D", pin(), Rules::first(2), [6, 0], 1.0, vec![Outranked(3.0)]),
        ("A", vec![], Rules { offset: 1, ..all() }, [3, 1], 4.0, vec![Skipped]),
        ("A", vec![], Rules { exclude: texts(&["A"]), ..all() }, [3, 0], 4.0, vec![Excluded]),
        ("C", vec![], Rules { only: texts(&["A"]), ..all() }, [5, 0], 2.0, vec![Tags]),
        ("C", vec![], Rules { without: texts(&["C"]), ..all() }, [5, 0], 2.0, vec![Tags]),
        (
            "b",
            vec![],
            Rules { per_tag: Some(1), ..all() },
            [4, 0],
            3.0,
            vec![PerTag(texts(&["wood"]))],
        ),
        (
            "C",
            vec![],
            Rules {
                without_categories: texts(&["chairs"]),
                price: price(Some(5), Some(15)).price,
                ..all()
            },
            [5, 0],
            2.0,
            vec![Category, Price],
        ),
        ("unheard of", vec![], all(), [0, 0], 0.0, vec![NoSource]),
    ] {
        let why = why_of(events(&VIEWS), shop, rules, product);
        let found = why.product.iter().next().map_or(0.0, |ranked| ranked.score);
        let told = ([why.rank, why.place], found, why.obstacles);
        assert_eq!(told, ([rank, place], score, obstacles), "{product}");
        assert_eq!((why.candidates, why.cut.len()), (6, 0), "{product}");
    }
}

#[test]
fn what_a_list_has_further_down_is_told_as_cut() {
    for workers in [1, 2] {
        let mut cut = 0;
        for number in 0..12 {
            let product = format!("p{number:04}");
            let why = why_on(workers, many_events(), vec![], Rules::first(1), &product);
            assert_eq!(why.candidates, 64, "on {workers}");
            let further_down = why.cut.iter().next();
            // Either a list has it among its first, or it is told that it has it further down.
            assert_eq!(further_down.is_some(), why.rank == 0, "{product} on {workers}");
            let Some(ranked) = further_down else { continue };
            cut += 1;
            assert_eq!(why.obstacles, [Obstacle::NoSource]);
            let reasons: Vec<_> =
                ranked.reasons().map(|it| (it.cause, it.events, it.score)).collect();
            assert_eq!((ranked.product, reasons), (&*product, vec![(Cause::Popular, 1, 1.0)]));
        }
        assert!(6 < cut, "{cut} of 12 of 2,040 are not among 64, on {workers}");
    }
}
