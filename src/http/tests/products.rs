//! The catalogue: one product, and many at once.

use super::fakes::Fate;
use super::fixture::{AS_OF, Engine, Fixture, http_config};
use crate::config::HttpConfig;
use crate::event_log::{LogError, Subject};
use dataflows::questions::query::{Query, QueryAnswer};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// The keys and values of the rows that are stored.
fn rows(fixture: &Fixture) -> Vec<(String, String)> {
    let stored = fixture.log.events.lock().unwrap();
    assert!(stored.iter().all(|record| record.subject == Subject::Product));
    let text = |json: &[u8]| String::from_utf8(json.into()).unwrap();
    stored.iter().map(|record| (record.key.clone(), text(&record.json))).collect()
}

#[test]
fn a_product_is_shown_as_the_catalogue_has_it() {
    let fixture = Fixture::new();
    for (path, status, expected) in [
        (
            "radio",
            200,
            r#"{"id":"radio","name":"Radio","category":"Audio","tags":["audio"],"price":19.99,"available":true}"#,
        ),
        ("bare", 200, r#"{"id":"bare","name":"","category":"","tags":[],"available":false}"#),
        ("gone", 404, r#"{"error":"no such product","details":"it was deleted"}"#),
        ("other", 404, r#"{"error":"no such product","details":"it is not in the catalogue"}"#),
        (
            "",
            400,
            r#"{"error":"bad request","details":"id in the path is a text of 1 to 512 bytes, this one has 0"}"#,
        ),
    ] {
        let reply = fixture.send(&format!("GET /api/products/{path}"), "");
        assert_eq!((reply.status, &*reply.told()), (status, expected), "{path}");
        assert_eq!(reply.header("x-as-of").is_some(), status == 200, "{path}");
    }
}

#[test]
fn a_product_tells_on_which_days_it_was_touched() {
    let fixture = Fixture::new();
    let counts = |view: u8, cart: u8, purchase: u8| json!({"view": view, "add_to_cart": cart, "purchase": purchase});
    let days = json!([
        {"day": "2025-03-31", "totals": counts(5, 1, 0)},
        {"day": "2025-04-01", "totals": counts(2, 0, 1)},
    ]);
    for (id, totals, days) in
        [("radio", counts(7, 1, 1), days), ("other", counts(0, 0, 0), json!([]))]
    {
        let reply = fixture.send(&format!("GET /api/products/{id}/activity"), "");
        let expected = json!({"productId": id, "totals": totals, "days": days});
        assert_eq!(reply.status, 200);
        assert_eq!(serde_json::from_str::<Value>(&reply.told()).unwrap(), expected);
        assert!(reply.header("x-as-of").is_some());
    }
    let reply = fixture.send("GET /api/products//activity", "");
    assert_eq!(reply.status, 400, "{}", reply.told());
}

#[test]
fn products_are_found_by_what_their_words_begin_with() {
    let fixture = Fixture::new();
    let found = r#"{"id":"a:b","name":"Radio","category":"Audio","tags":["audio"],"price":19.99,"available":true}"#;
    let bad = |details: &str| format!(r#"{{"error":"bad request","details":"{details}"}}"#);
    for (query, status, expected) in [
        ("", 200, format!(r#"{{"products":[{found}],"next":null}}"#)),
        ("?q=Rad", 200, format!(r#"{{"products":[{found}],"next":null}}"#)),
        ("?q=Rad&n=1", 200, format!(r#"{{"products":[{found}],"next":"radio:a:b"}}"#)),
        ("?q=lamp", 200, r#"{"products":[],"next":null}"#.into()),
        ("?q=--", 400, bad("q has no letter and no digit: nothing begins with it")),
        ("?cursor=radio", 400, bad("cursor is the `next` of an answer before")),
        ("?n=101", 400, bad(r#"n is a whole number from 1 to 100, not \"101\""#)),
        ("?wait=visible", 400, bad(r#"\"wait\" is no parameter: there are q, n, cursor"#)),
    ] {
        let reply = fixture.send(&format!("GET /api/products{query}"), "");
        assert_eq!((reply.status, reply.told()), (status, expected), "{query}");
        assert_eq!(reply.header("x-as-of").is_some(), status == 200, "{query}");
    }
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let mut client = fixture.connect();
    client.send("GET /api/products?q=Red+%C3%9Cber-x&cursor=r%C3%A4d:a:b", "");
    let question = fixture.questions.recv().unwrap();
    let words = ["red", "über", "x"].map(str::to_owned).to_vec();
    let after = Some(("räd".to_owned(), "a:b".to_owned()));
    assert_eq!(question.queries(), [Query::Search { words, after, n: 20 }]);
}

#[test]
fn a_product_is_written_and_deleted() {
    let fixture = Fixture::new();
    let stored = |offset: usize, ignored: &str| {
        let position = format!(r#"{{"topic":"view-events","partition":0,"offset":{offset}}}"#);
        (201, format!(r#"{{"stored":1,"positions":[{position}],"ignored":[{ignored}]}}"#))
    };
    let bad = |details: &str| (400, format!(r#"{{"error":"bad request","details":"{details}"}}"#));
    let empty = bad("the body has no row: DELETE deletes the product");
    for (request, body, expected) in [
        (
            "PUT /api/products/a%2Fb?wait=visible",
            r#"{"name":"Mug","price":"1.50","colour":1}"#,
            stored(7, r#""colour""#),
        ),
        ("PUT /api/products/7", "\u{feff}{\"id\":7,\"available\":false}", stored(8, "")),
        ("DELETE /api/products/7", "", stored(9, "")),
        ("PUT /api/products/7", "", empty.clone()),
        ("PUT /api/products/7", " null ", empty),
        (
            "PUT /api/products/7",
            r#"{"id":8,"name":"x"}"#,
            bad(
                r#"the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key: id is 8, at line 1 column 7"#,
            ),
        ),
        (
            "PUT /api/products/7",
            r#"{"price":-1}"#,
            bad(r#"price is not a number of at least 0: price is -1, at line 1 column 10"#),
        ),
        ("PUT /api/products/7?wait=long", "{}", bad(r#"wait is visible, not \"long\""#)),
        (
            "DELETE /api/products/",
            "",
            bad("id in the path is a text of 1 to 512 bytes, this one has 0"),
        ),
    ] {
        let reply = fixture.send(request, body);
        assert_eq!((reply.status, reply.told()), expected, "{request} {body}");
        let waits = request.ends_with("wait=visible");
        assert_eq!(reply.header("x-as-of").is_some(), waits, "{request}");
    }
    let expected = [
        ("a/b", r#"{"id":"a/b","name":"Mug","price":1.5}"#),
        ("7", r#"{"id":"7","available":false}"#),
        ("7", r#"{"id":"7","deleted":true}"#),
    ];
    assert_eq!(rows(&fixture), expected.map(|(key, json)| (key.into(), json.into())));
}

#[test]
fn many_rows_are_stored_in_whatever_form_they_come() {
    let array = r#"[{"id":"a","name":"x","sku":1},{"id":"b","deleted":true}]"#;
    let lines = "{\"id\":\"a\",\"name\":\"x\",\"sku\":1}\n\n{\"id\":\"b\",\"deleted\":true}";
    let table = "id,name,deleted,sku\r\na,x,,1\r\nb,,TRUE,\r\n";
    let expected = [
        ("a".to_owned(), r#"{"id":"a","name":"x"}"#.to_owned()),
        ("b".to_owned(), r#"{"id":"b","deleted":true}"#.to_owned()),
    ];
    let gzipped = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    for (headers, body) in [
        ("Content-Type: application/json", array.into()),
        ("Content-Type: application/x-ndjson", lines.into()),
        ("Content-Type: text/csv; charset=utf-8", table.into()),
        ("Accept: */*", array.into()),
        ("Content-Type: application/x-www-form-urlencoded", lines.into()),
        ("Accept: */*", table.into()),
        ("Content-Encoding: gzip", gzipped(table)),
        ("Content-Encoding: gzip\nContent-Type: application/json", gzipped(array)),
    ] {
        let fixture = Fixture::new();
        let reply = fixture.send(&format!("POST /api/products\n{headers}"), body);
        assert_eq!(
            (reply.status, &*reply.body),
            (
                201,
                r#"{"stored":2,"positions":[{"topic":"view-events","partition":0,"offset":8}],"errors":[],"errorCount":0,"ignored":["sku"]}"#
            ),
            "{headers}"
        );
        assert_eq!(rows(&fixture), expected, "{headers}");
    }
}

#[test]
fn a_wrong_row_keeps_no_other_from_being_stored() {
    let fixture = Fixture::new();
    let lines = "{\"id\":1}\nid\n{\"id\":2,\"price\":\"free\"}\n{\"name\":\"x\"}\n{\"id\":3}\n";
    let reply = fixture.send("POST /api/products", lines);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let errors = json!([
        {"line": 2, "details": "the record is not JSON: expected value"},
        {"line": 3, "details": "price is not a number of at least 0: price is \"free\""},
        {"line": 4, "details": "id is missing"},
    ]);
    assert_eq!((reply.status, &told["stored"], &told["errorCount"]), (207, &json!(2), &json!(3)));
    assert_eq!(told["errors"], errors);
    let keys: Vec<_> = rows(&fixture).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["1", "3"]);

    // The first errors are told, all are counted.
    let array: Vec<_> = (0..30).map(|id| json!({ "id": id, "price": -1 })).collect();
    let reply = fixture.send("POST /api/products", Value::from(array).to_string());
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, &told["details"]), (400, &json!("no row is stored")));
    assert_eq!((&told["stored"], &told["errorCount"]), (&json!(0), &json!(30)));
    assert_eq!(told["errors"].as_array().unwrap().len(), 20);
    assert_eq!(told["errors"][19]["index"], 19);
}

#[test]
fn a_body_without_rows_is_refused() {
    let fixture = Fixture::new();
    for (headers, body, details) in [
        ("", "", "the body is empty"),
        ("", "[]", "the body has no row"),
        ("", "id,name\n", "the body has no row"),
        ("", "name\nx\n", r#"the header has no id: it is \"name\""#),
        ("", "[{\"id\":", "the array does not end: item 0 is open"),
        (
            "Content-Type: application/xml",
            "<a/>",
            r#"Content-Type is application/json, application/x-ndjson or text/csv, not \"application/xml\""#,
        ),
        (
            "Content-Encoding: gzip",
            "id",
            "the body is not gzip, which Content-Encoding says it is: incomplete deflate stream",
        ),
    ] {
        let reply = fixture.send(&format!("POST /api/products\n{headers}"), body);
        let expected = format!(r#"{{"error":"bad request","details":"{details}"}}"#);
        assert_eq!((reply.status, reply.told()), (400, expected), "{headers} {body}");
    }
    assert_eq!(rows(&fixture), []);
}

#[test]
fn what_was_read_before_the_end_broke_off_is_stored_and_told() {
    let fixture = Fixture::new();
    let reply = fixture.send("POST /api/products", r#"[{"id":1},{"id":2},{"id":"#);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, &told["stored"], &told["errorCount"]), (207, &json!(2), &json!(0)));
    assert_eq!(told["stopped"], "bad request: the array does not end: item 2 is open");
    assert_eq!(rows(&fixture).len(), 2);
}

#[test]
fn a_body_has_a_limit_of_its_own() {
    let limits = HttpConfig {
        max_body_bytes: 4_096,
        body_budget_bytes: 4_096,
        max_catalogue_bytes: 100_000,
        ..http_config()
    };
    let fixture = Fixture::with(Engine::Scripted, limits);
    let table = |rows: usize| {
        let rows = (0..rows).map(|id| format!("{id:08},n\n"));
        format!("id,name\n{}", rows.collect::<String>())
    };
    let gzipped = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    // More than another body may have, and in many batches.
    let reply = fixture.send("POST /api/products", table(9_000));
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(rows(&fixture).len(), 9_000);
    let keys = rows(&fixture).into_iter().map(|(key, _)| key.parse().unwrap());
    assert_eq!(keys.collect::<Vec<usize>>(), (0..9_000).collect::<Vec<_>>());

    let reply = fixture.send("POST /api/products", table(10_000));
    assert_eq!(reply.status, 413, "it says before that it is too large: {reply:?}");
    let reply = fixture.send("POST /api/products\nContent-Encoding: gzip", gzipped(&table(10_000)));
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(reply.status, 207, "{reply:?}");
    let stored = told["stored"].as_u64().unwrap();
    assert!((8_000..10_000).contains(&stored), "{stored}");
    assert_eq!(told["stopped"], "the request's body is too large: the limit is 100000 bytes");
    assert_eq!(rows(&fixture).len() as u64, 9_000 + stored);
}

#[test]
fn what_the_log_does_not_take_is_told() {
    let fixture = Fixture::new();
    let fails = |index, error| {
        fixture.log.fates.lock().unwrap().insert(index, Fate::Fails(error));
    };
    fails(1, LogError::Refused("too large".into()));
    let three = "id\n1\n2\n3\n";
    let reply = fixture.send("POST /api/products", three);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let refused = json!([{"line": 3, "details": "the event log refused: too large"}]);
    assert_eq!((reply.status, &told["stored"], &told["errors"]), (207, &json!(2), &refused));
    assert_eq!(told.get("stopped"), None);

    fails(2, LogError::Unavailable("full".into()));
    let reply = fixture.send("POST /api/products", three);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let failed = json!([{"line": 4, "details": "the event log did not store: full"}]);
    assert_eq!((reply.status, &told["stored"], &told["errors"]), (207, &json!(2), &failed));
    assert_eq!(told["stopped"], "unavailable now, try again: full");

    fails(0, LogError::Unavailable("full".into()));
    let reply = fixture.send("POST /api/products", "id\n1\n");
    assert_eq!(reply.status, 503, "{reply:?}");
    fails(0, LogError::Unknown("not in time".into()));
    let reply = fixture.send("POST /api/products", "id\n1\n");
    assert_eq!(reply.status, 504, "{reply:?}");
}

#[test]
fn many_rows_are_visible_before_the_answer_if_that_is_asked_for() {
    let fixture = Fixture::with(Engine::ByHand, http_config());
    let mut client = fixture.connect();
    client.send("POST /api/products?wait=visible", "id\n1\n2\n");
    // They are stored at 7 and 8.
    for (next, as_of) in [(8, AS_OF), (9, AS_OF + 9)] {
        let question = fixture.questions.recv().unwrap();
        let [Query::Position { place: 0, .. }] = &question.queries()[..] else { panic!() };
        question.answer(as_of, vec![QueryAnswer::Position(0, next)]);
    }
    let reply = client.receive(false);
    assert_eq!((reply.status, reply.header("x-as-of")), (201, Some(&*(AS_OF + 9).to_string())));
}
