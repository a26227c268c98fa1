//! Questions that bring their own model.

use super::client::{Client, Reply};
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::engine::question::Question;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::score::merchandising::Occasion;
use dataflows::score::model::{Blend, OwnModel};
use dataflows::score::weights::{Score, Weights};
use std::time::Duration;

const RANK: &str = "POST /api/lab/recommendations";
const PROFILE: &str = "POST /api/lab/profile";

/// Sends a request, and returns the connection and the question that it leads to.
fn asked(fixture: &Fixture, request: &str, body: &str) -> (Client, Box<dyn Question>) {
    let mut client = fixture.connect();
    client.send(request, body);
    (client, fixture.questions.recv().unwrap())
}

/// The query without the time at which its rules were read.
fn query(question: &dyn Question) -> Query {
    let [query] = &question.queries()[..] else { panic!("a question of the lab is one query") };
    match query.clone() {
        Query::Rank { basis, rules, own } => {
            let occasion = Occasion { now: 0, ..rules.occasion };
            Query::Rank { basis, rules: Rules { occasion, ..rules }, own }
        }
        other => other,
    }
}

/// The weights of a view, a cart and a purchase, in millionths.
fn weights(weights: [i64; 3]) -> Weights {
    Weights(weights.map(Score))
}

#[test]
fn without_a_model_the_answers_are_the_live_ones() {
    let fixture = Fixture::new();
    for (live, lab, body) in [
        ("GET /api/recommendations/user1", RANK, r#"{"user":"user1"}"#),
        ("GET /api/recommendations/user1?n=1", RANK, r#"{"user":"user1","n":1}"#),
        ("GET /api/recommendations/7", RANK, r#"{"user":7}"#),
        ("GET /api/products/user1/similar", RANK, r#"{"product":"user1"}"#),
        ("GET /api/products/ruled/similar", RANK, r#"{"product":"ruled"}"#),
        ("GET /api/trending?tag=a+b", RANK, r#"{"tag":"a b"}"#),
        ("GET /api/trending", RANK, "{}"),
        ("GET /api/user-profile/user1", PROFILE, r#"{"user":"user1"}"#),
        ("GET /api/user-profile/nobody", PROFILE, r#"{"user":"nobody"}"#),
        (
            "GET /api/user-profile/numbers?format=list",
            "POST /api/lab/profile?format=list",
            r#"{"user":"numbers"}"#,
        ),
    ] {
        let told = |reply: Reply| {
            let as_of = reply.header("x-as-of").map(str::to_owned);
            (reply.status, as_of, reply.body)
        };
        let live = told(fixture.send(live, ""));
        assert_eq!((live.0, live.1.is_some()), (200, true));
        assert_eq!(told(fixture.send(lab, body)), live, "{lab} {body}");
    }
}

#[test]
fn with_a_model_the_answers_are_by_it() {
    let fixture = Fixture::new();
    for (request, body, expected) in [
        (
            RANK,
            r#"{"user":"user1","blend":{"tags":0.25}}"#,
            r#"[{"id":"blended","name":"","category":"","tags":[],"score":0.25,"reasons":[]}]"#,
        ),
        (
            PROFILE,
            r#"{"user":"user1","weights":{"view":0.125,"add_to_cart":3,"purchase":5}}"#,
            r#"{"views":0.125}"#,
        ),
    ] {
        let reply = fixture.send(request, body);
        assert_eq!((reply.status, &*reply.body), (200, expected), "{body}");
    }
}

#[test]
fn a_question_brings_its_model_to_the_workers() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let user = || Basis::User("user1".into());
    let visit = || Basis::Visit(vec!["a".into(), "7".into()]);
    let blend = Blend { tags: 0.5, trend: 0.0, ..Blend::default() };
    for (body, basis, weights, blend) in [
        (r#"{"user":"user1"}"#, user(), None, None),
        (
            // As in the setting, no decimal passes through a float, and what is beyond six is rounded.
            r#"{"user":"user1","weights":{"view":0.30000000000000004,"add_to_cart":1e3,"purchase":0.00000049999999999999999999}}"#,
            user(),
            Some(weights([300_000, 1_000_000_000, 0])),
            None,
        ),
        (r#"{"products":["a",7],"blend":{"tags":0.5,"trend":0}}"#, visit(), None, Some(blend)),
        (
            r#"{"tag":"t","blend":{},"weights":{"view":2,"add_to_cart":0,"purchase":1000000}}"#,
            Basis::Tag("t".into()),
            Some(weights([2_000_000, 0, 1_000_000_000_000])),
            Some(Blend::default()),
        ),
        (r#"{"user":null,"weights":null,"blend":null}"#, Basis::Everything, None, None),
    ] {
        let (mut client, question) = asked(&fixture, RANK, body);
        let Query::Rank { basis: found, own, .. } = query(&*question) else { panic!("{body}") };
        let own = own.map(|own| *own).unwrap_or_default();
        assert_eq!((found, own), (basis, OwnModel { weights, blend }), "{body}");
        question.answer(AS_OF, vec![QueryAnswer::Ranking(Ranking::default())]);
        assert_eq!(client.receive(false).body, "[]");
    }

    let body = r#"{"user":"user1","weights":{"view":0.1,"add_to_cart":0,"purchase":0}}"#;
    let (_, question) = asked(&fixture, PROFILE, body);
    let weights = Some(weights([100_000, 0, 0]));
    assert_eq!(query(&*question), Query::Profile { place: 0, user: "user1".into(), weights });
}

#[test]
fn rankings_of_the_lab_take_the_rules_of_all_others() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let fields = r#""n":7,"offset":2,"exclude":"visit","excludeBought":false,"excludeIds":["a,b",7],"onlyTags":["Home"],"withoutTags":["x"],"perTag":3,"onlyCategories":["Home"],"withoutCategories":["z"],"priceMin":1.5,"priceMax":9,"placement":"home""#;
    let body = format!(r#"{{"products":["p"],{fields}}}"#);
    let (_client, live) = asked(&fixture, "POST /api/session/recommendations", &body);
    let (_client, lab) = asked(&fixture, RANK, &body);
    let (Query::Rank { rules: lab, .. }, Query::Rank { rules: live, .. }) =
        (query(&*lab), query(&*live))
    else {
        panic!("both are rankings")
    };
    assert_eq!(lab, live);
}

#[test]
fn what_is_wrong_with_a_question_is_told_by_name() {
    let fixture = Fixture::new();
    let of_weights = |view: &str| {
        format!(r#"{{"user":"u","weights":{{"view":{view},"add_to_cart":3,"purchase":5}}}}"#)
    };
    let range = "bad weights: view must be a number from 0 to 1000000, which";
    let all = "user, products, product, tag, weights, blend, n, offset,";
    for (request, body, expected) in [
        (RANK, &*of_weights("-1"), &*format!("{range} -1 is not")),
        (RANK, &*of_weights("1000000.1"), &*format!("{range} 1000000.1 is not")),
        (RANK, &*of_weights(r#""1""#), &*format!(r#"{range} \"1\" is not"#)),
        (RANK, &*of_weights("1,\"view\":2"), "bad weights: they must be a JSON object of view"),
        (RANK, &*of_weights("1,\"wish\":2"), "bad weights: they must be a JSON object of view"),
        (RANK, r#"{"weights":{"view":1}}"#, "bad weights: they must be a JSON object of view"),
        (RANK, r#"{"weights":[1,3,5]}"#, "bad weights: they must be a JSON object of view"),
        (RANK, r#"{"weights":1}"#, "bad weights: they must be a JSON object of view"),
        (
            RANK,
            r#"{"blend":{"trend":-1}}"#,
            "bad blend: trend must be a number from 0 to 1000000, which -1 is not",
        ),
        (
            RANK,
            r#"{"blend":{"tag":1}}"#,
            "bad blend: it must be a JSON object of numbers: unknown field `tag`",
        ),
        (RANK, r#"{"blend":7}"#, "bad blend: it must be a JSON object of numbers"),
        (RANK, r#"{"weight":{}}"#, &*format!(r#"\"weight\" is no field: there are {all}"#)),
        (RANK, r#"{"userId":"u"}"#, &*format!(r#"\"userId\" is no field: there are {all}"#)),
        (RANK, r#"{"user":"u","user":"v"}"#, "the body is an object with user"),
        (RANK, r#"{"user":""}"#, r#"user is a text of 1 to 512 bytes or a number, not \"\""#),
        (RANK, r#"{"products":"p"}"#, r#"products is a list, not \"p\""#),
        (RANK, r#"{"product":["p"]}"#, "product is a text of 1 to 512 bytes or a number"),
        (RANK, r#"{"tag":{}}"#, "tag is a text of 1 to 512 bytes or a number"),
        (RANK, r#"{"user":"u","tag":"t"}"#, "user and tag are given: a ranking starts from one"),
        (RANK, r#"{"n":0}"#, "n is a whole number from 1 to 1000, not 0"),
        (RANK, "[]", "the body is an object with user"),
        (RANK, "", "the body is an object with user"),
        (PROFILE, &*of_weights("-1"), &*format!("{range} -1 is not")),
        (PROFILE, "{}", "user is missing"),
        (PROFILE, r#"{"user":null}"#, "user is missing"),
        (PROFILE, r#"{"user":[]}"#, "user is a text of 1 to 512 bytes or a number"),
        (
            PROFILE,
            r#"{"user":"u","blend":{}}"#,
            r#"\"blend\" is no field: there are user, weights"#,
        ),
        ("POST /api/lab/profile?format=map", r#"{"user":"u"}"#, "format is object or list"),
    ] {
        let reply = fixture.send(request, body);
        let start = format!(r#"{{"error":"bad request","details":"{expected}"#);
        let is_told = reply.status == 400 && reply.body.starts_with(&start);
        assert!(is_told, "{request} {body}: {reply:?} does not start with {start}");
    }
}

#[test]
fn what_rules_hit_in_the_lab_is_not_counted() {
    let fixture = Fixture::new();
    let reply = fixture.send(RANK, r#"{"product":"ruled"}"#);
    assert!(reply.body.contains(r#""action":"boost""#), "{reply:?}");
    let metrics = fixture.send("GET /metrics", "").body;
    assert!(!metrics.contains("recsys_rule_hits_total{"), "{metrics}");
}

#[test]
fn one_question_of_the_lab_is_under_way_at_a_time() {
    let request_timeout = Duration::from_millis(500);
    let http = HttpConfig { request_timeout, ..http_config() };
    let fixture = Fixture::with(Engine::ByHand, http);
    let (mut first, question) = asked(&fixture, RANK, r#"{"user":"first"}"#);
    // Nobody waits for its answer any more, but the workers still have it.
    assert_eq!(first.receive(false).status, 504);
    let reply = fixture.send(PROFILE, r#"{"user":"second"}"#);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
    assert!(reply.body.contains("other questions of the lab"), "{reply:?}");
    assert!(fixture.questions.is_empty(), "the second was not asked");
    let (_live, live) = asked(&fixture, "GET /api/recommendations/user1", "");
    drop(live);

    let mut third = fixture.connect();
    third.send(RANK, r#"{"user":"third"}"#);
    question.answer(AS_OF, vec![QueryAnswer::Ranking(Ranking::default())]);
    let question = fixture.questions.recv().unwrap();
    question.answer(AS_OF, vec![QueryAnswer::Ranking(Ranking::default())]);
    assert_eq!(third.receive(false).status, 200);
}
