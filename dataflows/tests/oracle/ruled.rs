//! What rules of the shop make of one small ranking, by hand: each action, its conditions, placements and times.

use crate::harness::borrowed;
use crate::script::LIMITS;
use dataflows::graph::{Grading, Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::questions::query::{Query, QueryAnswer, RoutedQuery};
use dataflows::questions::questions;
use dataflows::ranking::answer::{Cause, Ranking};
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use dataflows::record::block::Block;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::record::product::{CatalogueRow, PriceRange, Product};
use dataflows::score::merchandising::{
    Action, ActionKind, Condition, Merchandising, Occasion, Rule,
};
use dataflows::score::model::Model;
use dataflows::time::{RESTORED, Time, input_time};
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::operators::{Inspect, probe};

const NOW: Time = 20_000 * 24 * 60 * 60 * 1_000_000;

/// The products with their views; those in capitals are in the catalogue, with their category and price.
pub(crate) const VIEWS: [(&str, usize); 6] =
    [("sold out", 9), ("deleted", 8), ("A", 4), ("b", 3), ("C", 2), ("D", 1)];
const CATALOGUE: [(&str, &str, Option<i64>); 3] =
    [("A", "lamps", Some(10)), ("C", "chairs", Some(20)), ("D", "lamps", None)];

pub(crate) fn events(views: &[(&str, usize)]) -> Vec<OwnedEvent> {
    let views =
        views.iter().flat_map(|&(product, views)| (0..views).map(move |view| (product, view)));
    let event = |(product, view): (&str, usize)| OwnedEvent {
        event_type: Kind::View.into(),
        time: i64::try_from(NOW / 1000).expect("milliseconds"),
        user: format!("{view}"),
        product: product.into(),
        category: String::new(),
        session: String::new(),
        id: String::new(),
        tags: if product == "b" {
            vec!["wood".into()]
        } else {
            vec!["wood".into(), product.into()]
        },
    };
    views.map(event).collect()
}

/// A view of each of 2,040 products.
pub(crate) fn many_events() -> Vec<OwnedEvent> {
    let names: Vec<String> = (0..2_040).map(|number| format!("p{number:04}")).collect();
    let views: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 1)).collect();
    // Each user has one moment of the history, so that all are kept.
    let events = events(&views).into_iter().enumerate();
    events.map(|(user, event)| OwnedEvent { user: user.to_string(), ..event }).collect()
}

fn rows() -> Vec<CatalogueRow> {
    let row = |product: &str, row| CatalogueRow { product: product.into(), row };
    let listed = CATALOGUE.iter().map(|&(product, category, price)| {
        row(product, Some(Product { category: category.into(), price, ..Product::default() }))
    });
    let unavailable = Product { unavailable: true, ..Product::default() };
    listed.chain([row("sold out", Some(unavailable)), row("deleted", None)]).collect()
}

/// The ranking under rules of the shop and of a request.
fn ranking(shop: Vec<Rule>, basis: Basis, rules: Rules) -> Ranking {
    ranking_of(events(&VIEWS), shop, basis, rules)
}

/// The same of other events.
fn ranking_of(events: Vec<OwnedEvent>, shop: Vec<Rule>, basis: Basis, rules: Rules) -> Ranking {
    let query = Query::Rank { basis, rules, own: None };
    let QueryAnswer::Ranking(ranking) = answer_of(events, shop, query) else {
        panic!("no ranking")
    };
    ranking
}

/// The answer to a query about some events and the catalogue, under rules of the shop.
pub(crate) fn answer_of(events: Vec<OwnedEvent>, shop: Vec<Rule>, query: Query) -> QueryAnswer {
    answer_on(1, events, shop, query)
}

