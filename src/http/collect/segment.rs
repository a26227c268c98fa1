//! Segment's messages, by its e-commerce spec (version 2).

use super::collected::Collected;
use super::draft::Draft;
use super::message::{given, id_text, list, object, text, whole};
use crate::http::fault::Fault;
use dataflows::record::event::EventType;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One message. Null is as good as absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    anonymous_id: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_id: Option<&'a RawValue>,
    #[serde(borrow)]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    original_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// A product: the properties of an event, or one of its products.
#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sku: Option<&'a RawValue>,
    #[serde(borrow)]
    category: Option<&'a RawValue>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
}

/// The properties of an order.
#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    products: Option<&'a RawValue>,
}

/// Reads the messages of a body into what is new: one, a list of them, or an object with a `batch` of them.
///
/// # Errors
/// When the body is not JSON, or holds no message.
pub(super) fn collect(body: &[u8], mut into: Collected) -> Result<Collected, Fault> {
    for (index, json) in messages(body)?.into_iter().enumerate() {
        if let Err(reason) = message(index, json, &mut into) {
            into.refuse(index, reason);
        }
    }
    Ok(into)
}

fn messages(body: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        batch: Option<&'a RawValue>,
    }
    let whole = whole(body)?;
    if whole.get().starts_with('[') {
        return list("the body", Some(whole)).map_err(Fault::Bad);
    }
    match object("the body", whole).map_err(Fault::Bad)? {
        Body { batch: None } => Ok(vec![whole]),
        Body { batch } => list("batch", batch).map_err(Fault::Bad),
    }
}

fn message(index: usize, json: &RawValue, into: &mut Collected) -> Result<(), String> {
    let message: Message<'_> = object("the message", json)?;
    let kind = text("type", message.kind)?;
    match &*kind {
        "track" => track(index, &message, into)?,
        "identify" => match (given(message.user_id), given(message.anonymous_id)) {
            (Some(account), Some(guest)) if id_text(account) != id_text(guest) => {
                into.merge(index, merge(&message, "anonymousId", Some(guest)));
            }
            // Of one user it tells nothing but traits.
            _ => into.ignore(&kind),
        },
        "alias" => {
            let draft = match (given(message.previous_id), given(message.anonymous_id)) {
                (None, guest @ Some(_)) => merge(&message, "anonymousId", guest),
                (previous, _) => merge(&message, "previousId", previous),
            };
            into.merge(index, draft);
        }
        "delete" => {
            let (name, user) = match given(message.user_id) {
                None => (USER, given(message.anonymous_id)),
                user => ("userId", user),
            };
            into.forget(index, timed(Draft::decision().with("userId", name, user), &message));
        }
        other => into.ignore(other),
    }
    Ok(())
}

/// The name of who did something, where it has none.
const USER: &str = "userId or anonymousId";

/// A user was the account: a guest who signed in, or another account.
fn merge(message: &Message<'_>, name: &'static str, user: Option<&RawValue>) -> Draft {
    let draft = Draft::decision().with("userId", "userId", given(message.user_id));
    timed(draft.with("from", name, user), message)
}

fn track(index: usize, message: &Message<'_>, into: &mut Collected) -> Result<(), String> {
    let name = text("event", message.event)?;
    let event_type = match &*name {
        "Product Viewed" => EventType::View,
        "Product Added" => EventType::AddToCart,
        "Product Removed" => EventType::RemoveFromCart,
        "Order Completed" => EventType::Purchase,
        // A click on a product leads to its page, whose view is a message of its own.
        _ => {
            into.ignore(&name);
            return Ok(());
        }
    };
    let properties = message.properties.ok_or("properties is missing")?;
    if event_type != EventType::Purchase {
        let product = object("properties", properties)?;
        let draft = with_id(Draft::event(event_type), message, None);
        into.event(index, &"properties.", item(draft, message, &product));
        return Ok(());
    }
    let order: Order<'_> = object("properties", properties)?;
    let path = "properties.products";
    let products = list(path, order.products)?;
    let is_one = products.len() == 1;
    into.items(index, path, products, |place, product| {
        let place_of_id = Some(place).filter(|_| !is_one);
        item(with_id(Draft::event(event_type), message, place_of_id), message, &product)
    });
    Ok(())
}

