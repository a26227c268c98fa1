//! What shops already send, and the script that their pages may send it by.

use super::client::Reply;
use super::fakes::Fate;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::event_log::{LogError, Subject};
use crate::http::operations::SCRIPT;
use dataflows::questions::query::{Query, QueryAnswer};
use serde_json::{Value, json};

const SEGMENT: &str = "POST /api/collect/segment";
const GA4: &str = "POST /api/collect/ga4";

fn viewed(product: &str) -> Value {
    json!({"type": "track", "event": "Product Viewed", "messageId": format!("m-{product}"),
           "anonymousId": "a1", "properties": {"product_id": product}})
}

fn ordered(products: &[&str]) -> Value {
    let products: Vec<_> = products.iter().map(|id| json!({"product_id": id})).collect();
    json!({"type": "track", "event": "Order Completed", "messageId": "m", "userId": "u1",
           "properties": {"products": products}})
}

/// Sends what Segment would, and returns the status and the answer.
fn send(fixture: &Fixture, messages: &Value) -> (u16, Value) {
    told(fixture.send(SEGMENT, messages.to_string()))
}

fn told(reply: Reply) -> (u16, Value) {
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

/// How many records the log has: views, carts, purchases, merges and forgets.
fn stored(fixture: &Fixture) -> [usize; 5] {
    let records = fixture.log.events.lock().unwrap();
    let [view, cart, purchase, ..] = Subject::ALL;
    [view, cart, purchase, Subject::Merge, Subject::Forget]
        .map(|subject| records.iter().filter(|it| it.subject == subject).count())
}

#[test]
fn messages_of_segment_are_stored_ignored_or_refused_each_by_itself() {
    let fixture = Fixture::new();
    let identify = json!({"type": "identify", "userId": "u1", "anonymousId": "a1"});
    let position =
        |offset: u64| json!([{"topic": "view-events", "partition": 0, "offset": offset}]);
    let (status, answer) = send(
        &fixture,
        &json!({"batch": [viewed("p1"), identify, ordered(&["p1", "p2"]), {"type": "delete", "userId": "u2"}]}),
    );
    let whole = json!({"stored": 5, "positions": position(11), "ignored": {}, "refused": []});
    assert_eq!((status, answer), (201, whole));
    assert_eq!(stored(&fixture), [1, 0, 2, 1, 1]);

    let nothing =
        json!([{"type": "page"}, {"type": "track", "event": "Cart Viewed"}, {"type": "page"}]);
    let ignored = json!({"Cart Viewed": 1, "page": 2});
    let answer = json!({"stored": 0, "positions": [], "ignored": ignored, "refused": []});
    assert_eq!(send(&fixture, &nothing), (200, answer));

    let broken =
        json!({"type": "track", "event": "Product Added", "userId": "u", "properties": {}});
    let refused =
        |index: usize| json!([{"index": index, "reason": "properties.product_id is missing"}]);
    let messages = json!([{"type": "page"}, broken]);
    let answer =
        json!({"stored": 0, "positions": [], "ignored": {"page": 1}, "refused": refused(1)});
    assert_eq!(send(&fixture, &messages), (207, answer));

    let messages = json!([viewed("p1"), broken, {"type": "screen"}, viewed("p2")]);
    let answer = json!({"stored": 2, "positions": position(13), "ignored": {"screen": 1}, "refused": refused(1)});
    assert_eq!(send(&fixture, &messages), (207, answer));
    assert_eq!(stored(&fixture), [3, 0, 2, 1, 1]);

    let details = "every message is refused, the first, 0: properties.product_id is missing";
    let answer = json!({"error": "bad request", "details": details, "detail": details,
                        "type": "urn:recsys:problem:bad-request", "title": "bad request", "status": 400,
                        "stored": 0, "positions": [], "ignored": {}, "refused": refused(0)});
    assert_eq!(send(&fixture, &broken), (400, answer));
    for body in ["", "{", "7", "[]", r#"{"batch":[]}"#, r#"{"batch":{}}"#] {
        let (status, answer) = told(fixture.send(SEGMENT, body));
        assert_eq!((status, &answer["refused"]), (400, &Value::Null), "{body}: {answer}");
    }
    assert_eq!(fixture.send(&format!("{SEGMENT}?wait=long"), "{}").status, 400);
    assert_eq!(stored(&fixture), [3, 0, 2, 1, 1]);
}

#[test]
fn records_have_their_users_as_keys_and_ids_that_a_repeat_has_too() {
    let fixture = Fixture::new();
    let messages = json!([viewed("p1"), ordered(&["p1", "p2"])]);
    for _ in 0..2 {
        assert_eq!(send(&fixture, &messages).0, 201);
    }
    let records = fixture.log.events.lock().unwrap();
    let of = |index: usize| {
        let event: Value = serde_json::from_slice(&records[index].json).unwrap();
        (records[index].key.clone(), event["eventId"].as_str().unwrap().to_owned())
    };
    let expected = [("a1", "m-p1"), ("u1", "m:0"), ("u1", "m:1")];
    for (index, (user, id)) in expected.into_iter().cycle().take(6).enumerate() {
        assert_eq!(of(index), (user.into(), id.into()));
    }
}

#[test]
fn a_merge_that_would_close_a_circle_is_refused_alone() {
    let fixture = Fixture::new();
    let alias = |account: &str| json!({"type": "alias", "userId": account, "previousId": "guest"});
    let (status, answer) = send(&fixture, &json!([alias("ann"), alias("closed"), viewed("p")]));
    let reason = "the merge would close a circle: merges lead from \"closed\" to \"guest\" already";
    assert_eq!((status, &answer["stored"]), (207, &json!(2)));
    assert_eq!(answer["refused"], json!([{"index": 1, "reason": reason}]));
    assert_eq!(stored(&fixture), [1, 0, 0, 1, 0]);
}

#[test]
fn the_paths_of_all_merges_are_one_question() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let mut client = fixture.connect();
    let identify = |user: &str| json!({"type": "identify", "userId": user, "anonymousId": "a"});
    client.send(SEGMENT, json!([identify("u"), viewed("p"), identify("v")]).to_string());
    let question = fixture.questions.recv().unwrap();
    let asked = question.queries();
    let [Query::Path { from: first, .. }, Query::Path { from: second, to, .. }] = &asked[..] else {
        panic!("{} queries", asked.len())
    };
    assert_eq!((&**first, &**second, &**to), ("u", "v", "a"));
    question.answer(AS_OF, vec![QueryAnswer::Path(None), QueryAnswer::Path(None)]);
    assert_eq!(client.receive(false).status, 201);
}

