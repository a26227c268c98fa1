//! The lists of a page.

use super::fixture::{AS_OF, Engine, Fixture, http_config};
use super::schema::DESCRIPTION;
use crate::http::rankings::RULES;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use dataflows::score::merchandising::Occasion;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGE: &str = "POST /api/recommendations";

/// A ranking of products, best first.
fn ranking(products: &[&str]) -> Vec<QueryAnswer> {
    let mut ranking = Ranking::default();
    products.iter().for_each(|product| ranking.add(product, 1.0, None));
    vec![QueryAnswer::Ranking(ranking)]
}

/// What a query ranks, without the time at which its rules were read.
fn ranked(queries: &[Query]) -> (Basis, Rules) {
    let [Query::Rank { basis, rules, own: None }] = queries else { panic!("{queries:?}") };
    let occasion = Occasion { now: 0, ..rules.occasion.clone() };
    (basis.clone(), Rules { occasion, ..rules.clone() })
}

fn rules(n: usize, exclude: &[&str]) -> Rules {
    let exclude = exclude.iter().map(|&product| product.to_owned()).collect();
    Rules { exclude, leave_out: LeaveOut::Current, ..Rules::first(n) }
}

/// The ids of the products of each list.
fn products(told: &Value) -> Vec<Vec<&str>> {
    fn of_list(list: &Value) -> Vec<&str> {
        let products = list["products"].as_array().unwrap().iter();
        products.map(|product| product["id"].as_str().unwrap()).collect()
    }
    told["lists"].as_array().unwrap().iter().map(of_list).collect()
}

#[test]
fn lists_are_asked_for_at_once() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let body = r#"{"lists":[
        {"user":"u","placement":"home","n":2},
        {"products":["a",7],"exclude":"none"},
        {"product":"p"},
        {"tag":"t","trending":true},
        {"trending":true,"excludeIds":["x"]}
    ]}"#;
    let mut client = fixture.connect();
    client.send(PAGE, body);
    let questions: Vec<_> = (0..5).map(|_| fixture.questions.recv().unwrap()).collect();
    let home = Occasion { placement: "home".into(), now: 0 };
    let visit = vec!["a".to_owned(), "7".to_owned()];
    let asked: Vec<_> = questions.iter().map(|question| ranked(&question.queries())).collect();
    let expected = [
        (Basis::User("u".into()), Rules { occasion: home, ..rules(2, &[]) }),
        (Basis::Visit(visit), Rules { leave_out: LeaveOut::None, ..rules(10, &[]) }),
        (Basis::Product("p".into()), rules(10, &[])),
        (Basis::Tag("t".into()), rules(10, &[])),
        (Basis::Everything, rules(10, &["x"])),
    ];
    assert_eq!(asked, expected);
    for (at, question) in questions.into_iter().enumerate().rev() {
        question.answer(AS_OF + at as u64, ranking(&["same"]));
    }
    let reply = client.receive(false);
    assert_eq!((reply.status, reply.header("x-as-of")), (200, Some(&*AS_OF.to_string())));
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(products(&told), [["same"]; 5]);
    assert_eq!(told["lists"][4]["asOf"], AS_OF + 4);
}

#[test]
fn no_product_is_shown_twice_on_a_page() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let body = r#"{"distinct":true,"lists":[
        {"user":"u","n":2},{"trending":true,"n":1,"excludeIds":["x"]},{"trending":true,"n":3}
    ]}"#;
    let mut client = fixture.connect();
    client.send(PAGE, body);
    for (n, exclude, answer) in [
        (2, &[][..], &["a", "b"][..]),
        (1, &["x", "a", "b"], &["c"]),
        (3, &["a", "b", "c"], &["d", "e"]),
    ] {
        let question = fixture.questions.recv().unwrap();
        assert_eq!(ranked(&question.queries()).1, rules(n, exclude));
        question.answer(AS_OF, ranking(answer));
    }
    let told: Value = serde_json::from_str(&client.receive(false).body).unwrap();
    assert_eq!(products(&told), [vec!["a", "b"], vec!["c"], vec!["d", "e"]]);
}

#[test]
fn what_is_wrong_is_told_with_its_list() {
    let fixture = Fixture::new();
    let many = json!({"lists": vec![json!({"trending": true, "n": 1}); 20]}).to_string();
    assert_eq!(fixture.send(PAGE, many).status, 200);
    let too_many = json!({"lists": vec![json!({"trending": true, "n": 1}); 21]}).to_string();
    for (body, details) in [
        ("{}", "lists is missing"),
        (r#"{"lists":{}}"#, "lists is a list of objects: invalid type: map, expected a sequence…"),
        (r#"{"lists":[]}"#, "lists has 1 to 20 items, not 0"),
        (&*too_many, "lists has 1 to 20 items, not 21"),
        (r#"{"lists":[{"trending":true},7]}"#, "lists[1]: the body is an object with…"),
        (
            r#"{"lists":[{"n":1}]}"#,
            "lists[0]: it starts from nothing: give user, products, product, tag or trending",
        ),
        (
            r#"{"lists":[{"user":"u","tag":"t"}]}"#,
            "lists[0]: user and tag are given: a ranking starts from one",
        ),
        (
            r#"{"lists":[{"user":"u","trending":true}]}"#,
            "lists[0]: trending is of everything, or of a tag",
        ),
        (r#"{"lists":[{"trending":false}]}"#, "lists[0]: trending is true, or left out"),
        (
            r#"{"lists":[{"trending":true,"n":0}]}"#,
            "lists[0]: n is a whole number from 1 to 1000, not 0",
        ),
        (r#"{"lists":[{"trending":true,"page":1}]}"#, "lists[0]: \"page\" is no field…"),
        (r#"{"lists":[{"trending":true,"n":1,"n":2}]}"#, "lists[0]: the body is an object with…"),
        (
            r#"{"lists":[{"trending":true,"n":501},{"trending":true,"n":500}]}"#,
            "n of all lists is at most 1000 together, not 1001",
        ),
        (r#"{"lists":[{"trending":true}],"distinct":1}"#, "distinct is true or false, not 1"),
    ] {
        let reply = fixture.send(PAGE, body);
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        let told = told["details"].as_str().unwrap();
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        match details.strip_suffix('…') {
            Some(start) => assert!(told.starts_with(start), "{body}: {told}"),
            None => assert_eq!(told, details, "{body}"),
        }
    }
}

#[test]
fn the_description_has_every_rule_of_a_list() {
    let body = &DESCRIPTION["paths"]["/api/recommendations"]["post"]["requestBody"];
    let page = &body["content"]["application/json"]["schema"]["properties"];
    let fields = page["lists"]["items"]["properties"].as_object().unwrap();
    let described: BTreeSet<_> = fields.keys().map(String::as_str).collect();
    let others = ["user", "products", "product", "tag", "trending"];
    assert_eq!(described, [&others[..], RULES].concat().into_iter().collect());
}
