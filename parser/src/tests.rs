//! The contract of events, merges, forgets and catalogue rows, case by case.

use crate::{
    MAX_AHEAD, MAX_RECORD, Reason, RecordKind, Scratch, Written, explain, parse_event,
    parse_forget, parse_merge, parse_row,
};
use dataflows::record::decision::Decision;
use dataflows::record::event::{Event, EventType, Kind};
use dataflows::record::product::{CatalogueRow, Product};

const NOW: i64 = 1_743_508_800_500;
const NOON: i64 = 1_743_508_800_000;
const RECORD_TIME: i64 = NOW - 7;
/// The most hours that a merge or a forget may be before its record.
const HORIZON: u32 = 24;
/// The hour of [`RECORD_TIME`].
const RECORD_HOUR: u32 = 484_308;

/// `view` by `u1` of `p1` with what the record adds to it.
fn event<'a>() -> Event<'a> {
    Event {
        event_type: Kind::View.into(),
        time: RECORD_TIME,
        user: "u1",
        product: "p1",
        category: "",
        session: "",
        id: "",
        tags: Vec::new(),
        recorded: RECORD_HOUR,
    }
}

fn check(record: &str, expected: Result<Event<'_>, Reason>) {
    let mut scratch = Scratch::default();
    let parsed =
        parse_event(record.as_bytes(), Some(Kind::View), Written::At(RECORD_TIME), &mut scratch);
    assert_eq!(parsed, expected, "{record:.200}");
}

