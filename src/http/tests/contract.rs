//! The contract, request by request.

use super::client::Reply;
use super::fakes::learned;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::event_log::{Partition, Subject};
use crate::http::description::OPENAPI;
use crate::http::routes::ROUTES;
use crate::refused_records::{RefusedRecord, RefusedRecords};
use crate::settings::status::{NodeStatus, Stored};
use crate::settings::write::LARGEST_VALUE;
use crate::settings::{BLEND, RANKING, RULES, WEIGHTS};
use crate::source_health::{LostRecords, LostWhen, PartitionExtent, Trouble};
use crate::wall_clock::now_ms;
use dataflows::digest::hash::Hash;
use dataflows::questions::query::{Query, QueryAnswer};
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use dataflows::record::product::PriceRange;
use dataflows::score::counts::Counts;
use dataflows::score::merchandising::{Action, Condition, Merchandising, Occasion, Rule};
use dataflows::score::model::{Blend, Model, RankingWeights};
use dataflows::score::model_history::{LearnedState, Learning};
use dataflows::score::weights::{Score, Weights};
use serde_json::{Value, json};
use std::time::Duration;

/// Sends a request and compares status and body; a body that ends in `…` is compared up to there.
fn check(fixture: &Fixture, request: &str, body: &str, status: u16, expected: &str) {
    let reply = fixture.send(request, body);
    assert_eq!(reply.status, status, "{request}: {reply:?}");
    match expected.strip_suffix('…') {
        Some(start) => assert!(reply.body.starts_with(start), "{request}: {reply:?}"),
        None => assert_eq!(reply.told(), expected, "{request}"),
    }
}

const PRODUCT: &str = r#""name":"Radio","category":"Audio","tags":["audio"],"price":19.99,"score":2,"reasons":[{"type":"tag","tag":"audio","events":3,"score":1.5},{"type":"popular","events":7,"score":0.5}]}"#;
const BAD: &str = r#"{"error":"bad request",…"#;
const BARE: &str = r#"{"id":"bare","name":"","category":"","tags":[],"score":0,"reasons":[]}"#;
const EVENT: &str = r#"{"eventType":"add_to_cart","userId":"user1","product":"product1","timestamp":"2025-04-01T12:00:00.123Z","category":"Audio","tags":["audio"]}"#;

