//! The body of Google Analytics 4's Measurement Protocol.

use super::collected::Collected;
use super::draft::Draft;
use super::message::{given, id_text, list, object, text, whole};
use crate::http::fault::Fault;
use dataflows::record::event::EventType;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// A body: a visitor, and what they did. Null is as good as absent.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    client_id: Option<&'a RawValue>,
    /// Has the place of `client_id` in apps.
    #[serde(borrow)]
    app_instance_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp_micros: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
}

/// One event.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    /// Its own time, before the body's.
    #[serde(borrow)]
    timestamp_micros: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// The parameters of an event.
#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction_id: Option<&'a RawValue>,
}

/// An item of an event.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow)]
    item_category: Option<&'a RawValue>,
}

/// The name of who did something, where it has none.
const USER: &str = "user_id or client_id";

/// Reads a body into what is new.
///
/// # Errors
/// When the body is not a JSON object, or has no events.
pub(super) fn collect(body: &[u8], mut into: Collected) -> Result<Collected, Fault> {
    let body: Body<'_> = object("the body", whole(body)?).map_err(Fault::Bad)?;
    let events = list("events", body.events).map_err(Fault::Bad)?;
    for (index, json) in events.into_iter().enumerate() {
        if let Err(reason) = event(index, &body, json, &mut into) {
            into.refuse(index, reason);
        }
    }
    Ok(into)
}

fn event(
    index: usize,
    body: &Body<'_>,
    json: &RawValue,
    into: &mut Collected,
) -> Result<(), String> {
    let event: Event<'_> = object("the event", json)?;
    let name = text("name", event.name)?;
    let event_type = match &*name {
        "view_item" => EventType::View,
        "add_to_cart" => EventType::AddToCart,
        "remove_from_cart" => EventType::RemoveFromCart,
        "purchase" => EventType::Purchase,
        _ => {
            into.ignore(&name);
            return Ok(());
        }
    };
    let parameters: Parameters<'_> = object("params", event.params.ok_or("params is missing")?)?;
    let mut ids = Ids::new(event_type, &parameters);
    let path = "params.items";
    into.items(index, path, list(path, parameters.items)?, |_, item| {
        let draft = ids.add(Draft::event(event_type), &item);
        with_fields(draft, body, &event, &item)
    });
    Ok(())
}

fn with_fields(draft: Draft, body: &Body<'_>, event: &Event<'_>, item: &Item<'_>) -> Draft {
    let user = given(body.user_id);
    let draft = draft.with("userId", if user.is_some() { "user_id" } else { USER }, user);
    let draft = match given(body.client_id) {
        None => draft.with("sessionId", "app_instance_id", given(body.app_instance_id)),
        client => draft.with("sessionId", "client_id", client),
    };
    let time = event.timestamp_micros.or(body.timestamp_micros);
    draft
        .with("timestamp", "timestamp_micros", time)
        .with_item("product", "item_id", given(item.item_id))
        .with_item("category", "item_category", item.item_category)
}

/// The ids of a purchase's items: the transaction's, the item's, and which of the items with that id it is.
///
/// A transaction has one id for good, so that a purchase that is sent again, by a page that is loaded again, counts
/// once. The item's own id tells it apart whatever their order; of two lines of one item each counts. An id is one
/// only beside its user's. Other events have nothing that a repeat would share and another event would not.
struct Ids<'a> {
    transaction: Option<Cow<'a, str>>,
    seen: HashMap<String, usize>,
}

