//! One id is one text, whichever way it comes in.

use crate::http::fields::Fields;
use crate::http::given::{list, text};
use crate::http::query::Query;
use crate::http::request;
use parser::{Scratch, Written, parse_event, parse_forget, parse_merge, parse_row};

const NOW: i64 = 1_743_508_800_000;

/// The ids that a value of JSON becomes, with the name of the way.
fn as_json(value: &str) -> Vec<(&'static str, Option<String>)> {
    let event = |fields: String| {
        let record = format!(r#"{{"eventType":"view",{fields}}}"#);
        let mut scratch = Scratch::default();
        let event = parse_event(record.as_bytes(), None, Written::At(NOW), &mut scratch).ok()?;
        Some((event.user.to_owned(), event.product.to_owned()))
    };
    let merge = |fields: String| {
        let record = format!("{{{fields}}}");
        parse_merge(record.as_bytes(), None, Written::At(NOW), 1, &mut Scratch::default()).ok()
    };
    let forget = || {
        let record = format!(r#"{{"userId":{value}}}"#);
        parse_forget(record.as_bytes(), None, Written::At(NOW), 1, &mut Scratch::default()).ok()
    };
    let row = format!(r#"{{"id":{value},"name":"n"}}"#);
    let row = parse_row(None, Some(row.as_bytes()), &mut Scratch::default());
    let body = format!(r#"{{"ids":[{value}],"tag":{value}}}"#);
    let body = || Fields::parse(body.as_bytes(), &["ids", "tag"]).ok();
    vec![
        ("user", event(format!(r#""userId":{value},"product":"p""#)).map(|event| event.0)),
        ("guest", event(format!(r#""sessionId":{value},"product":"p""#)).map(|event| event.0)),
        ("product", event(format!(r#""userId":"u","product":{value}"#)).map(|event| event.1)),
        (
            "account",
            merge(format!(r#""userId":{value},"from":"g""#)).and_then(|merge| merge.account),
        ),
        ("merged", merge(format!(r#""userId":"u","from":{value}"#)).map(|merge| merge.user)),
        ("forgotten", forget().map(|forget| forget.user)),
        ("row", row.ok().map(|row| row.product)),
        ("body", body().and_then(|body| text(&body, "tag").ok()?)),
        ("body's list", body().and_then(|body| list(&body, "ids").ok()?.pop())),
    ]
}

/// The ids that a text becomes where all is text.
fn as_text(id: &str) -> Vec<(&'static str, Option<String>)> {
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let query = format!("ids={encoded}&tag={encoded}");
    let query = || Query::parse(&query, &["ids", "tag"]).ok();
    let row = parse_row(Some(id.as_bytes()), Some(b"null"), &mut Scratch::default());
    vec![
        ("path", request::user(&encoded).ok()),
        ("query", query().and_then(|query| text(&query, "tag").ok()?)),
        ("query's list", query().and_then(|query| list(&query, "ids").ok()?.pop())),
        ("key", row.ok().map(|row| row.product)),
    ]
}

fn check(value: &str, ways: Vec<(&'static str, Option<String>)>, expected: Option<&str>) {
    for (way, id) in ways {
        assert_eq!(id.as_deref(), expected, "{value} as {way}");
    }
}

#[test]
fn a_text_is_its_own_id() {
    let longest = "é".repeat(256);
    let too_long = format!("{longest}x");
    for (id, is_one) in [
        ("user1", true),
        ("7", true),
        ("7.0", true),
        (" a b ", true),
        ("a,b+c&d=e/f%41", true),
        ("\"quoted\" \\", true),
        ("a\u{feff}", true),
        ("\0\n", true),
        // The same to the eye, in one character and in two.
        ("\u{e9}", true),
        ("e\u{301}", true),
        (&longest, true),
        (&too_long, false),
        ("", false),
    ] {
        let json = serde_json::to_string(id).unwrap();
        let ways = [as_json(&json), as_text(id)].concat();
        check(&json, ways, is_one.then_some(id));
    }
}

#[test]
fn a_number_is_its_decimal_text() {
    for (number, id) in [
        ("7", Some("7")),
        ("-7", Some("-7")),
        ("7.0", Some("7")),
        ("-0", Some("0")),
        ("1.50", Some("1.5")),
        ("1e3", Some("1000")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("18446744073709551616", None),
        ("9007199254740992.0", None),
        ("1e400", None),
        ("true", None),
        ("[1]", None),
        ("{}", None),
        (r#""\ud800""#, None),
    ] {
        check(number, as_json(number), id);
    }
}