#[test]
fn reads() {
    let fixture = Fixture::new();
    let both = format!(r#"[{{"id":"user1",{PRODUCT},{BARE}]"#);
    let trending = format!(r#"[{{"id":"overall",{PRODUCT},{BARE}]"#);
    let of_tag = format!(r#"[{{"id":"a b",{PRODUCT}]"#);
    let (one, two) = (format!("[{EVENT}]"), format!("[{EVENT},{EVENT}]"));
    let profile = r#"{"electronics":9,"audio":1.5}"#;
    let listed = r#"[{"tag":"10","score":9},{"tag":"9","score":1.5}]"#;
    let several_listed = format!(
        r#"[{{"userId":"numbers","profile":{listed}}},{{"userId":"42","profile":[]}},{{"userId":"7","profile":[]}}]"#
    );
    let several = format!(r#"{{"user1":{profile},"nobody":{{}},"42":{{}}}}"#);
    let too_long = format!("GET /api/user-profile/{}", "u".repeat(513));
    for (request, body, status, expected) in [
        ("GET /api/user-profile/user1", "", 200, profile),
        ("GET /api/user-profile/nobody", "", 200, "{}"),
        ("GET /api/user-profile/a%2Fb%20%C3%BC", "", 200, r#"{"found":1}"#),
        ("GET /api/user-profile/numbers?format=list", "", 200, listed),
        ("GET /api/user-profile/nobody?format=list", "", 200, "[]"),
        ("GET /api/user-profile/user1?format=object", "", 200, profile),
        ("GET /api/user-profile/user1?format=map", "", 400, BAD),
        ("GET /api/user-profile/%FF", "", 400, r#"{"error":"bad request",…"#),
        ("GET /api/user-profile/", "", 400, r#"{"error":"bad request",…"#),
        (&*too_long, "", 400, r#"{"error":"bad request",…"#),
        ("POST /api/user-profiles", r#"{"userIds":["user1","nobody",42]}"#, 200, &*several),
        (
            "POST /api/user-profiles",
            r#"{"userIds":["user1","nobody","user1",42,"42"]}"#,
            200,
            &*several,
        ),
        (
            "POST /api/user-profiles?format=list",
            r#"{"userIds":["numbers",42,7,"numbers","7"]}"#,
            200,
            &*several_listed,
        ),
        ("POST /api/user-profiles?format=map", r#"{"userIds":[]}"#, 400, BAD),
        ("POST /api/user-profiles", r#"{"userIds":[]}"#, 200, "{}"),
        ("POST /api/user-profiles?format=list", r#"{"userIds":[]}"#, 200, "[]"),
        ("POST /api/user-profiles", r#"{"userIds":[""]}"#, 400, r#"{"error":"bad request",…"#),
        ("POST /api/user-profiles", r#"["user1"]"#, 400, r#"{"error":"bad request",…"#),
        ("POST /api/user-profiles", "{", 400, r#"{"error":"bad request",…"#),
        (
            "GET /api/user-activity/user1",
            "",
            200,
            r#"{"lastActivity":"2025-04-01T12:00:00.000Z","totals":{"view":3,"add_to_cart":2,"purchase":1}}"#,
        ),
        (
            "GET /api/user-activity/nobody",
            "",
            200,
            r#"{"lastActivity":null,"totals":{"view":0,"add_to_cart":0,"purchase":0}}"#,
        ),
        ("GET /api/recommendations/user1", "", 200, &*both),
        ("GET /api/recommendations/user1?n=0", "", 400, r#"{"error":"bad request",…"#),
        ("GET /api/recommendations/user1?n=1001", "", 400, r#"{"error":"bad request",…"#),
        ("GET /api/products/user1/similar", "", 200, &*both),
        ("GET /api/products/user1/similar?n=x", "", 400, r#"{"error":"bad request",…"#),
        ("POST /api/session/recommendations", r#"{"products":["user1"]}"#, 200, &*both),
        ("POST /api/session/recommendations", r#"{"products":"user1"}"#, 400, BAD),
        ("POST /api/session/recommendations", r#"{"products":[""]}"#, 400, BAD),
        ("POST /api/session/recommendations", r#"{"products":[],"n":0}"#, 400, BAD),
        ("POST /api/session/recommendations", r#"{"n":1}"#, 400, BAD),
        (
            "POST /api/session/recommendations",
            r#"{"products":["user1"],"exclude":["x"]}"#,
            200,
            &*both,
        ),
        ("POST /api/user-profiles", r#"{"userIds":[],"users":[]}"#, 400, BAD),
        ("POST /api/user-profiles", "{}", 400, BAD),
        ("GET /api/trending", "", 200, &*trending),
        ("GET /api/trending?n=1000", "", 200, &*trending),
        ("GET /api/trending?tag=", "", 400, BAD),
        ("GET /api/trending?tag=a+b&n=1", "", 200, &*of_tag),
        ("GET /api/trending?tag=%FF", "", 400, r#"{"error":"bad request",…"#),
        ("GET /api/user-behavior", "", 200, &*two),
        ("GET /api/user-behavior?limit=1", "", 200, &*one),
        ("GET /api/user-behavior?limit=x", "", 400, r#"{"error":"bad request",…"#),
    ] {
        check(&fixture, request, body, status, expected);
    }
}

/// Sends a request, and returns the rules of the ranking that it asks the engine for.
fn asked(fixture: &Fixture, request: &str, body: &str) -> Rules {
    let mut client = fixture.connect();
    client.send(request, body);
    let question = fixture.questions.recv().unwrap();
    let [Query::Rank { rules, .. }] = &question.queries()[..] else { panic!("{request}") };
    rules.clone()
}

#[test]
fn every_ranking_takes_the_same_rules() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let query = "n=7&offset=2&exclude=visit&excludeBought=false&excludeIds=a%2Cb,c&excludeIds=7\
                 &onlyTags=Home%2C%20Garden&withoutTags=x,y&perTag=3&onlyCategories=Home\
                 &withoutCategories=z&priceMin=1.5&priceMax=9&placement=home&reasons=0";
    let fields = r#""n":7,"offset":2,"exclude":"visit","excludeBought":false,"excludeIds":["a,b","c",7],"onlyTags":["Home, Garden"],"withoutTags":["x","y"],"perTag":3,"onlyCategories":["Home"],"withoutCategories":["z"],"priceMin":1.5,"priceMax":9,"placement":"home","reasons":0"#;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let expected = Rules {
        n: 7,
        offset: 2,
        leave_out_bought: false,
        leave_out: LeaveOut::Visit,
        exclude: texts(&["a,b", "c", "7"]),
        only: texts(&["Home, Garden"]),
        without: texts(&["x", "y"]),
        per_tag: Some(3),
        only_categories: texts(&["Home"]),
        without_categories: texts(&["z"]),
        price: PriceRange { least: Some(1_500_000), most: Some(9_000_000) },
        occasion: Occasion { placement: "home".into(), now: 0 },
        reasons: 0,
    };
    let begun = now_ms();
    let timeless = |rules: Rules| {
        let Occasion { placement, now } = rules.occasion;
        assert!((begun..=now_ms()).contains(&now), "rules hold by the time of the question");
        Rules { occasion: Occasion { placement, now: 0 }, ..rules }
    };
    for path in [
        "/api/recommendations/user1?",
        "/api/products/p/similar?",
        "/api/trending?",
        "/api/trending?tag=t&",
    ] {
        let rules = asked(&fixture, &format!("GET {path}{query}"), "");
        assert_eq!(timeless(rules), expected, "{path}");
    }
    let session = format!(r#"{{"products":["p"],{fields}}}"#);
    let rules = asked(&fixture, "POST /api/session/recommendations", &session);
    assert_eq!(timeless(rules), expected);
}

#[test]
fn parameters_that_a_route_does_not_have_are_refused_by_name() {
    let fixture = Fixture::new();
    for row in &ROUTES {
        let path = row.pattern.replace(['{', '}'], "");
        for method in row.methods {
            let request = format!("{} {path}?utm_source=mail", method.verb.name());
            let reply = fixture.send(&request, "");
            assert_eq!(reply.status, 400, "{request}: {reply:?}");
            assert!(reply.body.contains(r#"\"utm_source\" is no parameter"#), "{reply:?}");
        }
    }
}

#[test]
fn answers_of_the_dataflow_say_their_time() {
    let fixture = Fixture::new();
    for (request, expected) in [
        ("GET /api/user-profile/user1", true),
        ("GET /api/user-activity/user1", true),
        ("GET /api/recommendations/user1", true),
        ("GET /api/trending", true),
        ("GET /api/user-behavior", true),
        ("GET /api/quality", true),
        ("GET /api/ranking/weights", true),
        ("GET /api/user-profile/", false),
        ("GET /healthz", false),
    ] {
        let as_of = fixture.send(request, "").header("x-as-of").map(str::to_owned);
        assert_eq!(as_of, expected.then(|| AS_OF.to_string()), "{request}");
    }
}

#[test]
fn events_are_stored_all_or_none() {
    let fixture = Fixture::new();
    let event = r#"{"eventType":"view","userId":"user1","product":"product1"}"#;
    let array = format!(" [{event}, {event}]");
    let bad = r#"{"eventType":"view","product":"product1"}"#;
    let second_bad = format!("[{event},{bad},{event}]");
    let (broken, trailing) = (format!("[{event},"), format!("[{event}] {event}"));
    let deep = "[".repeat(1 << 19);
    let stored =
        |offset: i64| format!(r#"{{"topic":"view-events","partition":0,"offset":{offset}}}"#);
    let (first, third) = (stored(7), stored(9));
    let one = format!(r#"{{"stored":1,"positions":[{first}]}}"#);
    let two = format!(r#"{{"stored":2,"positions":[{third}]}}"#);
    let refused = r#"{"error":"bad request","details":"event 1: …"#;
    for (request, body, status, expected, events) in [
        ("POST /api/user-behavior?wait=visible", event, 201, &*one, 1),
        ("POST /api/user-behavior", &*second_bad, 400, refused, 1),
        ("POST /api/user-behavior", bad, 400, r#"{"error":"bad request","details":"event 0: …"#, 1),
        ("POST /api/user-behavior", &*broken, 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", &*trailing, 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", &*deep, 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", "\"text\"", 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", "[]", 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", "", 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior?wait=long", event, 400, r#"{"error":"bad request",…"#, 1),
        ("POST /api/user-behavior", &*array, 201, &*two, 3),
    ] {
        check(&fixture, request, body, status, expected);
        assert_eq!(fixture.log.events.lock().unwrap().len(), events, "{body}");
    }
    let events = fixture.log.events.lock().unwrap();
    assert!(events.iter().all(|stored| stored.json == event.as_bytes() && stored.key == "user1"));
}

#[test]
fn guests_sign_in() {
    let fixture = Fixture::new();
    let guest = r#"{"from":"guest"}"#;
    let when = r#"{"from":7,"timestamp":"2025-04-01T12:00:00.000Z","other":1}"#;
    let too_long = format!(r#"{{"from":"{}"}}"#, "g".repeat(513));
    let stored = |offset: i64| {
        let position = format!(r#"{{"topic":"view-events","partition":0,"offset":{offset}}}"#);
        format!(r#"{{"stored":1,"positions":[{position}]}}"#)
    };
    let (first, second) = (stored(7), stored(8));
    let details = |details: &str| format!(r#"{{"error":"bad request","details":"{details}…"#);
    let (absent, bad) =
        (details("from is missing"), details("from is not a text of 1 to 512 bytes or a number"));
    let old = r#"{"from":"guest","timestamp":"2000-01-01T00:00:00Z"}"#;
    let too_old =
        details("timestamp is more than views.horizon_days before the record was written");
    let circle = concat!(
        r#"{"error":"the merge would close a circle","#,
        r#""details":"merges lead from \"closed\" to \"guest\" already"}"#,
    );
    for (request, body, status, expected, merges) in [
        ("POST /api/users/ann/merge?wait=visible", guest, 201, &*first, 1),
        ("POST /api/users/a%2F%C3%BC/merge", when, 201, &*second, 2),
        ("POST /api/users/guest/merge", guest, 400, &*details("from is the userId itself"), 2),
        ("POST /api/users/ann/merge", "{}", 400, &*absent, 2),
        ("POST /api/users/ann/merge", r#"{"from":null}"#, 400, &*absent, 2),
        ("POST /api/users/ann/merge", r#"{"from":""}"#, 400, &*bad, 2),
        ("POST /api/users/ann/merge", r#"{"from":["guest"]}"#, 400, &*bad, 2),
        ("POST /api/users/ann/merge", &*too_long, 400, &*bad, 2),
        ("POST /api/users/ann/merge", r#"{"from":"guest","userId":"bob"}"#, 400, BAD, 2),
        ("POST /api/users/ann/merge", r#"{"from":"guest","timestamp":"noon"}"#, 400, BAD, 2),
        ("POST /api/users/ann/merge", old, 400, &*too_old, 2),
        ("POST /api/users/ann/merge", r#"["guest"]"#, 400, BAD, 2),
        ("POST /api/users/ann/merge", "", 400, BAD, 2),
        ("POST /api/users//merge", guest, 400, BAD, 2),
        ("POST /api/users/%FF/merge", guest, 400, BAD, 2),
        ("POST /api/users/ann/merge?wait=long", guest, 400, BAD, 2),
        ("POST /api/users/closed/merge", guest, 409, circle, 2),
        ("GET /api/users/ann/merge", "", 405, r#"{"error":"method not allowed",…"#, 2),
    ] {
        check(&fixture, request, body, status, expected);
        assert_eq!(fixture.log.events.lock().unwrap().len(), merges, "{request} {body}");
    }
    let stored = fixture.log.events.lock().unwrap();
    assert!(stored.iter().all(|record| record.subject == Subject::Merge));
    let records = stored.iter().map(|record| (&*record.key, str::from_utf8(&record.json)));
    let [(ann, now), then] = records.collect::<Vec<_>>()[..] else { panic!("two were stored") };
    assert!(
        ann == "ann" && now.unwrap().starts_with(r#"{"userId":"ann","from":"guest","timestamp":1"#)
    );
    let json = r#"{"userId":"a/ü","from":"7","timestamp":1743508800000}"#;
    assert_eq!(then, ("a/ü", Ok(json)));
}

#[test]
fn users_are_forgotten() {
    let fixture = Fixture::new();
    let stored = |offset: i64| {
        let position = format!(r#"{{"topic":"view-events","partition":0,"offset":{offset}}}"#);
        format!(r#"{{"stored":1,"positions":[{position}]}}"#)
    };
    let (first, second, third) = (stored(7), stored(8), stored(9));
    let receipt = concat!(
        r#"{"receipt":{"userSha256":"283bb9deef02e6843abfb538efa1eca70801bd8a701c3f98191e123496339247","#,
        r#""until":"2025-04-01T12:00:00.000Z","recordedAt":"2025-04-01T12:00:00.000Z","#,
        r#""rowsLeftAt":"2025-04-01T12:00:01.000Z","redisDeletedAt":"2025-04-01T12:00:02.000Z","#,
        r#""nameErasedAt":null,"checkpointsErasedAt":null,"digestsBefore":{"bought":"…"#,
    );
    let when = r#"{"timestamp":"2025-04-01T12:00:00.000Z","userId":"a/ü","from":{}}"#;
    let (old, ahead) = (r#"{"timestamp":946684800000}"#, r#"{"timestamp":"9999-01-01T00:00:00Z"}"#);
    let details = |details: &str| format!(r#"{{"error":"bad request","details":"{details}…"#);
    let too_old =
        details("timestamp is more than views.horizon_days before the record was written");
    let too_new = details("timestamp is more than a day ahead");
    let no_user = details("userId is not a text of 1 to 512 bytes or a number, or contradicts");
    let no_time = details("timestamp is neither ISO 8601 nor a number since 1970");
    for (request, body, status, expected, forgets) in [
        ("POST /api/users/ann/forget?wait=visible", "", 201, &*first, 1),
        ("POST /api/users/a%2F%C3%BC/forget", when, 201, &*second, 2),
        ("POST /api/users/ann/forget", " {} ", 201, &*third, 3),
        ("POST /api/users/ann/forget", old, 400, &*too_old, 3),
        ("POST /api/users/ann/forget", ahead, 400, &*too_new, 3),
        ("POST /api/users/ann/forget", r#"{"userId":"bob"}"#, 400, &*no_user, 3),
        ("POST /api/users/ann/forget", r#"{"timestamp":"noon"}"#, 400, &*no_time, 3),
        ("POST /api/users/ann/forget", "[]", 400, BAD, 3),
        ("POST /api/users/ann/forget", "{", 400, BAD, 3),
        ("POST /api/users//forget", "", 400, BAD, 3),
        ("POST /api/users/%FF/forget", "", 400, BAD, 3),
        ("POST /api/users/ann/forget?wait=long", "", 400, BAD, 3),
        ("PUT /api/users/ann/forget", "", 405, r#"{"error":"method not allowed",…"#, 3),
        ("GET /api/users/ann/forget", "", 404, r#"{"error":"not forgotten",…"#, 3),
        ("GET /api/users/gone/forget", "", 200, receipt, 3),
    ] {
        check(&fixture, request, body, status, expected);
        assert_eq!(fixture.log.events.lock().unwrap().len(), forgets, "{request} {body}");
    }
    let stored = fixture.log.events.lock().unwrap();
    assert!(stored.iter().all(|record| record.subject == Subject::Forget));
    let records = stored.iter().map(|record| (&*record.key, str::from_utf8(&record.json)));
    let [(ann, now), then, _] = records.collect::<Vec<_>>()[..] else {
        panic!("three were stored")
    };
    assert!(ann == "ann" && now.unwrap().starts_with(r#"{"userId":"ann","timestamp":1"#));
    assert_eq!(then, ("a/ü", Ok(r#"{"userId":"a/ü","timestamp":1743508800000}"#)));
}

#[test]
fn settings_are_checked_whichever_way_they_are_written() {
    let fixture = Fixture::new();
    let weights = r#"{"view":2,"add_to_cart":0.5,"purchase":5}"#;
    let rules = r#"[{"action":"pin","place":1,"product":"p1"}]"#;
    let wrong = r#"{"view":"much","add_to_cart":3,"purchase":5}"#;
    let set = |node: &str| format!(r#"{{"path":"/config/{node}"}}"#);
    let (set_weights, set_blend) = (set("recommendation/weights"), set("recommendation/blend"));
    let set_custom = set("custom/a/b");
    let bad = |details: &str| format!(r#"{{"error":"bad request","details":"{details}…"#);
    let (bad_weights, bad_blend) = (bad("bad weights: "), bad("bad blend: "));
    let unowned = bad("no setting is at /config/");
    let large = "x".repeat(LARGEST_VALUE + 1);
    let too_large =
        r#"{"error":"the request's body is too large","details":"the limit is 1000000 bytes"}"#;
    for (request, body, status, expected) in [
        (
            "POST /api/recommendation/weights",
            r#"{"view":2.0,"add_to_cart":5e-1,"purchase":5}"#,
            200,
            weights,
        ),
        ("PUT /api/config/recommendation/weights", weights, 200, &*set_weights),
        ("PUT /api/config/recommendation/weights", wrong, 400, &*bad_weights),
        ("POST /api/config/recommendation%2Fweights", wrong, 400, &*bad_weights),
        ("PUT /api/config/%2Fconfig%2Frecommendation%2Fweights", wrong, 400, &*bad_weights),
        ("POST /api/recommendation/weights", wrong, 400, &*bad_weights),
        ("POST /api/recommendation/weights", &*large, 413, too_large),
        ("PUT /api/config/recommendation/blend", r#"{"nonsense":true}"#, 400, &*bad_blend),
        ("POST /api/config/recommendation/blend", r#"{"tags":"0.2"}"#, 400, &*bad_blend),
        ("PUT /api/config/recommendation/blend", r#"{"tags":0.2}"#, 200, &*set_blend),
        (
            "PUT /api/config/recommendation/rules",
            "{}",
            400,
            &*bad("bad rules: they must be a JSON array"),
        ),
        (
            "PUT /api/config/recommendation/rules",
            r#"[{"action":"hide","tag":"a"},{"id":"r","action":"hide"}]"#,
            400,
            &*bad(r#"bad rules: rule 1 (\"r\"): it is for no products"#),
        ),
        ("PUT /api/config/recommendation/rules", rules, 200, &*set("recommendation/rules")),
        ("PUT /api/config/recommendation/blends", "{}", 400, &*unowned),
        ("PUT /api/config/recommendation", "{}", 400, &*unowned),
        ("PUT /api/config/a", "any text", 400, &*unowned),
        ("PUT /api/config/custom", "any text", 400, &*unowned),
        ("POST /api/config/custom/a/b", "any text", 200, &*set_custom),
        ("PUT /api/config/custom/large", &large[1..], 200, &*set("custom/large")),
        ("PUT /api/config/custom/large", &*large, 413, too_large),
        ("GET /api/config/custom%2Fa%2Fb", "", 200, "any text"),
        ("GET /api/config/custom/../b", "", 400, r#"{"error":"bad request",…"#),
        ("GET /api/config/custom/none", "", 404, r#"{"error":"no such node",…"#),
    ] {
        check(&fixture, request, body, status, expected);
    }
    let nodes = fixture.store.nodes.lock().unwrap();
    let paths = nodes.keys().map(String::as_str).filter(|path| path.starts_with("/config/"));
    let paths: Vec<&str> = paths.collect();
    let custom = ["/config/custom/a/b", "/config/custom/large"];
    assert_eq!(paths, [custom[0], custom[1], BLEND, RULES, WEIGHTS]);
    assert_eq!(nodes[RULES], rules.as_bytes());
    assert_eq!(nodes[WEIGHTS], weights.as_bytes());
    assert_eq!(nodes[BLEND], br#"{"tags":0.2}"#);
}

#[test]
fn a_setting_is_read_as_it_is_in_force() {
    let fixture = Fixture::new();
    let (weights, blend) =
        ("GET /api/recommendation/weights", "GET /api/config/recommendation/blend");
    let node = "GET /api/config/recommendation/weights";
    let default = r#"{"view":1,"add_to_cart":3,"purchase":5}"#;
    let of_status =
        || -> Value { serde_json::from_str(&fixture.send("GET /api/status", "").body).unwrap() };
    let seven = r#"{"view":7,"add_to_cart":3,"purchase":5}"#;
    for (stored, stands) in [
        (Stored::Good(default.into()), "in-force"),
        (Stored::Good(seven.into()), &*format!("differs: {seven}")),
        (Stored::Refused("nonsense ü\n".into()), "refused: nonsense ü\n"),
        (Stored::Unreachable("no session".into()), "unreachable: no session"),
        (Stored::Missing, "missing"),
        (Stored::Unread, "unread"),
    ] {
        fixture.nodes.set("weights", NodeStatus { stored, unknown: None });
        for request in [weights, node] {
            let reply = fixture.send(request, "");
            assert_eq!((reply.status, &*reply.body), (200, default), "{stands}");
            let header = stands.replace(['ü', '\n'], "?");
            assert_eq!(reply.header("x-stored"), Some(&*header), "{request}");
        }
        let status = of_status();
        assert_eq!(status["weights"], json!({"view": 1, "add_to_cart": 3, "purchase": 5}));
        assert_eq!(status["stored"]["weights"], stands);
    }
    let model = Model { blend: Blend { tags: 0.25, ..Blend::default() }, ..Model::default() };
    fixture.in_force.set(1, model.clone());
    let read: Value = serde_json::from_str(&fixture.send(blend, "").body).unwrap();
    assert_eq!(read, serde_json::to_value(model.blend).unwrap(), "every field");
    assert_eq!(of_status()["blend"], read);
    let of_rules = || {
        let reply = fixture.send("GET /api/config/recommendation/rules", "");
        (reply.status, reply.body.clone(), reply.header("x-stored").map(str::to_owned))
    };
    assert_eq!(of_rules(), (200, "[]".into(), Some("unread".into())));
    let rule = |at: usize| Rule {
        id: at.to_string(),
        action: Action::Hide,
        condition: Condition { tag: Some("a".into()), ..Condition::default() },
        placement: None,
        from: None,
        until: None,
    };
    let many = Merchandising::new((0..1000).map(rule).collect());
    fixture.in_force.set(2, Model { rules: many, ..Model::default() });
    let (status, body, _) = of_rules();
    assert_eq!(status, 200);
    assert_eq!(of_status()["rules"], serde_json::from_str::<Value>(&body).unwrap());
    // A header has no room for all of them.
    fixture.in_force.set(3, Model::default());
    let length = body.len();
    fixture.nodes.set("rules", NodeStatus { stored: Stored::Good(body), unknown: None });
    let stands = of_rules().2.unwrap();
    assert!(stands.starts_with("differs: [{") && stands.len() < 1100, "{stands}");
    assert!(stands.ends_with(&format!(" ({length} bytes)")), "{stands}");
}

#[test]
fn the_grades_of_rankings_are_told_by_day_and_in_all() {
    let fixture = Fixture::new();
    let reply = fixture.send("GET /api/quality?days=1", "");
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let share = |value: f64, error: f64| json!({"value": value, "standardError": error});
    let none = json!({"value": 0.0, "standardError": null});
    let all = json!({"lists": 2, "hr@10": share(1.0, 0.0), "hr@20": share(1.0, 0.0), "mrr@20": share(0.5, 0.0)});
    assert_eq!(told["total"]["in_force"]["all"], all);
    assert_eq!(told["total"]["in_force"]["new"], all);
    assert_eq!(told["total"]["popular"]["all"]["hr@20"], share(0.0, 0.0));
    assert_eq!(told["days"][0], json!({"day": "2025-04-01", "rankings": told["total"]}));
    assert_eq!(told["days"].as_array().unwrap().len(), 1);
    for days in ["0", "31", "x", ""] {
        check(&fixture, &format!("GET /api/quality?days={days}"), "", 400, BAD);
    }

    let fixture = Fixture::with(Engine::ByHand, http_config());
    let told = answered(&fixture, "GET /api/quality", learned(0));
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["days"], json!([]));
    let of_none = json!({"lists": 0, "hr@10": none, "hr@20": none, "mrr@20": none});
    assert_eq!(told["total"]["last_seen"]["other"], of_none);
}

/// Sends a request, and answers its question of what was learned.
fn answered(fixture: &Fixture, request: &str, learned: LearnedState) -> Reply {
    let mut client = fixture.connect();
    client.send(request, "");
    let question = fixture.questions.recv().unwrap();
    assert!(matches!(&question.queries()[..], [Query::Learned]), "{request}");
    question.answer(AS_OF, vec![QueryAnswer::Learned(Box::new(learned))]);
    client.receive(false)
}

#[test]
fn the_weights_of_rankings_are_shown() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let weights = vec![vec![0.5; 66]; 6];
    let pinned = RankingWeights { pinned: Some(weights.clone()), resets: 3 };
    let model = Model { ranking: pinned, ..Model::default() };
    for (model, in_force, source) in [
        (Model::default(), None, "start"),
        (Model::default(), Some(&weights), "learned"),
        (model, Some(&weights), "pinned"),
    ] {
        fixture.in_force.set(0, model);
        let state = LearnedState { in_force: in_force.cloned(), ..learned(300) };
        let reply = answered(&fixture, "GET /api/ranking/weights", state);
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        let now = if source == "start" { told["start"].clone() } else { json!(weights) };
        assert_eq!((&told["inForce"], &told["now"]), (&json!(source), &now));
        assert_eq!(told["resets"], if source == "pinned" { 3 } else { 0 });
        assert_eq!((&told["learning"], &told["gradedEvents"]), (&json!("propose"), &json!(300)));
        assert_eq!(told["gradedByGate"].as_array().unwrap().len(), 6);
        assert_eq!(told["sources"][7], "visit 1: tags");
        // What came was accounted for by this source alone.
        assert!(told["learned"][0][7].as_f64() > told["start"][0][7].as_f64());
    }
}

#[test]
fn the_weights_of_rankings_are_pinned_accepted_and_reset() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let held = || -> Value {
        let nodes = fixture.store.nodes.lock().unwrap();
        nodes.get(RANKING).map_or(Value::Null, |node| serde_json::from_slice(node).unwrap())
    };
    let set = format!(r#"{{"path":"{RANKING}"}}"#);
    let weights = |weight: f64| json!({"weights": vec![vec![weight; 66]; 6]}).to_string();
    let bad = |details: &str| format!(r#"{{"error":"bad request","details":"{details}…"#);
    let shape = bad("the body must be ");
    for (body, status, expected) in [
        (&*weights(0.5), 200, &*set),
        (&*weights(0.0), 400, &*bad("bad ranking: pinned[0] has no number above 0")),
        (&*weights(-1.0), 400, &*bad("bad ranking: pinned[0][0] must be a number from 0 to")),
        (r#"{"weights":[[1]]}"#, 400, &*bad("bad ranking: pinned must be 6 lists")),
        (r#"{"weights":[["1"]]}"#, 400, &*shape),
        (r#"{"weight":null}"#, 400, &*shape),
        ("", 400, &*shape),
    ] {
        check(&fixture, "PUT /api/ranking/weights", body, status, expected);
        assert_eq!(held(), json!({"pinned": vec![vec![0.5; 66]; 6], "resets": 0}), "{body}");
    }

    let accept = "POST /api/ranking/weights/accept";
    let of_learning = |events, learning| LearnedState { learning, ..learned(events) };
    for (state, reason) in [
        (learned(999), "999 events were graded, of 1000 needed"),
        (of_learning(1_000, Learning::Off), r#"ranking.learning is \"off\""#),
    ] {
        let reply = answered(&fixture, accept, state);
        let expected = format!(r#"{{"error":"nothing to accept","details":"{reason}"}}"#);
        assert_eq!((reply.status, reply.told()), (409, expected));
    }
    let enough = learned(1_000);
    assert_eq!(answered(&fixture, accept, enough.clone()).body, set);
    assert_eq!(held(), json!({"pinned": enough.learner.weights().map(Vec::from), "resets": 0}));

    let reset = "POST /api/ranking/weights/reset";
    for resets in [1, 2] {
        assert_eq!(answered(&fixture, reset, learned(0)).body, set);
        assert_eq!(held(), json!({"pinned": null, "resets": resets}));
    }
    check(&fixture, "PUT /api/ranking/weights", &weights(0.5), 200, &set);
    assert_eq!(held()["resets"], 2);
    check(&fixture, "PUT /api/ranking/weights", r#"{"weights":null}"#, 200, &set);
    assert_eq!(held(), json!({"pinned": null, "resets": 2}));
    // A node that was lost: the checkpoint knows of more resets.
    fixture.store.nodes.lock().unwrap().clear();
    let mut before = learned(0);
    before.learner.reset(5);
    answered(&fixture, reset, before);
    assert_eq!(held()["resets"], 6);
}

#[test]
fn why_a_product_is_where_it_is_or_why_it_is_nowhere() {
    let fixture = Fixture::new();
    let reasons = r#"[{"type":"tag","tag":"audio","events":3,"score":1.5},{"type":"popular","events":7,"score":0.5}]"#;
    let first = format!(
        r#"{{"product":"first","shown":true,"place":3,"rank":4,"candidates":9,"score":2,"reasons":{reasons},"obstacles":[]}}"#
    );
    let second = format!(
        r#"{{"product":"second","shown":false,"place":1,"rank":1,"candidates":9,"score":2,"reasons":{reasons},"obstacles":[{{"type":"skipped"}}]}}"#
    );
    let none = format!(
        r#"{{"product":"a/b","shown":false,"candidates":9,"reasons":[],"obstacles":[{{"type":"bought"}},{{"type":"hidden","rules":["summer"]}},{{"type":"per_tag","tags":["audio"]}},{{"type":"outranked","by":0.25}}],"cut":{{"score":2,"reasons":{reasons}}}}}"#
    );
    for (request, status, expected) in [
        ("GET /api/recommendations/user1/why/first", 200, &*first),
        ("GET /api/recommendations/user1/why/second?n=2&offset=2&onlyTags=audio", 200, &second),
        ("GET /api/recommendations/a%2Fb/why/a%2Fb", 200, &none),
        ("GET /api/recommendations/user1/why/first?reasons=3", 400, BAD),
        ("GET /api/recommendations/user1/why/first?n=0", 400, BAD),
        ("GET /api/recommendations//why/first", 400, BAD),
        ("GET /api/recommendations/user1/why/", 400, BAD),
        ("GET /api/recommendations/user1/why/a/b", 404, r#"{"error":"no such route",…"#),
        ("GET /api/recommendations/user1/why", 404, r#"{"error":"no such route",…"#),
    ] {
        check(&fixture, request, "", status, expected);
    }
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let mut client = fixture.connect();
    client.send("GET /api/recommendations/user1/why/x%20y?perTag=2", "");
    let question = fixture.questions.recv().unwrap().queries();
    let [Query::Why { basis: Basis::User(user), rules, product }] = &question[..] else {
        panic!("{question:?}");
    };
    assert_eq!((&**user, rules.per_tag, &**product), ("user1", Some(2), "x y"));
}

#[test]
fn rules_that_hit_are_among_the_reasons_and_are_counted() {
    let fixture = Fixture::new();
    let reply = fixture.send("GET /api/products/ruled/similar", "");
    let ranked: Value = serde_json::from_str(&reply.body).unwrap();
    let expected = json!([{
        "id": "ruled", "name": "", "category": "", "tags": [], "score": 1.5,
        "reasons": [
            {"type": "popular", "events": 7, "score": 1},
            {"type": "rule", "action": "boost", "rule": "sh\"oes", "events": 0, "score": 1},
            {"type": "rule", "action": "pin", "rule": "summer", "events": 0, "score": 0},
            {"type": "rule", "action": "bury", "rule": "old", "events": 0, "score": -0.5},
        ],
    }]);
    assert_eq!(ranked, expected);
    let metrics = fixture.send("GET /metrics", "").body;
    for (action, rule, hits) in [
        ("pin", "summer", 1),
        ("boost", r#"sh\"oes"#, 1),
        ("bury", "old", 1),
        ("hide", "recall", 3),
    ] {
        let labels = format!("action=\"{action}\",rule=\"{rule}\"");
        let line = format!("recsys_rule_hits_total{{{labels}}} {hits}");
        assert!(metrics.lines().any(|shown| shown == line), "{line} is missing");
    }
}

#[test]
fn other_nodes_are_read_as_they_are_stored() {
    let fixture = Fixture::new();
    for (path, value, content_type) in [
        ("json", &b"{}"[..], "application/json"),
        ("text", b"<b>", "text/plain; charset=utf-8"),
        ("bytes", b"\x01\x02", "text/plain; charset=utf-8"),
        ("empty", b"", "text/plain; charset=utf-8"),
    ] {
        fixture.store.nodes.lock().unwrap().insert(format!("/config/{path}"), value.to_vec());
        let reply = fixture.send(&format!("GET /api/config/{path}"), "");
        assert_eq!(reply.header("content-type"), Some(content_type), "{path}");
        assert_eq!(reply.body.as_bytes(), value);
    }
}

#[test]
fn refused_records_are_shown_by_reason() {
    let fixture = Fixture::new();
    check(&fixture, "GET /api/dead-letters", "", 200, r#"{"total":0,"reasons":[]}"#);
    for offset in [3, 4] {
        let partition = Partition { topic: "view-events".into(), index: 1 };
        let (details, value) = ("no user".into(), RefusedRecords::beginning(b"{\"a\":\xff"));
        let record = RefusedRecord { partition, offset, time: 1_743_508_800_000, details, value };
        fixture.source_health.refused().add("no_user", record);
    }
    let sample = |offset| {
        json!({
            "topic": "view-events", "partition": 1, "offset": offset, "time": "2025-04-01T12:00:00.000Z",
            "details": "no user", "value": "{\"a\":\u{fffd}",
        })
    };
    let reasons = json!([{"reason": "no_user", "count": 2, "samples": [sample(4), sample(3)]}]);
    let told = json!({"total": 2, "reasons": reasons}).to_string();
    check(&fixture, "GET /api/dead-letters", "", 200, &told);
}

#[test]
fn the_console_is_sent_compressed_and_once() {
    let fixture = Fixture::new();
    let page = fixture.send("GET /", "");
    let tag = page.header("etag").unwrap();
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    for target in ["/", "/console/index.html"] {
        let seen = fixture.send(&format!("GET {target}\nIf-None-Match: \"x\", {tag}"), "");
        assert_eq!((seen.status, &*seen.body), (304, ""), "{target}");
    }
    let mut client = fixture.connect();
    client.send("HEAD /\nAccept-Encoding: br, gzip", "");
    let head = client.receive(true);
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(length < page.body.len(), "{length}");
    let script = fixture.send("GET /console/app.js", "");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    for target in ["/console/", "/console/nothing.js", "/console/../mod.rs"] {
        check(&fixture, &format!("GET {target}"), "", 404, r#"{"error":"no such route",…"#);
    }
}

#[test]
fn operations() {
    let fixture = Fixture::new();
    let latch = fixture.readiness.latch("catch up");
    check(&fixture, "GET /healthz", "", 200, r#"{"status":"ok"}"#);
    check(&fixture, "GET /readyz", "", 503, r#"{"ready":false,"reads":false,…"#);
    drop(latch);
    check(&fixture, "GET /readyz", "", 200, r#"{"ready":true,"reads":true,…"#);
    check(&fixture, "GET /", "", 200, "<!doctype html>…");
    check(&fixture, "GET /openapi.json", "", 200, OPENAPI);
    let status: Value = serde_json::from_str(&fixture.send("GET /api/status", "").body).unwrap();
    for (field, expected) in [
        ("version", Value::from(env!("CARGO_PKG_VERSION"))),
        ("workers", 2.into()),
        ("ready", true.into()),
        ("asOf", AS_OF.into()),
        (
            "digests",
            serde_json::json!({
                "asOf": AS_OF,
                "views": {"profile": Hash::of("a row").times(Counts([1, 2, 3])).to_string()},
            }),
        ),
        ("weights", serde_json::json!({"view": 1, "add_to_cart": 3, "purchase": 5})),
    ] {
        assert_eq!(status[field], expected, "{field}");
    }
}

#[test]
fn the_status_shows_what_is_wrong_with_reading_the_topics() {
    let fixture = Fixture::new();
    let troubles = || {
        let status: Value =
            serde_json::from_str(&fixture.send("GET /api/status", "").body).unwrap();
        status["troubles"].clone()
    };
    assert_eq!(troubles(), json!([]));
    let partition = |index| Partition { topic: "view-events".into(), index };
    for (index, trouble, offset, details) in [
        (3, Trouble::Stalled, 9, "nothing was read"),
        (2, Trouble::LookUp, 0, "no leader"),
        (3, Trouble::Read, 7, "an old error"),
        (3, Trouble::Read, 8, "not \"allowed\""),
    ] {
        fixture.source_health.begin(&partition(index), trouble, offset, details.into());
    }
    let shown = |index: i32, trouble: &str, offset: i64, details: &str| {
        json!({"topic": "view-events", "partition": index, "offset": offset, "trouble": trouble,
            "details": details})
    };
    let read = shown(3, "read", 8, "not \"allowed\"");
    let stalled = shown(3, "stalled", 9, "nothing was read");
    assert_eq!(troubles(), json!([shown(2, "look_up", 0, "no leader"), read, stalled]));
    fixture.source_health.end(&partition(3), Trouble::Read);
    fixture.source_health.end(&partition(2), Trouble::LookUp);
    assert_eq!(troubles(), json!([stalled]));
}

#[test]
fn the_status_shows_the_records_that_are_lost_and_the_members() {
    let fixture = Fixture::new();
    let status =
        || -> Value { serde_json::from_str(&fixture.send("GET /api/status", "").body).unwrap() };
    assert_eq!((&status()["lost"], &status()["members"]), (&json!([]), &Value::Null));
    let partition = Partition { topic: "view-events".into(), index: 3 };
    let (when, reads_on) = (LostWhen::Running, false);
    let topic_ids = None;
    let lost = LostRecords { partition, when, from: 5, to: 12, offsets: 7, reads_on, topic_ids };
    let other = LostRecords {
        partition: Partition { topic: "view-events".into(), index: 4 },
        topic_ids: Some(["A".into(), "B".into()]),
        ..lost.clone()
    };
    fixture.source_health.lose(lost);
    fixture.source_health.lose(other);
    let lost = json!([{"topic": "view-events", "partition": 3, "when": "running", "from": 5, "to": 12,
        "offsets": 7, "readsOn": false},
        {"topic": "view-events", "partition": 4, "when": "running", "from": 5, "to": 12, "offsets": 7,
        "readsOn": false, "topicIds": ["A", "B"]}]);
    assert_eq!(status()["lost"], lost);
    let partition = Partition { topic: "view-events".into(), index: 3 };
    fixture.source_health.measure(&partition, PartitionExtent { first: 2, position: 5, end: 12 });
    let read = json!([{"topic": "view-events", "partition": 3, "first": 2, "position": 5, "end": 12, "lag": 7}]);
    assert_eq!(status()["partitions"], read);
    let partition = Partition { topic: "view-events".into(), index: 4 };
    fixture.source_health.measure(&partition, PartitionExtent { first: 0, position: 9, end: 11 });
    assert_eq!(status()["backlog"], 9);
    assert_eq!(status()["retention"], Value::Null);
    fixture.source_health.set_retention(Some(("view-events".into(), 3_600)));
    assert_eq!(status()["retention"], json!({"topic": "view-events", "seconds": 3600}));
    for (worker, bytes) in [("0", 300), ("1", 12)] {
        fixture.metrics.engine.held_bytes.with_label_values(&["history", worker]).set(bytes);
    }
    assert_eq!(status()["held"], json!({"history": 312}));
    let member = |json: &str| serde_json::from_str(json).unwrap();
    let members = vec![
        member(
            r#"{"process":0,"http":"10.0.0.1:80","host":"a","pid":7,"workers":2,"since":1743508800123}"#,
        ),
        // Of a version that did not tell the rest.
        member(r#"{"process":1,"http":"[::1]:81","host":"b","pid":8}"#),
    ];
    *fixture.store.members.lock().unwrap() = Some(members);
    let shown = json!([
        {"process": 0, "host": "a", "pid": 7, "http": "10.0.0.1:80", "workers": 2,
            "since": "2025-04-01T12:00:00.123Z"},
        {"process": 1, "host": "b", "pid": 8, "http": "[::1]:81", "workers": null, "since": null},
    ]);
    assert_eq!(status()["members"], shown);
}

#[test]
fn requests_are_measured_by_pattern() {
    let request_timeout = Duration::from_millis(100);
    let http = HttpConfig { request_timeout, ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, http);
    for request in [
        "GET /api/user-profile/user1",
        "GET /api/user-profile/user2",
        "HEAD /api/user-profile/user2",
        "GET /secret/path",
        "BREW /api/trending",
    ] {
        fixture.send(request, "");
    }
    // The script shows no more than the first.
    for query in ["?wait=visible", "?wait=%76isible", "", "?wait=never"] {
        fixture.send(&format!("POST /api/user-behavior{query}"), EVENT);
    }
    let wait_for_merge = "POST /api/users/user1/merge?wait=visible";
    fixture.send(wait_for_merge, r#"{"from":"guest1"}"#);
    fixture.send("POST /api/users/user1/forget?wait=visible", "");
    let metrics = fixture.send("GET /metrics", "");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    for (method, route, status, count) in [
        ("GET", "/api/user-profile/{userId}", 200, 2),
        ("HEAD", "/api/user-profile/{userId}", 200, 1),
        ("GET", "unmatched", 404, 1),
        ("OTHER", "/api/trending", 405, 1),
        ("POST", "/api/user-behavior", 201, 1),
        ("POST", "/api/user-behavior", 400, 1),
        ("POST", "/api/user-behavior?wait=visible", 201, 1),
        ("POST", "/api/user-behavior?wait=visible", 504, 1),
        ("POST", "/api/users/{userId}/merge?wait=visible", 504, 1),
        ("POST", "/api/users/{userId}/forget?wait=visible", 504, 1),
    ] {
        let labels = format!(r#"method="{method}",route="{route}",status_code="{status}""#);
        let line = format!("http_request_duration_ms_count{{{labels}}} {count}");
        assert!(metrics.body.contains(&line), "{line} is missing in\n{}", metrics.body);
    }
    assert!(metrics.body.contains("recsys_ready 1"));
    assert!(!metrics.body.contains("secret"));
}

#[test]
fn weights_in_force_are_shown_once_there_are_any() {
    let fixture = Fixture::without_model(Engine::Scripted, http_config());
    let metrics = fixture.send("GET /metrics", "");
    assert!(!metrics.body.contains("recsys_weight{"), "{}", metrics.body);
    let weights = Weights([Score(1_000_000), Score(2_500_000), Score(0)]);
    fixture.in_force.set(0, Model { weights, ..Model::default() });
    let metrics = fixture.send("GET /metrics", "");
    for line in [
        "recsys_weight{event_type=\"view\"} 1\n",
        "recsys_weight{event_type=\"add_to_cart\"} 2.5\n",
        "recsys_weight{event_type=\"purchase\"} 0\n",
    ] {
        assert!(metrics.body.contains(line), "{line} is missing in\n{}", metrics.body);
    }
}