impl<'a> Ids<'a> {
    fn new(event_type: EventType, parameters: &Parameters<'a>) -> Ids<'a> {
        let transaction = given(parameters.transaction_id).and_then(id_text);
        let transaction = transaction.filter(|_| event_type == EventType::Purchase);
        Ids { transaction, seen: HashMap::new() }
    }

    fn add(&mut self, draft: Draft, item: &Item<'_>) -> Draft {
        let (Some(transaction), Some(item)) = (&self.transaction, item.item_id.and_then(id_text))
        else {
            return draft;
        };
        let before = self.seen.entry(item.to_string()).or_default();
        let id = match *before {
            0 => format!("{transaction}:{item}"),
            before => format!("{transaction}:{item}:{before}"),
        };
        *before += 1;
        draft.with_text("eventId", "transaction_id", &id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::Subject;
    use dataflows::record::event::Kind;

    fn made(body: &str) -> (Vec<(usize, Subject, String)>, String) {
        let into = Collected::new(1_743_508_800_000, 24);
        collect(body.as_bytes(), into).unwrap_or_else(|it| panic!("{it:?}")).shown()
    }

    fn body(events: &str) -> String {
        format!(r#"{{"client_id":"c","events":[{events}]}}"#)
    }

    /// The JSON of the events that a body becomes, without a word of anything else.
    fn check(body: &str, expected: &[&str]) {
        let (records, rest) = made(body);
        let records: Vec<String> = records.into_iter().map(|(.., json)| json).collect();
        assert_eq!(records, expected, "{body}");
        assert_eq!(rest, r#""ignored":{},"refused":[]"#, "{body}");
    }

    fn refused(body: &str, reasons: &[&str]) {
        let (records, rest) = made(body);
        assert!(records.is_empty(), "{body}: {records:?}");
        let reasons = reasons.iter().map(|reason| serde_json::to_string(reason).unwrap());
        let reasons = reasons.map(|reason| format!(r#"{{"index":0,"reason":{reason}}}"#));
        let reasons = reasons.collect::<Vec<_>>().join(",");
        assert_eq!(rest, format!(r#""ignored":{{}},"refused":[{reasons}]"#), "{body}");
    }

    #[test]
    fn each_item_becomes_an_event() {
        let items = r#"[{"item_id":"p","item_name":"n","item_category":"c1","item_category2":"c2","price":9.99,"quantity":2},{"item_id":8}]"#;
        for (name, kind, topic) in [
            ("view_item", "view", Kind::View),
            ("add_to_cart", "add_to_cart", Kind::AddToCart),
            ("remove_from_cart", "remove_from_cart", Kind::AddToCart),
            ("purchase", "purchase", Kind::Purchase),
        ] {
            let body = format!(
                r#"{{"client_id":"c.1","user_id":"u","timestamp_micros":"1743508800123456","user_properties":{{"x":{{"value":1}}}},"non_personalized_ads":true,"events":[{{"name":"page_view"}},{{"name":"{name}","params":{{"currency":"EUR","value":9.99,"items":{items}}}}}]}}"#
            );
            let first = format!(
                r#"{{"eventType":"{kind}","userId":"u","sessionId":"c.1","timestamp":"1743508800123456","product":"p","category":"c1"}}"#
            );
            let second = format!(
                r#"{{"eventType":"{kind}","userId":"u","sessionId":"c.1","timestamp":"1743508800123456","product":8}}"#
            );
            let (records, rest) = made(&body);
            let subject = Subject::Event(topic);
            assert_eq!(records, [(1, subject, first), (1, subject, second)], "{name}");
            assert_eq!(rest, r#""ignored":{"page_view":1},"refused":[]"#);
        }
    }

    #[test]
    fn a_visitor_without_an_account_is_the_client_and_an_event_may_have_a_time_of_its_own() {
        let event = r#"{"name":"view_item","timestamp_micros":1743508700000000,"params":{"items":[{"item_id":"p"}]}}"#;
        let viewed = |user: &str| {
            format!(r#"{{"eventType":"view",{user},"timestamp":1743508700000000,"product":"p"}}"#)
        };
        for (visitor, user) in [
            (r#""client_id":"c""#, r#""sessionId":"c""#),
            (r#""client_id":"c","user_id":"""#, r#""sessionId":"c""#),
            (r#""app_instance_id":"i""#, r#""sessionId":"i""#),
        ] {
            let body = format!(r#"{{{visitor},"timestamp_micros":1,"events":[{event}]}}"#);
            check(&body, &[&viewed(user)]);
        }
    }

    #[test]
    fn a_purchase_has_ids_that_its_repeat_has_too() {
        let purchase = |items: &str| {
            body(&format!(
                r#"{{"name":"purchase","params":{{"transaction_id":"t","items":[{items}]}}}}"#
            ))
        };
        let event = |id: &str, product: &str| {
            format!(
                r#"{{"eventType":"purchase","eventId":"{id}","sessionId":"c","product":"{product}"}}"#
            )
        };
        let (p, q) = (r#"{"item_id":"p"}"#, r#"{"item_id":"q"}"#);
        let [first, again, other] = [event("t:p", "p"), event("t:p:1", "p"), event("t:q", "q")];
        check(&purchase(&format!("{p},{q},{p}")), &[&first, &other, &again]);
        check(&purchase(&format!("{q},{p},{p}")), &[&other, &first, &again]);
        let viewed =
            r#"{"name":"view_item","params":{"transaction_id":"t","items":[{"item_id":"p"}]}}"#;
        check(&body(viewed), &[r#"{"eventType":"view","sessionId":"c","product":"p"}"#]);
        let unnamed = r#"{"name":"purchase","params":{"items":[{"item_id":"p"}]}}"#;
        check(&body(unnamed), &[r#"{"eventType":"purchase","sessionId":"c","product":"p"}"#]);
    }

    #[test]
    fn what_is_broken_is_told_by_its_name() {
        let items =
            |items: &str| body(&format!(r#"{{"name":"view_item","params":{{"items":{items}}}}}"#));
        refused(&body("7"), &["the event is not an object: it is 7"]);
        refused(&body("{}"), &["name is missing"]);
        refused(&body(r#"{"name":"view_item"}"#), &["params is missing"]);
        refused(&body(r#"{"name":"view_item","params":7}"#), &["params is not an object: it is 7"]);
        refused(&items("null"), &["params.items is missing"]);
        refused(&items("[]"), &["params.items is empty"]);
        refused(
            &items(r#"[{"item_name":"n"},7,{"item_id":[]}]"#),
            &[
                "params.items[0].item_id is missing",
                "params.items[1] is not an object: it is 7",
                "params.items[2].item_id: the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key: product is []",
            ],
        );
        let item = items(r#"[{"item_id":"p"}]"#);
        let nobody = item.replace(r#""client_id":"c""#, r#""user_id":"""#);
        refused(&nobody, &["user_id or client_id is missing"]);
        let late = item.replace(r#""client_id":"c""#, r#""client_id":"c","timestamp_micros":"x""#);
        refused(
            &late,
            &[
                r#"timestamp_micros: timestamp is neither ISO 8601 nor a number since 1970: timestamp is "x""#,
            ],
        );
    }

    #[test]
    fn a_body_without_events_is_a_fault() {
        for (body, told) in [
            ("", "the body is not JSON: EOF while parsing a value, at line 1 column 1"),
            ("[]", "the body is not an object: it is []"),
            ("{}", "events is missing"),
            (r#"{"events":[]}"#, "events is empty"),
            (r#"{"events":{}}"#, "events is not a list: it is {}"),
        ] {
            let fault = collect(body.as_bytes(), Collected::new(0, 24)).unwrap_err();
            assert_eq!(fault.details(), told, "{body}");
        }
    }
}