/// Adds the id of a message, so that it counts once however often it is sent; of one of several items,
/// with its place.
fn with_id(draft: Draft, message: &Message<'_>, place: Option<usize>) -> Draft {
    let text = message.message_id.and_then(id_text);
    match (text, place) {
        (Some(id), Some(place)) => {
            draft.with_text("eventId", "messageId", &format!("{id}:{place}"))
        }
        _ => draft.with("eventId", "messageId", message.message_id),
    }
}

fn item(draft: Draft, message: &Message<'_>, product: &Product<'_>) -> Draft {
    let Product { product_id, sku, category, tags } = product;
    let user = given(message.user_id);
    let draft = timed(draft, message)
        .with("userId", if user.is_some() { "userId" } else { USER }, user)
        .with("sessionId", "anonymousId", given(message.anonymous_id));
    let draft = match given(*product_id) {
        None if given(*sku).is_some() => draft.with_item("product", "sku", *sku),
        product_id => draft.with_item("product", "product_id", product_id),
    };
    draft.with_item("category", "category", *category).with_item("tags", "tags", *tags)
}

/// Adds the time: as Segment has corrected it by the clocks, or else as the client gave it.
fn timed(draft: Draft, message: &Message<'_>) -> Draft {
    match message.timestamp {
        None => draft.with("timestamp", "originalTimestamp", message.original_timestamp),
        timestamp => draft.with("timestamp", "timestamp", timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::Subject;
    use dataflows::record::event::Kind;

    const CART: Subject = Subject::Event(Kind::AddToCart);
    const PURCHASE: Subject = Subject::Event(Kind::Purchase);
    const VIEW: Subject = Subject::Event(Kind::View);

    /// What messages become, and the rest of the answer.
    fn check(body: &str, made: &[(usize, Subject, &str)], rest: &str) {
        let into = Collected::new(1_743_508_800_000, 24);
        let collected = collect(body.as_bytes(), into).unwrap_or_else(|it| panic!("{it:?}"));
        let (records, told) = collected.shown();
        let made: Vec<_> =
            made.iter().map(|(at, of, json)| (*at, *of, String::from(*json))).collect();
        assert_eq!(records, made, "{body}");
        assert_eq!(told, rest, "{body}");
    }

    /// A message that is refused alone.
    fn refused(message: &str, reason: &str) {
        let reason = serde_json::to_string(reason).unwrap();
        check(
            message,
            &[],
            &format!(r#""ignored":{{}},"refused":[{{"index":0,"reason":{reason}}}]"#),
        );
    }

    const NOTHING: &str = r#""ignored":{},"refused":[]"#;

    #[test]
    fn products_become_events() {
        let message = |name: &str, more: &str| {
            format!(
                r#"{{"type":"track","event":"{name}","messageId":"m1","anonymousId":"a1","userId":"u1","timestamp":"2025-04-01T12:00:00.000Z","originalTimestamp":"2025-03-01T12:00:00.000Z","properties":{{"product_id":"p1","sku":"s1","category":"Games","name":"Cones","price":49.99,"quantity":2}}{more}}}"#
            )
        };
        let event = |kind: &str| {
            format!(
                r#"{{"eventType":"{kind}","eventId":"m1","timestamp":"2025-04-01T12:00:00.000Z","userId":"u1","sessionId":"a1","product":"p1","category":"Games"}}"#
            )
        };
        for (name, kind, subject) in [
            ("Product Viewed", "view", VIEW),
            ("Product Added", "add_to_cart", CART),
            ("Product Removed", "remove_from_cart", CART),
        ] {
            let context = r#","context":{"ip":"0.0.0.0"},"integrations":{},"sentAt":"x""#;
            check(&message(name, context), &[(0, subject, &event(kind))], NOTHING);
        }
    }

    #[test]
    fn what_is_left_out_has_another_name() {
        let guest = r#"{"type":"track","event":"Product Viewed","messageId":"m","userId":"","anonymousId":7,"timestamp":null,"originalTimestamp":1743508800,"properties":{"product_id":"","sku":8,"category":null,"tags":["a"]}}"#;
        let event = r#"{"eventType":"view","eventId":"m","timestamp":1743508800,"sessionId":7,"product":8,"tags":["a"]}"#;
        check(guest, &[(0, VIEW, event)], NOTHING);
        let bare =
            r#"{"type":"track","event":"Product Added","userId":"u","properties":{"sku":"s"}}"#;
        let event = r#"{"eventType":"add_to_cart","userId":"u","product":"s"}"#;
        check(bare, &[(0, CART, event)], NOTHING);
    }

    #[test]
    fn an_order_is_a_purchase_of_each_product() {
        let order = |products: &str| {
            format!(
                r#"{{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{{"order_id":"o","products":{products}}}}}"#
            )
        };
        let event = |id: &str, product: &str| {
            format!(
                r#"{{"eventType":"purchase","eventId":"{id}","userId":"u","product":"{product}"}}"#
            )
        };
        let one = event("m", "p");
        check(&order(r#"[{"product_id":"p"}]"#), &[(0, PURCHASE, &one)], NOTHING);
        let (first, last) = (event("m:0", "p"), event("m:3", "p"));
        check(
            &order(r#"[{"product_id":"p","price":1},{"name":"x"},7,{"sku":"p"}]"#),
            &[(0, PURCHASE, &first), (0, PURCHASE, &last)],
            r#""ignored":{},"refused":[{"index":0,"reason":"properties.products[1].product_id is missing"},{"index":0,"reason":"properties.products[2] is not an object: it is 7"}]"#,
        );
        refused(&order("[]"), "properties.products is empty");
        refused(&order("null"), "properties.products is missing");
        refused(&order(r#"{"a":1}"#), r#"properties.products is not a list: it is {"a":1}"#);
    }

    #[test]
    fn who_is_told_of_under_two_names_is_merged_and_who_is_deleted_forgotten() {
        let merge =
            |guest: &str| format!(r#"{{"userId":"u","from":"{guest}","timestamp":1743508000000}}"#);
        let forget = |user: &str| format!(r#"{{"userId":"{user}","timestamp":1743508000000}}"#);
        for (message, subject, expected) in [
            (
                r#""type":"identify","userId":"u","anonymousId":"a","traits":{}"#,
                Subject::Merge,
                merge("a"),
            ),
            (r#""type":"alias","userId":"u","previousId":"a""#, Subject::Merge, merge("a")),
            (
                r#""type":"alias","userId":"u","previousId":"p","anonymousId":"a""#,
                Subject::Merge,
                merge("p"),
            ),
            (r#""type":"alias","userId":"u","anonymousId":"a""#, Subject::Merge, merge("a")),
            (r#""type":"delete","userId":"u","anonymousId":"a""#, Subject::Forget, forget("u")),
            (r#""type":"delete","anonymousId":"a""#, Subject::Forget, forget("a")),
        ] {
            let message = format!(r#"{{{message},"timestamp":1743508000}}"#);
            check(&message, &[(0, subject, &expected)], NOTHING);
        }
        for of_one in [r#""userId":"u""#, r#""anonymousId":"a""#, r#""userId":7,"anonymousId":"7""#]
        {
            let message = format!(r#"{{"type":"identify",{of_one}}}"#);
            check(&message, &[], r#""ignored":{"identify":1},"refused":[]"#);
        }
        refused(r#"{"type":"alias","userId":"u"}"#, "previousId is missing");
        refused(r#"{"type":"alias","previousId":"u"}"#, "userId is missing");
        refused(
            r#"{"type":"alias","userId":"u","previousId":"u"}"#,
            r#"previousId: from is the userId itself: from is "u""#,
        );
        refused(r#"{"type":"delete"}"#, "userId or anonymousId is missing");
    }

    #[test]
    fn one_message_is_not_lost_by_another() {
        let view = r#"{"type":"track","event":"Product Viewed","userId":"u","properties":{"product_id":"p"}}"#;
        let messages = format!(
            r#"[{view},{{"type":"page"}},7,{{"type":"track","event":"Cart Viewed"}},{{"type":"track","event":"Product Clicked","properties":{{}}}},{{"type":"page","type":"page"}},{{"type":"track","event":"Cart Viewed"}},{view}]"#
        );
        let event = r#"{"eventType":"view","userId":"u","product":"p"}"#;
        let rest = r#""ignored":{"Cart Viewed":2,"Product Clicked":1,"page":1},"refused":[{"index":2,"reason":"the message is not an object: it is 7"},{"index":5,"reason":"the message is not as it should be: duplicate field `type`"}]"#;
        for body in [messages.clone(), format!("\u{feff}{{\"sentAt\":1,\"batch\":{messages}}}")] {
            check(&body, &[(0, VIEW, event), (7, VIEW, event)], rest);
        }
    }

    #[test]
    fn what_is_broken_is_told_by_its_name() {
        let track = |fields: &str| format!(r#"{{"type":"track",{fields}}}"#);
        let viewed = |fields: &str| {
            track(&format!(
                r#""event":"Product Viewed","properties":{{"product_id":"p"}},{fields}"#
            ))
        };
        refused("{}", "type is missing");
        refused(r#"{"type":7}"#, "type is not a text: it is 7");
        refused(&track(r#""event":null"#), "event is missing");
        refused(&track(r#""event":"Product Viewed""#), "properties is missing");
        refused(
            &track(r#""event":"Product Viewed","properties":[]"#),
            "properties is not an object: it is []",
        );
        refused(
            &track(r#""event":"Product Added","userId":"u","properties":{"sku":""}"#),
            "properties.product_id is missing",
        );
        refused(
            &track(r#""event":"Product Added","userId":"u","properties":{"sku":{}}"#),
            "properties.sku: the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key: product is {}",
        );
        refused(
            &track(r#""event":"Product Added","userId":"u","properties":{"sku":1,"tags":"a,b"}"#),
            r#"properties.tags: tags is not a list of at most 64 texts of at most 512 bytes: tags is "a,b""#,
        );
        refused(&viewed(r#""messageId":"m""#), "userId or anonymousId is missing");
        refused(
            &viewed(r#""userId":[]"#),
            "userId: userId is not a text of 1 to 512 bytes or a number, or contradicts the path: userId is []",
        );
        refused(
            &viewed(r#""anonymousId":{}"#),
            "anonymousId: sessionId is not a text of at most 512 bytes or a number: sessionId is {}",
        );
        refused(
            &viewed(r#""userId":"u","messageId":[]"#),
            "messageId: eventId is not a text of at most 512 bytes or a number: eventId is []",
        );
        refused(
            &viewed(r#""userId":"u","timestamp":"2025-04-03T12:00:00Z""#),
            r#"timestamp: timestamp is more than a day ahead: timestamp is "2025-04-03T12:00:00Z""#,
        );
        refused(
            &viewed(r#""userId":"u","originalTimestamp":"noon""#),
            r#"originalTimestamp: timestamp is neither ISO 8601 nor a number since 1970: timestamp is "noon""#,
        );
    }

    #[test]
    fn a_body_without_messages_is_a_fault() {
        for (body, told) in [
            ("", "the body is not JSON: EOF while parsing a value, at line 1 column 1"),
            ("{\"type\":\n}", "the body is not JSON: expected value, at line 2 column 1"),
            ("{} {}", "the body is not JSON: trailing characters, at line 1 column 4"),
            ("7", "the body is not an object: it is 7"),
            ("[]", "the body is empty"),
            (r#"{"batch":[]}"#, "batch is empty"),
            (r#"{"batch":7}"#, "batch is not a list: it is 7"),
        ] {
            let fault = collect(body.as_bytes(), Collected::new(0, 24)).unwrap_err();
            assert_eq!(fault.details(), told, "{body}");
        }
    }
}