/// The same on so many workers, of which the first one is told everything.
pub(crate) fn answer_on(
    workers: usize,
    events: Vec<OwnedEvent>,
    shop: Vec<Rule>,
    query: Query,
) -> QueryAnswer {
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let dictionaries = SharedDictionaries::default();
        let views = ViewConfig {
            mode: Mode::All,
            limits: LIMITS,
            pairs_days: 180,
            grading: Grading::NONE,
            copy_hours: 0,
            stay_hours: None,
            persistence: Persistence::NONE,
        };
        let (mut inputs, views, closed) = worker.dataflow(|scope| {
            let (inputs, outputs) = graph(scope, views, &dictionaries, Listeners::NONE);
            (inputs, outputs.views, outputs.closed)
        });
        let found = Rc::new(RefCell::new(None));
        let answer = found.clone();
        let mut queries = worker.dataflow(|scope| {
            let (queries, answers) = questions(scope, views, &dictionaries, &probe::Handle::new());
            answers.inspect(move |(_, _, answers)| *answer.borrow_mut() = answers.first().cloned());
            queries
        });
        inputs.advance_to(input_time(RESTORED + 1));
        inputs.advance_to(NOW);
        let is_first = worker.index() == 0;
        if is_first {
            inputs.reached.send(Reading::all_known(0));
            let rules = Merchandising::new(shop.clone());
            inputs.models.send((NOW, Model { rules, ..Model::default() }));
            let mut block = Block::default();
            events.iter().for_each(|event| block.push(&borrowed(event)));
            block.note_clock(i64::try_from(NOW / 1000).expect("milliseconds"));
            inputs.blocks.send((0, block));
            rows().into_iter().for_each(|row| inputs.rows.send(row));
        }
        inputs.advance_to(NOW + 2);
        worker.step_while(|| !closed.has(NOW));
        queries.advance_to(NOW);
        if is_first {
            let routed = RoutedQuery::route(0, 0, vec![query.clone()], workers);
            routed.into_iter().for_each(|query| queries.send(query));
            queries.flush();
            worker.step_while(|| found.borrow().is_none());
        }
        found.take()
    });
    let answers = guards.expect("workers start").join().into_iter();
    answers.filter_map(|found| found.expect("a worker ends")).next().expect("an answer")
}

/// Holds the products that are shown of the trends, each with the rules that hit it, to what is expected.
fn check(shop: &[Rule], rules: Rules, expected: &str) {
    let ranking = ranking(shop.to_vec(), Basis::Everything, rules.clone());
    let product = |ranked: dataflows::ranking::answer::Ranked<'_>| {
        let sum: f64 = ranked.reasons().map(|reason| reason.score).sum();
        assert!((sum - ranked.score).abs() < 1e-9, "{ranked:?}");
        let rules = ranked.reasons().filter_map(|reason| match reason.cause {
            Cause::Rule(action, rule) => Some(format!(" {}:{rule}", action.name())),
            _ => None,
        });
        format!("{}{}", ranked.product, rules.collect::<String>())
    };
    let found: Vec<String> = ranking.iter().map(product).collect();
    assert_eq!(found.join(", "), expected, "{shop:#?} {rules:?}");
}

