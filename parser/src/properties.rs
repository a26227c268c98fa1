//! The parser against a slow and plain one, on random records.

use crate::event::field_of;
use crate::object::Object;
use crate::time::{TimeError, YEAR_2000, milliseconds};
use crate::{
    MAX_AHEAD, Reason, RecordKind, Scratch, Written, explain, parse_event, parse_forget,
    parse_merge, parse_row,
};
use dataflows::record::decision::Decision;
use dataflows::record::event::{Event, EventType, Kind};
use proptest::collection::{hash_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::Value;

const NOW: i64 = 1_743_508_800_500;
const HOUR: i64 = 3_600_000;

/// An event with texts of its own: type, time, then user, product, category, session, id and tags.
type Owned = (EventType, i64, [String; 5], Vec<String>);

fn owned(event: &Event<'_>) -> Owned {
    let texts = [event.user, event.product, event.category, event.session, event.id];
    let tags = event.tags.iter().map(|&tag| tag.to_owned()).collect();
    (event.event_type, event.time, texts.map(str::to_owned), tags)
}

/// The contract of events, over a tree of JSON.
fn oracle(record: &[u8], topic: Kind, record_time: Option<i64>) -> Result<Owned, Reason> {
    let Ok(value) = serde_json::from_slice::<Value>(record) else { return Err(Reason::NotJson) };
    let Value::Object(map) = value else { return Err(Reason::NotObject) };
    let scalar = |names: &[&str], bad| {
        let given =
            map.iter().find(|(key, value)| names.contains(&key.as_str()) && !value.is_null());
        given.map(|(_, value)| text(value).filter(|text| text.len() <= 512).ok_or(bad)).transpose()
    };
    let event_type = match scalar(&["eventType"], Reason::WrongType)? {
        None => topic.into(),
        Some(name) if name == topic.name() => topic.into(),
        Some(name) if name == "remove_from_cart" && topic == Kind::AddToCart => {
            EventType::RemoveFromCart
        }
        Some(_) => return Err(Reason::WrongType),
    };
    let session = || scalar(&["sessionId", "session_id"], Reason::BadSession);
    let user = match scalar(&["userId", "user_id"], Reason::BadUser)? {
        Some(user) if !user.is_empty() => user,
        user => {
            let guest = session()?.filter(|guest| !guest.is_empty());
            guest.or(user).ok_or(Reason::NoUser)?
        }
    };
    let user = Some(user).filter(|user| !user.is_empty()).ok_or(Reason::BadUser)?;
    let product = scalar(&["product", "productId", "product_id"], Reason::BadProduct)?;
    let product = product.ok_or(Reason::NoProduct)?;
    let product = Some(product).filter(|id| !id.is_empty()).ok_or(Reason::BadProduct)?;
    let time = match scalar(&["timestamp"], Reason::BadTimestamp)? {
        Some(text) => milliseconds(&text).map_err(|error| match error {
            TimeError::NoTime => Reason::BadTimestamp,
            TimeError::TooOld => Reason::OldTimestamp,
            TimeError::NoOffset => Reason::NoOffset,
        })?,
        None => record_time.filter(|&time| time >= YEAR_2000).unwrap_or(NOW),
    };
    let written = record_time.filter(|&time| time >= YEAR_2000);
    if written.is_some_and(|written| time > written + MAX_AHEAD) {
        return Err(Reason::FutureTimestamp);
    }
    let category = scalar(&["category"], Reason::BadCategory)?.unwrap_or_default();
    let session = session()?.unwrap_or_default();
    let id = scalar(&["eventId", "event_id"], Reason::BadId)?.unwrap_or_default();
    let mut tags = Vec::new();
    match map.get("tags") {
        None | Some(Value::Null) => (),
        Some(Value::Array(given)) => {
            for tag in given {
                let tag = text(tag).ok_or(Reason::BadTags)?;
                if !tag.is_empty() && !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        Some(_) => return Err(Reason::BadTags),
    }
    if tags.len() > 64 || tags.iter().any(|tag| tag.len() > 512) {
        return Err(Reason::BadTags);
    }
    Ok((event_type, time, [user, product, category, session, id], tags))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().filter(|number| number.abs() < 2_f64.powi(53));
            number.map(|number| (number + 0.0).to_string())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1e6..1e6).prop_map(|number: f64| Value::from(number)),
        any::<String>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        "x{500,520}".prop_map(Value::from),
        (0..2 * NOW).prop_map(|time| Value::from(time.to_string())),
        (0..2 * NOW).prop_map(|time| {
            Value::from(jiff::Timestamp::from_millisecond(time).unwrap().to_string())
        }),
        prop_oneof![Just("view"), Just("purchase")].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 100, 70, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec("[a-z]{0,2}".prop_map(Value::from), 0..80).prop_map(Value::from),
            hash_map("[a-z]{1,3}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 13] = [
        "userId",
        "user_id",
        "product",
        "productId",
        "product_id",
        "timestamp",
        "eventType",
        "tags",
        "category",
        "eventId",
        "event_id",
        "sessionId",
        "session_id",
    ];
    prop_oneof![9 => proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

/// What `eventType` may say.
const NAMES: [&str; 5] = ["view", "add_to_cart", "remove_from_cart", "purchase", "wish"];

/// Records of the common shape, a few of them with a part that is not.
fn nearly_flat() -> impl Strategy<Value = String> {
    let text =
        || prop_oneof![8 => "[a-zé \"]{0,20}", 1 => Just("a\\n".to_owned()), 1 => any::<String>()];
    let text = || text().prop_map(|text| format!("\"{}\"", text.replace('"', "")));
    let number = || {
        prop_oneof![
            4 => any::<u64>().prop_map(|number| number.to_string()),
            1 => "-?[0-9]{1,22}(\\.[0-9]{1,3})?(e[0-9])?",
        ]
    };
    let scalar = || prop_oneof![6 => text(), 3 => number(), 1 => Just("null".to_owned())];
    let list = vec(scalar(), 0..5).prop_map(|list| format!("[{}]", list.join(",")));
    let value = prop_oneof![6 => scalar(), 3 => list, 1 => Just("{}".to_owned())];
    let space = || prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    let pair = (key(), space(), value, space());
    let pair = pair.prop_map(|(key, before, value, after)| {
        format!("{}:{before}{value}{after}", serde_json::to_string(&key).unwrap())
    });
    let end = prop_oneof![18 => Just("}"), 1 => Just("} "), 1 => Just("},")];
    (vec(pair, 0..8), space(), end)
        .prop_map(|(pairs, space, end)| format!("{{{}{space}{end}", pairs.join(",")))
}

proptest! {
    #[test]
    fn the_fast_path_reads_what_the_json_reader_reads(record in nearly_flat()) {
        let (mut flat, mut json) = (Object::default(), Object::default());
        if flat.read_flat(record.as_bytes(), field_of).is_some() {
            let mut texts = String::new();
            assert_eq!(json.read_json(record.as_bytes(), field_of, &mut texts), Ok(()));
            assert_eq!(flat.shown(""), json.shown(&texts), "{record}");
        }
    }

    #[test]
    fn the_parser_agrees_with_the_plain_one(
        pairs in vec((key(), json()), 0..9),
        whole in proptest::bool::weighted(0.7),
        topic in proptest::sample::select(&Kind::ALL[..]),
        name in proptest::option::of(proptest::sample::select(&NAMES[..])),
        record_time in proptest::option::of(-1..NOW),
    ) {
        let mut map: serde_json::Map<_, _> = pairs.into_iter().collect();
        if whole {
            // Most records of unrelated fields end at their user; these go on.
            map.insert("userId".into(), "u".into());
            map.insert("product".into(), "p".into());
            map.remove("eventType");
            map.extend(name.map(|name| ("eventType".into(), name.into())));
        }
        let record = serde_json::to_vec(&Value::Object(map)).unwrap();
        let (mut scratch, written) = (Scratch::default(), Written::of(record_time, NOW));
        let parsed = parse_event(&record, Some(topic), written, &mut scratch);
        let parsed = parsed.map(|event| owned(&event));
        assert_eq!(parsed, oracle(&record, topic, record_time));
    }

    #[test]
    fn an_event_comes_back_as_it_was_written(
        user in "\\PC{1,40}", product in "\\PC{1,40}", category in any::<String>(),
        time in YEAR_2000..NOW, tags in vec("\\PC{1,9}", 0..9),
    ) {
        let time_text = jiff::Timestamp::from_millisecond(time).unwrap().to_string();
        let record = serde_json::json!({
            "eventType": "purchase", "userId": user, "product": product, "timestamp": time_text,
            "category": category, "tags": tags, "eventId": "e", "sessionId": "s",
        });
        let record = record.to_string();
        let mut scratch = Scratch::default();
        let event = parse_event(record.as_bytes(), Some(Kind::Purchase), Written::At(NOW), &mut scratch);
        let mut distinct = tags;
        let mut seen = std::collections::HashSet::new();
        distinct.retain(|tag| seen.insert(tag.clone()));
        if category.len() <= 512 {
            let texts = [user, product, category, "s".into(), "e".into()];
            assert_eq!(event.map(|event| owned(&event)), Ok((Kind::Purchase.into(), time, texts, distinct)));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        let mut scratch = Scratch::default();
        if let Err(reason) = parse_event(&bytes, Some(Kind::View), Written::At(NOW), &mut scratch) {
            explained(RecordKind::Event, &bytes, reason);
        }
        if let Err(reason) = parse_row(Some(&bytes), Some(&bytes), &mut scratch) {
            explained(RecordKind::Row, &bytes, reason);
        }
        if let Err(reason) = parse_merge(&bytes, None, Written::At(NOW), 1, &mut scratch) {
            explained(RecordKind::Merge, &bytes, reason);
        }
        if let Err(reason) = parse_forget(&bytes, None, Written::At(NOW), 1, &mut scratch) {
            explained(RecordKind::Forget, &bytes, reason);
        }
    }

    #[test]
    fn a_decision_comes_back_as_it_was_written(
        user in "\\PC{1,40}", account in "\\PC{1,40}", time in NOW - 2 * HOUR..NOW + 1,
        hours in 1_u32..3,
    ) {
        let mut scratch = Scratch::default();
        let forget = serde_json::json!({"userId": user, "timestamp": time}).to_string();
        let merge = serde_json::json!({"userId": account, "from": user, "timestamp": time});
        let merge = merge.to_string();
        let is_known = NOW - time <= i64::from(hours) * HOUR;
        let written = Written::At(NOW);
        let decision = |account: Option<String>| {
            let recorded = u32::try_from(NOW / HOUR).unwrap();
            let decision = Decision { user: user.clone(), time, account, recorded };
            if is_known { Ok(decision) } else { Err(Reason::TooOld) }
        };
        let forgotten = parse_forget(forget.as_bytes(), None, written, hours, &mut scratch);
        assert_eq!(forgotten, decision(None));
        let merged = parse_merge(merge.as_bytes(), None, written, hours, &mut scratch);
        let expected = if user == account { Err(Reason::SameUser) } else { decision(Some(account)) };
        assert_eq!(merged, expected);
    }

    #[test]
    fn no_damaged_event_panics(at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..130) {
        let mut record = br#"{"eventType":"view","userId":"u\u00e91","product":12e3,"timestamp":"2025-04-01T12:00:00.000Z","tags":["a","b\n"]}"#.to_vec();
        let length = record.len();
        record[at % length] = byte;
        record.truncate(cut);
        let mut scratch = Scratch::default();
        if let Err(reason) = parse_event(&record, Some(Kind::View), Written::At(NOW), &mut scratch) {
            explained(RecordKind::Event, &record, reason);
        }
    }
}

/// Every refusal has an explanation, and a place in the record.
fn explained(kind: RecordKind, record: &[u8], reason: Reason) {
    let explanation = explain(kind, Some(record), record, reason);
    assert!(explanation.offset <= record.len(), "{explanation}");
    assert!(explanation.to_string().starts_with(&reason.to_string()));
}