#[test]
fn every_spelling_is_understood() {
    let long = "x".repeat(512);
    let with_long = format!(r#"{{"userId":"{long}","product":"p1"}}"#);
    check(&with_long, Ok(Event { user: &long, ..event() }));
    let cases = [
        (r#"{"userId":"u1","product":"p1"}"#, event()),
        (r#" { "user_id" : "u1" , "productId" : "p1" } "#, event()),
        (r#"{"product_id":"p1","userId":"u1","eventType":"view"}"#, event()),
        (r#"{"userId":"u1","product":"p1","user_id":"u2","productId":"p2"}"#, event()),
        (r#"{"userId":null,"user_id":"u1","productId":null,"product_id":"p1"}"#, event()),
        (r#"{"userId":"u1","userId":"u2","product":"p1"}"#, event()),
        (r#"{"userId":7,"product":-1}"#, Event { user: "7", product: "-1", ..event() }),
        (r#"{"userId":1.50,"product":1e3}"#, Event { user: "1.5", product: "1000", ..event() }),
        (
            r#"{"userId":18446744073709551615,"product":-0.0}"#,
            Event { user: "18446744073709551615", product: "0", ..event() },
        ),
        (r#"{"userId":"a\"\u00e9","product":"p1"}"#, Event { user: "a\"é", ..event() }),
        (
            r#"{"userId":"u1","product":"p1","timestamp":"2025-04-01T12:00:00.000Z"}"#,
            Event { time: NOON, ..event() },
        ),
        (
            r#"{"userId":"u1","product":"p1","timestamp":"2025-04-01T14:00+02:00"}"#,
            Event { time: NOON, ..event() },
        ),
        (
            r#"{"userId":"u1","product":"p1","timestamp":1743508800000}"#,
            Event { time: NOON, ..event() },
        ),
        (
            r#"{"userId":"u1","product":"p1","timestamp":"1743508800000"}"#,
            Event { time: NOON, ..event() },
        ),
        (r#"{"userId":"u1","product":"p1","timestamp":null,"eventType":null}"#, event()),
        (
            r#"{"userId":"u1","product":"p1","tags":["a","","b","a",7,"\n"]}"#,
            Event { tags: vec!["a", "b", "7", "\n"], ..event() },
        ),
        (r#"{"userId":"u1","product":"p1","tags":null,"category":null}"#, event()),
        (
            r#"{"userId":"u1","product":"p1","category":"C","eventId":"e","sessionId":9}"#,
            Event { category: "C", id: "e", session: "9", ..event() },
        ),
        (r#"{"sessionId":"g1","product":"p1"}"#, Event { user: "g1", session: "g1", ..event() }),
        (
            r#"{"userId":"","sessionId":"g1","product":"p1"}"#,
            Event { user: "g1", session: "g1", ..event() },
        ),
        (
            r#"{"userId":"u1","product":"p1","timestamp":1743508800}"#,
            Event { time: NOON, ..event() },
        ),
        (
            r#"{"userId":"u1","product":"p1","timestamp":1743508800000000}"#,
            Event { time: NOON, ..event() },
        ),
        ("\u{feff}{\"userId\":\"u1\",\"product\":\"p1\"}", event()),
        // A value that nobody reads is not judged, nor is a key.
        (r#"{"x":"\ud800","\ud800":1,"userId":"u1","product":"p1"}"#, event()),
        (
            r#"{"userId":"u1","product":"p1","event_id":"e","session_id":"s"}"#,
            Event { id: "e", session: "s", ..event() },
        ),
        (
            r#"{"x":{"userId":["no"]},"y":[1,[{}],null],"z":true,"userId":"u1","product":"p1"}"#,
            event(),
        ),
    ];
    for (record, expected) in cases {
        check(record, Ok(expected));
    }
}

#[test]
fn every_reason_has_its_cases() {
    let long = format!("\"{}\"", "x".repeat(513));
    let many = format!("{:?}", (0..65).map(|tag| tag.to_string()).collect::<Vec<_>>());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let with = |field: &str| format!(r#"{{"userId":"u1","product":"p1",{field}}}"#);
    let cases = [
        ("Hello Kafka".to_owned(), Reason::NotJson),
        (String::new(), Reason::NotJson),
        (r#"{"userId":"u1","product":"p1"}}"#.to_owned(), Reason::NotJson),
        (r#"{"userId":"u1","product":"p1""#.to_owned(), Reason::NotJson),
        (with(&format!(r#""tags":{deep}"#)), Reason::BadTags),
        (with(r#""x":[1"#), Reason::NotJson),
        (r#""Hello Kafka""#.to_owned(), Reason::NotObject),
        ("[]".to_owned(), Reason::NotObject),
        ("null".to_owned(), Reason::NotObject),
        ("12".to_owned(), Reason::NotObject),
        ("00".to_owned(), Reason::NotJson),
        (" ".repeat(MAX_RECORD + 1), Reason::TooLarge),
        (with(r#""eventType":"purchase""#), Reason::WrongType),
        (with(r#""eventType":"click""#), Reason::WrongType),
        (with(r#""eventType":1"#), Reason::WrongType),
        (r#"{"product":"p1"}"#.to_owned(), Reason::NoUser),
        (r#"{"userId":null,"product":"p1"}"#.to_owned(), Reason::NoUser),
        (r#"{"sessionId":"","product":"p1"}"#.to_owned(), Reason::NoUser),
        (r#"{"userId":"","product":"p1"}"#.to_owned(), Reason::BadUser),
        (r#"{"userId":true,"product":"p1"}"#.to_owned(), Reason::BadUser),
        (r#"{"userId":["u1"],"user_id":"u1","product":"p1"}"#.to_owned(), Reason::BadUser),
        (r#"{"userId":1e17,"product":"p1"}"#.to_owned(), Reason::BadUser),
        (format!(r#"{{"userId":{long},"product":"p1"}}"#), Reason::BadUser),
        (r#"{"userId":"u1"}"#.to_owned(), Reason::NoProduct),
        (r#"{"userId":"u1","product":{"id":"p1"}}"#.to_owned(), Reason::BadProduct),
        (r#"{"userId":"u1","product":""}"#.to_owned(), Reason::BadProduct),
        (with(r#""timestamp":"soon""#), Reason::BadTimestamp),
        (with(r#""timestamp":"""#), Reason::BadTimestamp),
        (with(r#""timestamp":-1"#), Reason::OldTimestamp),
        (with(r#""timestamp":0"#), Reason::OldTimestamp),
        (with(r#""timestamp":"1999-12-31T23:59:59Z""#), Reason::OldTimestamp),
        (with(r#""timestamp":"2025-04-01T12:00:00[Europe/Berlin]""#), Reason::NoOffset),
        (with(r#""timestamp":{}"#), Reason::BadTimestamp),
        (with(&format!(r#""timestamp":{}"#, NOW + MAX_AHEAD + 1)), Reason::FutureTimestamp),
        (with(r#""tags":"a""#), Reason::BadTags),
        (with(r#""tags":{"a":1}"#), Reason::BadTags),
        (with(r#""tags":["a",null]"#), Reason::BadTags),
        (with(r#""tags":["a",["b"]]"#), Reason::BadTags),
        (with(&format!(r#""tags":[{long}]"#)), Reason::BadTags),
        (with(&format!(r#""tags":{many}"#)), Reason::BadTags),
        (with(r#""category":[]"#), Reason::BadCategory),
        (with(&format!(r#""category":{long}"#)), Reason::BadCategory),
        (with(r#""sessionId":false"#), Reason::BadSession),
        (with(r#""eventId":{}"#), Reason::BadId),
    ];
    for (record, reason) in &cases {
        check(record, Err(*reason));
    }
}

#[test]
fn a_number_is_its_decimal_text() {
    let cases = [
        ("7", Ok("7")),
        ("-7", Ok("-7")),
        ("-0", Ok("0")),
        ("-0.0", Ok("0")),
        ("1.50", Ok("1.5")),
        ("1e3", Ok("1000")),
        ("1E-2", Ok("0.01")),
        ("1e-400", Ok("0")),
        ("0.30000000000000004", Ok("0.30000000000000004")),
        ("1234567.8901234567", Ok("1234567.8901234567")),
        ("8.544283616667655e-5", Ok("0.00008544283616667655")),
        // Whole numbers are exact to 64 bits, all others to 2^53.
        ("9007199254740993", Ok("9007199254740993")),
        ("-9007199254740993", Ok("-9007199254740993")),
        ("18446744073709551615", Ok("18446744073709551615")),
        ("-9223372036854775808", Ok("-9223372036854775808")),
        ("9007199254740991.0", Ok("9007199254740991")),
        ("9007199254740992.0", Err(Reason::BadUser)),
        ("-9007199254740993.0", Err(Reason::BadUser)),
        ("18446744073709551616", Err(Reason::BadUser)),
        ("-9223372036854775809", Err(Reason::BadUser)),
        ("1e308", Err(Reason::BadUser)),
        ("1e400", Err(Reason::NotJson)),
        ("01", Err(Reason::NotJson)),
        ("-01", Err(Reason::NotJson)),
        ("+1", Err(Reason::NotJson)),
        ("1.", Err(Reason::NotJson)),
        (".5", Err(Reason::NotJson)),
        ("NaN", Err(Reason::NotJson)),
    ];
    for (number, expected) in cases {
        let record = format!(r#"{{"userId":{number},"product":"p1"}}"#);
        check(&record, expected.map(|user| Event { user, ..event() }));
    }
}

#[test]
fn values_that_nobody_reads_may_be_nested_however_deep() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for levels in [64, 65, 70, 100_000] {
            let (opened, closed) = (open.repeat(levels), close.repeat(levels));
            let record = format!(r#"{{"x":{opened}1{closed},"userId":"u1","product":"p1"}}"#);
            check(&record, Ok(event()));
        }
    }
}

#[test]
fn without_a_topic_the_event_says_what_it_is() {
    let mut scratch = Scratch::default();
    let mut check = |record: &str, expected| {
        let parsed = parse_event(record.as_bytes(), None, Written::At(NOW), &mut scratch);
        assert_eq!(parsed.map(|event| (event.event_type, event.time)), expected, "{record}");
    };
    for event_type in EventType::ALL {
        let name = event_type.name();
        let record = format!(r#"{{"eventType":"{name}","userId":"u","product":"p"}}"#);
        check(&record, Ok((event_type, NOW)));
    }
    check(r#"{"userId":"u","product":"p"}"#, Err(Reason::WrongType));
}

#[test]
fn removals_come_with_carts_and_with_nothing_else() {
    let mut scratch = Scratch::default();
    for topic in Kind::ALL {
        let mut parse = |name: &str| {
            let record = format!(r#"{{"eventType":"{name}","userId":"u","product":"p"}}"#);
            let parsed =
                parse_event(record.as_bytes(), Some(topic), Written::At(NOW), &mut scratch);
            parsed.map(|event| event.event_type)
        };
        let expected = match topic {
            Kind::AddToCart => Ok(EventType::RemoveFromCart),
            _ => Err(Reason::WrongType),
        };
        assert_eq!(parse("remove_from_cart"), expected, "{topic:?}");
        assert_eq!(parse(topic.name()), Ok(topic.into()));
        assert_eq!(parse("RemoveFromCart"), Err(Reason::WrongType));
    }
}

#[test]
fn bytes_that_are_not_text_are_not_json() {
    let mut scratch = Scratch::default();
    for record in [&b"{\"userId\":\"\xff\",\"product\":\"p\"}"[..], b"\0", b"\xff\xfe"] {
        let parsed = parse_event(record, Some(Kind::View), Written::At(NOW), &mut scratch);
        assert_eq!(parsed, Err(Reason::NotJson), "{record:?}");
    }
}

#[test]
fn reasons_have_names_of_their_own() {
    let mut names = Reason::ALL.map(Reason::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
}

#[test]
fn catalogue_rows_follow_the_contract() {
    let lamp = Product {
        name: "Lamp".into(),
        category: "Home".into(),
        tags: vec!["light".into(), "7".into()],
        price: Some(19_990_000),
        unavailable: false,
    };
    let full =
        r#"{"id":"p1","name":"Lamp","category":"Home","tags":["light",7],"price":19.99,"x":1}"#;
    let row = |row| Ok(CatalogueRow { product: "p1".into(), row });
    let named = |name: &str| row(Some(Product { name: name.into(), ..Product::default() }));
    let cases = [
        (Some("p1"), Some(full), row(Some(lamp.clone()))),
        (None, Some(full), row(Some(lamp))),
        (Some("p1"), Some("{}"), Err(Reason::NoField)),
        (Some("p1"), Some(r#"{"sku":7,"title":"Lamp"}"#), Err(Reason::NoField)),
        (Some("p1"), Some(r#"{"id":"p1"}"#), row(Some(Product::default()))),
        (Some("p1"), Some("\u{feff}{\"id\":\"p1\"}"), row(Some(Product::default()))),
        (Some("\u{feff}p1"), Some("\u{feff} null"), row(None)),
        // Change data capture.
        (Some("p1"), Some(r#"{"op":"c","before":null,"after":{"name":"A"}}"#), named("A")),
        (
            Some(r#"{"id":"p1"}"#),
            Some(r#"{"op":"u","before":{"id":"p1","name":"A"},"after":{"id":"p1","name":"B"}}"#),
            named("B"),
        ),
        (
            Some(r#"{"schema":{},"payload":{"id":"p1"}}"#),
            Some(r#"{"schema":{},"payload":{"op":"r","after":{"id":"p1","name":"B"}}}"#),
            named("B"),
        ),
        (None, Some(r#"{"op":"d","before":{"id":"p1","name":"A"},"after":null}"#), row(None)),
        (Some("p1"), Some(r#"{"op":"d","before":null,"after":null}"#), row(None)),
        (None, Some(r#"{"id":"p1","name":"A","__deleted":"true"}"#), row(None)),
        (None, Some(r#"{"id":"p1","name":"A","__deleted":"false"}"#), named("A")),
        (Some("p1"), Some(r#"{"op":"u","after":{"sku":7}}"#), Err(Reason::NoField)),
        (Some("p1"), Some(r#"{"op":"t"}"#), Err(Reason::NoField)),
        // A row may have fields of these names itself.
        (Some("p1"), Some(r#"{"name":"A","op":"sale","payload":1}"#), named("A")),
        (
            Some("p1"),
            Some(r#"{"price":"5"}"#),
            row(Some(Product { price: Some(5_000_000), ..Product::default() })),
        ),
        (
            Some("p1"),
            Some(r#"{"available":false}"#),
            row(Some(Product { unavailable: true, ..Product::default() })),
        ),
        (Some("p1"), Some(r#"{"available":true}"#), row(Some(Product::default()))),
        (Some("p1"), Some(r#"{"available":"no"}"#), Err(Reason::BadAvailable)),
        (Some("p1"), None, row(None)),
        (Some("p1"), Some(""), row(None)),
        (Some("p1"), Some(" null "), row(None)),
        (None, Some(r#"{"id":"p1","deleted":true}"#), row(None)),
        (None, Some(r#"{"id":"p1","deleted":false}"#), row(Some(Product::default()))),
        (None, None, Err(Reason::NoProduct)),
        (Some(""), Some("{}"), Err(Reason::NoProduct)),
        (Some("p2"), Some(full), Err(Reason::BadProduct)),
        (Some("p1"), Some(r#"{"id":{}}"#), Err(Reason::BadProduct)),
        (Some("p1"), Some("[]"), Err(Reason::NotObject)),
        (Some("p1"), Some("{"), Err(Reason::NotJson)),
        (Some("p1"), Some(r#"{"name":[]}"#), Err(Reason::BadName)),
        (Some("p1"), Some(r#"{"category":true}"#), Err(Reason::BadCategory)),
        (Some("p1"), Some(r#"{"tags":"a"}"#), Err(Reason::BadTags)),
        (Some("p1"), Some(r#"{"price":"free"}"#), Err(Reason::BadPrice)),
        (Some("p1"), Some(r#"{"price":-1}"#), Err(Reason::BadPrice)),
        (Some("p1"), Some(r#"{"deleted":"yes"}"#), Err(Reason::BadDeleted)),
    ];
    let mut scratch = Scratch::default();
    for (key, value, expected) in cases {
        let parsed = parse_row(key.map(str::as_bytes), value.map(str::as_bytes), &mut scratch);
        assert_eq!(parsed, expected, "{key:?} {value:?}");
    }
}

#[test]
fn merges() {
    let merge = |time| {
        let (user, account) = ("g".into(), Some("u1".into()));
        Ok(Decision { user, time, account, recorded: RECORD_HOUR })
    };
    let long = format!(r#"{{"userId":"u1","from":"{}"}}"#, "g".repeat(513));
    let ahead = format!(r#"{{"userId":"u1","from":"g","timestamp":{}}}"#, NOW + MAX_AHEAD + 1);
    let oldest = RECORD_TIME - i64::from(HORIZON) * 3_600_000;
    let at = |time| format!(r#"{{"userId":"u1","from":"g","timestamp":{time}}}"#);
    let (old, too_old) = (at(oldest), at(oldest - 1));
    let cases = [
        (&*old, merge(oldest)),
        (&*too_old, Err(Reason::TooOld)),
        (r#"{"userId":"u1","from":"g"}"#, merge(RECORD_TIME)),
        (r#"{"user_id":"u1","from":"g","timestamp":null,"sessionId":"s"}"#, merge(RECORD_TIME)),
        (r#"{"userId":"u1","from":"g","timestamp":"2025-04-01T12:00:00Z"}"#, merge(NOON)),
        (r#"{"userId":"u1","from":"g","timestamp":1743508800000}"#, merge(NOON)),
        (r#"{"from":"g"}"#, Err(Reason::NoUser)),
        (r#"{"userId":"","from":"g"}"#, Err(Reason::BadUser)),
        (r#"{"userId":{},"from":"g"}"#, Err(Reason::BadUser)),
        (r#"{"userId":"u1"}"#, Err(Reason::NoGuest)),
        (r#"{"userId":"u1","from":""}"#, Err(Reason::BadGuest)),
        (r#"{"userId":"u1","from":true}"#, Err(Reason::BadGuest)),
        (&*long, Err(Reason::BadGuest)),
        (r#"{"userId":7,"from":"7"}"#, Err(Reason::SameUser)),
        (r#"{"userId":"u1","from":"g","timestamp":"noon"}"#, Err(Reason::BadTimestamp)),
        (&*ahead, Err(Reason::FutureTimestamp)),
        ("[]", Err(Reason::NotObject)),
        ("", Err(Reason::NotJson)),
    ];
    let mut scratch = Scratch::default();
    for (record, expected) in cases {
        let written = Written::At(RECORD_TIME);
        let parsed = parse_merge(record.as_bytes(), None, written, HORIZON, &mut scratch);
        assert_eq!(parsed, expected, "{record}");
    }
    // Who does not know when a record was written can't say that it is too old.
    let parsed =
        parse_merge(too_old.as_bytes(), None, Written::Unknown(NOW), HORIZON, &mut scratch);
    assert!(parsed.is_ok(), "{parsed:?}");
}

#[test]
fn forgets() {
    let forget =
        |time| Ok(Decision { user: "u1".into(), time, account: None, recorded: RECORD_HOUR });
    let at = |time: i64| format!(r#"{{"userId":"u1","timestamp":{time}}}"#);
    let oldest = RECORD_TIME - i64::from(HORIZON) * 3_600_000;
    let (old, too_old, ahead) = (at(oldest), at(oldest - 1), at(NOW + MAX_AHEAD + 1));
    let long = format!(r#"{{"userId":"{}"}}"#, "u".repeat(513));
    let cases = [
        (r#"{"userId":"u1"}"#, None, forget(RECORD_TIME)),
        (r#"{"user_id":"u1","timestamp":null,"from":{}}"#, None, forget(RECORD_TIME)),
        (r#"{"userId":"u1","timestamp":"2025-04-01T12:00:00Z"}"#, None, forget(NOON)),
        ("{}", Some("u1"), forget(RECORD_TIME)),
        (r#"{"userId":"u1"}"#, Some("u1"), forget(RECORD_TIME)),
        (r#"{"userId":"u2"}"#, Some("u1"), Err(Reason::BadUser)),
        ("{}", Some(""), Err(Reason::BadUser)),
        ("{}", None, Err(Reason::NoUser)),
        (r#"{"sessionId":"s"}"#, None, Err(Reason::NoUser)),
        (r#"{"userId":""}"#, None, Err(Reason::BadUser)),
        (r#"{"userId":true}"#, None, Err(Reason::BadUser)),
        (&*long, None, Err(Reason::BadUser)),
        (r#"{"userId":"u1","timestamp":"noon"}"#, None, Err(Reason::BadTimestamp)),
        (&*old, None, forget(oldest)),
        (&*too_old, None, Err(Reason::TooOld)),
        (&*ahead, None, Err(Reason::FutureTimestamp)),
        ("[]", None, Err(Reason::NotObject)),
        ("", None, Err(Reason::NotJson)),
    ];
    let mut scratch = Scratch::default();
    for (record, user, expected) in cases {
        let written = Written::At(RECORD_TIME);
        let parsed = parse_forget(record.as_bytes(), user, written, HORIZON, &mut scratch);
        assert_eq!(parsed, expected, "{record} of {user:?}");
    }
    // Where nobody knows when it was written, its hour is that of its own time.
    let unknown = Written::Unknown(RECORD_TIME);
    let parsed = parse_forget(too_old.as_bytes(), None, unknown, HORIZON, &mut scratch);
    let recorded = RECORD_HOUR - HORIZON;
    assert_eq!(
        parsed,
        Ok(Decision { user: "u1".into(), time: oldest - 1, account: None, recorded })
    );
}

/// A value behind a zero byte and the id of a schema, as Confluent's serializers write it.
fn framed(value: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 2], value].concat()
}

#[test]
fn json_in_confluents_wire_format_is_read_and_what_is_none_is_named() {
    let mut scratch = Scratch::default();
    for (value, expected) in [
        (&br#"{"userId":"u1","product":"p1"}"#[..], Ok(())),
        (b"\xef\xbb\xbf {\"userId\":\"u1\",\"product\":\"p1\"}", Ok(())),
        (br#"{"userId":"u1""#, Err(Reason::NotJson)),
        (b"[]", Err(Reason::NotObject)),
        (b"null", Err(Reason::NotObject)),
        (b"\"u1\"", Err(Reason::NotObject)),
        // Broken, and meant as JSON all the same.
        (b"{ \"userId\":\"\xff\",\"product\":\"p1\"}", Err(Reason::NotJson)),
        (b"{", Err(Reason::NotJson)),
        // The texts u1 and p1.
        (b"\x04u1\x04p1", Err(Reason::Avro)),
        (b"\x00\x04u1", Err(Reason::Avro)),
        (b"", Err(Reason::Avro)),
        // The first message of its schema, and the third one within the second.
        (b"\x00\x0a\x02u1\x12\x02p1", Err(Reason::Protobuf)),
        (b"\x04\x02\x04\x0a\x02u1\x19\0\0\0\0\0\0\0\0\x20\x96\x01", Err(Reason::Protobuf)),
    ] {
        let record = framed(value);
        let parsed = parse_event(&record, Some(Kind::View), Written::At(NOW), &mut scratch);
        let parsed = parsed.map(|event| assert_eq!((event.user, event.product), ("u1", "p1")));
        assert_eq!(parsed, expected, "{value:?}");
        if let Err(reason @ (Reason::Avro | Reason::Protobuf)) = expected {
            let told = explain(RecordKind::Event, None, &record, reason).to_string();
            assert_eq!(told, format!("{reason}: its schema has the id 258"));
        }
    }
    let merge = framed(br#"{"userId":"u1","from":"g1"}"#);
    assert!(parse_merge(&merge, None, Written::At(NOW), HORIZON, &mut scratch).is_ok());
    let row = framed(br#"{"id":"p1","name":"n"}"#);
    for key in [&b""[..], b"p1", b"\"p1\"", br#"{"id":"p1"}"#, br#"{"payload":{"id":"p1"}}"#] {
        let key = (!key.is_empty()).then(|| framed(key));
        let parsed = parse_row(key.as_deref(), Some(&row), &mut scratch);
        assert_eq!(parsed.unwrap().product, "p1", "{key:?}");
    }
    // A deletion is known by its key alone.
    fn gone(key: &[u8], value: Option<&[u8]>) -> Result<CatalogueRow, Reason> {
        parse_row(Some(key), value, &mut Scratch::default())
    }
    let deleted = CatalogueRow { product: "p1".into(), row: None };
    let (text, null) = (framed(b"\"p1\""), framed(b"null"));
    for value in [None, Some(&null[..])] {
        assert_eq!(gone(&text, value), Ok(deleted.clone()), "{value:?}");
    }
    for (key, reason) in [(&b"\x04p1"[..], Reason::Avro), (b"\x00\x0a\x02p1", Reason::Protobuf)] {
        let key = framed(key);
        for value in [None, Some(&row[..])] {
            assert_eq!(gone(&key, value), Err(reason));
            let told = explain(RecordKind::Row, Some(&key), value.unwrap_or(b""), reason);
            assert_eq!(told.to_string(), format!("{reason}: its key's schema has the id 258"));
        }
    }
    let other = framed(b"p2");
    assert_eq!(gone(&other, Some(&row)), Err(Reason::BadProduct));
    let empty = framed(b"{}");
    let told = explain(RecordKind::Row, Some(&other), &empty, Reason::BadProduct);
    assert!(told.to_string().ends_with("the key is \"p2\""), "{told}");
    // The place counts from the record's first byte.
    let record = framed(br#"{"userId":"u1","product":[1]}"#);
    let parsed = parse_event(&record, Some(Kind::View), Written::At(NOW), &mut scratch);
    let explanation = explain(RecordKind::Event, None, &record, parsed.unwrap_err());
    assert_eq!(&record[explanation.offset..], b"[1]}");
    assert_eq!(parse_row(None, Some(&framed(b"\x02n")), &mut scratch), Err(Reason::Avro));
}