pub(crate) fn rule(id: &str, action: Action, condition: Condition) -> Rule {
    Rule { id: id.into(), action, condition, placement: None, from: None, until: None }
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

pub(crate) fn products(names: &[&str]) -> Condition {
    Condition { products: texts(names), ..Condition::default() }
}

fn tag(tag: &str) -> Condition {
    Condition { tag: Some(tag.into()), ..Condition::default() }
}

fn category(category: &str) -> Condition {
    Condition { category: Some(category.into()), ..Condition::default() }
}

pub(crate) fn price(least: Option<i64>, most: Option<i64>) -> Condition {
    Condition { price: PriceRange { least, most }, ..Condition::default() }
}

fn all() -> Rules {
    Rules::first(9)
}

#[test]
fn each_action_does_what_it_says() {
    use Action::{Boost, Bury, Hide, Pin};
    check(&[], all(), "A, b, C, D");
    for (action, condition, expected) in [
        (Boost(5.0), products(&["C"]), "C boost:r, A, b, D"),
        (Boost(1.9), products(&["C"]), "A, C boost:r, b, D"),
        (Boost(9.0), products(&["D", "C", "unheard of"]), "C boost:r, D boost:r, A, b"),
        (Bury(0.4), products(&["A"]), "b, C, A bury:r, D"),
        (Bury(0.001), tag("wood"), "A bury:r, b bury:r, C bury:r, D bury:r"),
        (Hide, products(&["A", "C"]), "b, D"),
        (Hide, tag("C"), "A, b, D"),
        (Hide, tag("nothing"), "A, b, C, D"),
        (Hide, category("lamps"), "b, C"),
        (Hide, category("chairs"), "A, b, D"),
        (Hide, price(Some(10), None), "b, D"),
        (Hide, price(Some(11), None), "A, b, D"),
        (Hide, price(None, Some(19)), "b, C, D"),
        (Hide, price(Some(10), Some(20)), "b, D"),
        (Hide, Condition { tag: Some("wood".into()), ..category("lamps") }, "b, C"),
        (Hide, Condition { tag: Some("A".into()), ..category("chairs") }, "A, b, C, D"),
        (Hide, Condition { category: Some("lamps".into()), ..products(&["A", "b"]) }, "b, C, D"),
        (
            Hide,
            Condition {
                price: PriceRange { least: Some(20), most: None },
                ..products(&["A", "C"])
            },
            "A, b, D",
        ),
        (Pin(1), products(&["D"]), "D pin:r, A, b, C"),
        (Pin(2), products(&["D"]), "A, D pin:r, b, C"),
        (Pin(4), products(&["A"]), "b, C, D, A pin:r"),
        (Pin(9), products(&["A"]), "b, C, D, A pin:r"),
        (Pin(2), products(&["D", "A"]), "b, D pin:r, A pin:r, C"),
        (Pin(1), products(&["new"]), "new pin:r, A, b, C, D"),
        (Pin(1), category("chairs"), "C pin:r, A, b, D"),
        (Pin(3), tag("wood"), "b, C, A pin:r, D"),
        (Pin(1), category("nothing"), "A, b, C, D"),
        (
            Pin(1),
            Condition { category: Some("chairs".into()), ..products(&["D", "C"]) },
            "C pin:r, A, b, D",
        ),
    ] {
        check(&[rule("r", action, condition)], all(), expected);
    }
}

#[test]
fn rules_that_hit_the_same_products_act_together() {
    use Action::{Boost, Bury, Hide, Pin};
    let (one, two) = (|action, of| rule("1", action, of), |action, of| rule("2", action, of));
    let d = || products(&["D"]);
    for (rules, expected) in [
        (
            [one(Boost(3.0), d()), two(Boost(2.0), tag("wood"))],
            "A boost:2, D boost:2 boost:1, b boost:2, C boost:2",
        ),
        ([one(Boost(10.0), d()), two(Bury(0.25), d())], "A, b, D boost:1 bury:2, C"),
        // Whatever comes first: what is hidden is not shown.
        ([one(Pin(1), d()), two(Hide, d())], "A, b, C"),
        ([one(Hide, d()), two(Boost(99.0), d())], "A, b, C"),
        // Of two for one place, the earlier rule has it.
        ([one(Pin(1), products(&["C"])), two(Pin(1), d())], "C pin:1, D pin:2, A, b"),
        ([one(Pin(1), d()), two(Pin(1), products(&["C"]))], "D pin:1, C pin:2, A, b"),
        ([one(Pin(2), products(&["C", "D"])), two(Pin(1), d())], "D pin:2, C pin:1, A, b"),
        (
            [one(Pin(1), category("lamps")), two(Pin(2), category("lamps"))],
            "A pin:1, D pin:2, b, C",
        ),
        // A pin is of the best as boosts have it, and keeps what they gave.
        ([one(Boost(9.0), d()), two(Pin(2), tag("wood"))], "A, D boost:1 pin:2, b, C"),
        ([one(Boost(1000.0), d()), two(Boost(1000.0), d())], "D boost:2 boost:1, A, b, C"),
    ] {
        check(&rules, all(), expected);
    }
}

#[test]
fn what_may_not_be_shown_is_not_pinned() {
    let pin = |names: &[&str]| [rule("r", Action::Pin(1), products(names))];
    let without = |exclude: &[&str]| Rules { exclude: texts(exclude), ..all() };
    check(&pin(&["sold out", "deleted", "D"]), all(), "D pin:r, A, b, C");
    check(&pin(&["D"]), without(&["D"]), "A, b, C");
    check(&pin(&["new"]), without(&["new"]), "A, b, C, D");
    check(&pin(&["D"]), Rules { without: texts(&["D"]), ..all() }, "A, b, C");
    check(&pin(&["D"]), Rules { only: texts(&["A", "C"]), ..all() }, "A, C");
    check(&pin(&["D"]), Rules { only_categories: texts(&["chairs"]), ..all() }, "C");
    check(&pin(&["D"]), Rules { without_categories: texts(&["lamps"]), ..all() }, "b, C");
    let cheap = PriceRange { least: None, most: Some(15) };
    check(&pin(&["D"]), Rules { price: cheap, ..all() }, "A");
    check(&pin(&["A"]), Rules { price: cheap, ..all() }, "A pin:r");
    // The pin is one of those that share a tag.
    check(&pin(&["D"]), Rules { per_tag: Some(2), ..all() }, "D pin:r, A");
    check(&pin(&["D", "C"]), Rules { per_tag: Some(1), ..all() }, "D pin:r");
    // What the visitor looks at, or has bought, is left out.
    let of = |basis: Basis, rules: Rules| {
        let ranking = ranking(pin(&["D"]).to_vec(), basis, rules);
        ranking.iter().any(|ranked| ranked.product == "D")
    };
    let visit = || Basis::Visit(texts(&["D"]));
    assert!(of(visit(), all()));
    assert!(!of(visit(), Rules { leave_out: LeaveOut::Current, ..all() }));
    assert!(!of(Basis::Product("D".into()), all()));
    assert!(of(Basis::Product("A".into()), all()));
}

#[test]
fn places_are_counted_over_all_pages() {
    let pins = [
        rule("1", Action::Pin(2), products(&["D"])),
        rule("2", Action::Pin(4), products(&["new"])),
    ];
    check(&pins, all(), "A, D pin:1, b, new pin:2, C");
    for (offset, expected) in [(0, "A, D pin:1"), (1, "D pin:1, b"), (2, "b, new pin:2"), (4, "C")]
    {
        check(&pins, Rules { offset, ..Rules::first(2) }, expected);
    }
    check(&pins, Rules::first(1), "A");
}

#[test]
fn rules_hold_for_their_placement_and_between_their_times() {
    let of_home = Rule {
        placement: Some("home".into()),
        from: Some(1_000),
        until: Some(2_000),
        ..rule("r", Action::Hide, products(&["A"]))
    };
    for (placement, now, hides) in [
        ("home", 999, false),
        ("home", 1_000, true),
        ("home", 1_999, true),
        ("home", 2_000, false),
        ("", 1_500, false),
        ("basket", 1_500, false),
    ] {
        let occasion = Occasion { placement: placement.into(), now };
        let expected = if hides { "b, C, D" } else { "A, b, C, D" };
        check(std::slice::from_ref(&of_home), Rules { occasion, ..all() }, expected);
    }
}

#[test]
fn hits_are_counted_by_rule() {
    let rules = vec![
        rule("1", Action::Hide, products(&["A"])),
        rule("5", Action::Hide, products(&["A", "other"])),
        rule("2", Action::Boost(2.0), tag("wood")),
        rule("3", Action::Pin(1), products(&["new"])),
        rule("4", Action::Bury(0.5), tag("nothing")),
    ];
    let ranking = ranking(rules, Basis::Everything, Rules::first(3));
    let hits: Vec<_> = ranking.hits().collect();
    assert_eq!(
        hits,
        [
            (ActionKind::Hide, "1", 1),
            (ActionKind::Hide, "5", 1),
            (ActionKind::Boost, "2", 2),
            (ActionKind::Pin, "3", 1),
        ]
    );
}

#[test]
fn a_pin_beyond_the_candidates_that_are_scored_keeps_its_score() {
    let shop = vec![
        rule("1", Action::Boost(2.0), products(&["p0007", "p2038"])),
        rule("2", Action::Pin(3), products(&["p2039"])),
    ];
    let ranking = ranking_of(many_events(), shop, Basis::Everything, Rules::first(200));
    let shown: Vec<_> =
        ranking.iter().take(4).map(|ranked| (ranked.product, ranked.score)).collect();
    // Of 2,040 equal ones the last 40 by name are not scored anew.
    assert_eq!(shown, [("p0007", 2.0), ("p0000", 1.0), ("p2039", 1.0), ("p0001", 1.0)]);
    assert_eq!(ranking.len(), 200);
    for ranked in ranking.iter() {
        let sum: f64 = ranked.reasons().map(|reason| reason.score).sum();
        assert!((sum - ranked.score).abs() < 1e-9, "{ranked:?}");
    }
}