#[test]
fn what_the_log_does_not_store_is_told_by_the_message_that_it_came_of() {
    let fixture = Fixture::new();
    let full = || Fate::Fails(LogError::Unavailable("full".into()));
    let set = |fates: Vec<(usize, Fate)>| fixture.log.fates.lock().unwrap().extend(fates);
    let messages = json!([{"type": "page"}, ordered(&["p1", "p2"]), viewed("p3")]);
    set(vec![(1, full())]);
    let (status, answer) = send(&fixture, &messages);
    let failed = json!([{"outcome": "unavailable", "details": "the event log did not store: full", "events": [1]}]);
    assert_eq!((status, &answer["stored"], &answer["failed"]), (207, &json!(2), &failed));
    assert_eq!(answer["ignored"], json!({"page": 1}));
    set(vec![(0, full()), (1, full()), (2, full())]);
    assert_eq!(send(&fixture, &messages).0, 503, "which Segment tries again");
    let unknown = || Fate::Fails(LogError::Unknown("not in time".into()));
    set(vec![(0, unknown()), (1, unknown()), (2, unknown())]);
    let (status, answer) = send(&fixture, &messages);
    assert_eq!((status, &answer["events"]), (504, &json!([1, 2])));
}

#[test]
fn an_answer_may_wait_until_it_is_visible() {
    let fixture = Fixture::new();
    let reply = fixture.send(&format!("{SEGMENT}?wait=visible"), viewed("p").to_string());
    let as_of = AS_OF.to_string();
    assert_eq!((reply.status, reply.header("x-as-of")), (201, Some(&*as_of)));
    let reply = fixture.send(SEGMENT, viewed("p").to_string());
    assert_eq!((reply.status, reply.header("x-as-of")), (201, None));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[test]
fn events_of_analytics_are_stored_ignored_or_refused_each_by_itself() {
    let fixture = Fixture::new();
    let items = json!([{"item_id": "p1", "item_category": "Audio"}, {"item_id": "p2"}]);
    let event =
        |name: &str| json!({"name": name, "params": {"transaction_id": "t", "items": items}});
    let body = json!({"client_id": "c", "timestamp_micros": 1_743_508_800_000_000_u64, "events": [
        event("view_item"), event("page_view"), event("add_to_cart"), event("remove_from_cart"),
        event("purchase"), {"name": "purchase", "params": {"items": [{}]}},
    ]});
    let request = format!("{GA4}?measurement_id=G-1&api_secret=s");
    let (status, answer) = told(fixture.send(&request, body.to_string()));
    assert_eq!((status, &answer["stored"]), (207, &json!(8)));
    assert_eq!(answer["ignored"], json!({"page_view": 1}));
    let refused = json!([{"index": 5, "reason": "params.items[0].item_id is missing"}]);
    assert_eq!(answer["refused"], refused);
    // Removals are stored with carts.
    assert_eq!(stored(&fixture), [2, 4, 2, 0, 0]);
    let records = fixture.log.events.lock().unwrap();
    assert!(records.iter().all(|record| record.key == "c"));
    drop(records);
    for (body, status) in [
        (json!({"client_id": "c", "events": [{"name": "page_view"}]}), 200),
        (json!({"client_id": "c", "events": [event("view_item")]}), 201),
        (json!({"events": [event("view_item")]}), 400),
        (json!({"client_id": "c", "events": []}), 400),
        (json!([]), 400),
    ] {
        assert_eq!(fixture.send(GA4, body.to_string()).status, status, "{body}");
    }
    assert_eq!(fixture.send(&format!("{GA4}?secret=s"), "{}").status, 400);
}

#[test]
fn pages_of_other_origins_may_send_it_once_they_are_let_in() {
    let let_in = HttpConfig { cors_origins: vec!["https://shop".into()], ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, let_in);
    let page = json!({"type": "page"}).to_string();
    let hit = json!({"client_id": "c", "events": [{"name": "page_view"}]}).to_string();
    for (request, body) in [(SEGMENT, &page), (GA4, &hit)] {
        let of = |origin: &str| fixture.send(&format!("{request}\nOrigin: {origin}"), body);
        assert_eq!(of("https://other").status, 403);
        let reply = of("https://shop");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop"));
    }
}

#[test]
fn the_script_is_small_and_any_page_may_load_it() {
    let fixture = Fixture::new();
    let reply = fixture.send("GET /recsys.js\nOrigin: https://shop", "");
    assert_eq!((reply.status, &*reply.body), (200, SCRIPT));
    assert_eq!(reply.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert!(SCRIPT.len() <= 3 << 10, "{} bytes", SCRIPT.len());
}

/// A beacon has no headers of its own but a type of text, so that no preflight comes before it.
#[test]
fn a_beacon_is_as_good_as_any_request() {
    let let_in = HttpConfig { cors_origins: vec!["https://shop".into()], ..http_config() };
    let fixture = Fixture::with(Engine::Scripted, let_in);
    let event = json!([{"eventType": "view", "product": "p", "sessionId": "s", "eventId": "e"}]);
    let send = |origin: &str| {
        let headers = format!("Origin: {origin}\nContent-Type: text/plain;charset=UTF-8");
        fixture.send(&format!("POST /api/user-behavior\n{headers}"), event.to_string()).status
    };
    assert_eq!((send("https://other"), send("https://shop")), (403, 201));
    assert_eq!(stored(&fixture), [1, 0, 0, 0, 0]);
}
