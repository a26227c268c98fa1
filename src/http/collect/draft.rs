//! A record of ours, made of values as others sent them, under the names that these have there.

use crate::event_log::{NewRecord, Subject};
use crate::http::json;
use dataflows::questions::ask::Path;
use dataflows::record::event::EventType;
use parser::{
    Reason, RecordKind, Scratch, Written, explain, parse_event, parse_forget, parse_merge,
};
use serde_json::value::RawValue;
use std::fmt::Display;

/// A record in the making: the JSON of ours, without its end.
#[derive(Debug)]
pub(super) struct Draft {
    json: Vec<u8>,
    names: Vec<Name>,
}

/// Our name of a field, and the one under which it was sent.
#[derive(Debug)]
struct Name {
    ours: &'static str,
    theirs: &'static str,
    /// Whether `theirs` is one of the item's, rather than of the message.
    is_of_item: bool,
}

/// What records are held against: the time at which they are written, and the history's horizon.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) written: Written,
    pub(super) horizon_hours: u32,
    pub(super) scratch: Scratch,
}

impl Draft {
    /// An event without fields.
    pub(super) fn event(event_type: EventType) -> Draft {
        let json = format!("{{\"eventType\":\"{}\"", event_type.name()).into_bytes();
        Draft { json, names: Vec::new() }
    }

    /// A merge or a forget without fields.
    pub(super) fn decision() -> Draft {
        Draft { json: b"{".to_vec(), names: Vec::new() }
    }

    /// Adds a field of the message; one without a value only gets its name, under which it is missed.
    pub(super) fn with(
        self,
        ours: &'static str,
        theirs: &'static str,
        value: Option<&RawValue>,
    ) -> Draft {
        self.named(Name { ours, theirs, is_of_item: false }, value.map(RawValue::get))
    }

    /// Adds a field of an item of the message.
    pub(super) fn with_item(
        self,
        ours: &'static str,
        theirs: &'static str,
        value: Option<&RawValue>,
    ) -> Draft {
        self.named(Name { ours, theirs, is_of_item: true }, value.map(RawValue::get))
    }

    /// Adds a text that was made of fields of the message.
    pub(super) fn with_text(self, ours: &'static str, theirs: &'static str, text: &str) -> Draft {
        let mut value = Vec::with_capacity(text.len() + 2);
        json::text(&mut value, text);
        let value = String::from_utf8(value).expect("it was made of texts");
        self.named(Name { ours, theirs, is_of_item: false }, Some(&value))
    }

    fn named(mut self, name: Name, value: Option<&str>) -> Draft {
        if let Some(value) = value {
            if self.json.len() > 1 {
                self.json.push(b',');
            }
            json::plain(&mut self.json, format_args!("\"{}\":{value}", name.ours));
        }
        self.names.push(name);
        self
    }

    /// Makes the event of an item, whose place in the message is the beginning of the paths to its fields.
    ///
    /// # Errors
    /// The reason why it is none, in the words of who sent it.
    pub(super) fn into_event(
        mut self,
        item: &dyn Display,
        limits: &mut Limits,
    ) -> Result<NewRecord, String> {
        self.json.push(b'}');
        match parse_event(&self.json, None, limits.written, &mut limits.scratch) {
            Ok(event) => {
                let subject = event.event_type.topic().into();
                let user = event.user.to_owned();
                Ok(NewRecord { subject, key: user, json: self.json })
            }
            Err(reason) => Err(self.refusal(RecordKind::Event, item, reason)),
        }
    }

    /// Makes the merge, and the path that would lead back from the account to who was merged.
    ///
    /// # Errors
    /// As [`Draft::into_event`].
    pub(super) fn into_merge(mut self, limits: &mut Limits) -> Result<(NewRecord, Path), String> {
        self.json.push(b'}');
        let Limits { written, horizon_hours, scratch } = limits;
        let merge = parse_merge(&self.json, None, *written, *horizon_hours, scratch)
            .map_err(|reason| self.refusal(RecordKind::Merge, &"", reason))?;
        let mut json = Vec::with_capacity(128);
        json::merge(&mut json, &merge);
        let user = merge.account.unwrap_or_default();
        let path = Path { from: user.clone(), to: merge.user, until: merge.time };
        Ok((NewRecord { subject: Subject::Merge, key: user, json }, path))
    }

    /// Makes the forget.
    ///
    /// # Errors
    /// As [`Draft::into_event`].
    pub(super) fn into_forget(mut self, limits: &mut Limits) -> Result<NewRecord, String> {
        self.json.push(b'}');
        let Limits { written, horizon_hours, scratch } = limits;
        let forget = parse_forget(&self.json, None, *written, *horizon_hours, scratch)
            .map_err(|reason| self.refusal(RecordKind::Forget, &"", reason))?;
        let mut json = Vec::with_capacity(128);
        json::forget(&mut json, &forget);
        Ok(NewRecord { subject: Subject::Forget, key: forget.user, json })
    }

    fn refusal(&self, kind: RecordKind, item: &dyn Display, reason: Reason) -> String {
        let name = field(reason).and_then(|field| self.names.iter().find(|it| it.ours == field));
        let explanation = explain(kind, None, &self.json, reason);
        let is_missing = matches!(reason, Reason::NoUser | Reason::NoProduct | Reason::NoGuest);
        match name {
            None => explanation.to_string(),
            Some(Name { theirs, is_of_item, .. }) => {
                let path = if *is_of_item { format!("{item}{theirs}") } else { (*theirs).into() };
                if is_missing {
                    format!("{path} is missing")
                } else {
                    format!("{path}: {explanation}")
                }
            }
        }
    }
}

/// Our field that a reason is about.
fn field(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoUser | Reason::BadUser => "userId",
        Reason::NoProduct | Reason::BadProduct => "product",
        Reason::BadTimestamp
        | Reason::OldTimestamp
        | Reason::NoOffset
        | Reason::FutureTimestamp
        | Reason::TooOld => "timestamp",
        Reason::BadTags => "tags",
        Reason::BadCategory => "category",
        Reason::BadSession => "sessionId",
        Reason::BadId => "eventId",
        Reason::NoGuest | Reason::BadGuest | Reason::SameUser => "from",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_743_508_800_000;

    fn limits() -> Limits {
        let (written, scratch) = (Written::At(NOW), Scratch::default());
        Limits { written, horizon_hours: 24, scratch }
    }

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_event_is_told_of_in_the_words_of_who_sent_it() {
        let too_long = format!("\"{}\"", "x".repeat(513));
        for (product, user, category, expected) in [
            (
                "7",
                "\"u\"",
                "\"c\"",
                r#"{"eventType":"view","userId":"u","product":7,"category":"c"}"#,
            ),
            ("null", "\"u\"", "null", "list[3].sku is missing"),
            ("7", "null", "null", "id is missing"),
            (
                "[7]",
                "\"u\"",
                "null",
                "list[3].sku: the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key: product is [7]",
            ),
            (
                "7",
                "\"u\"",
                &*too_long,
                "list[3].kind: category is not a text of at most 512 bytes or a number: category is \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (515 bytes)",
            ),
        ] {
            let value = |json| Some(raw(json)).filter(|json| json.get() != "null");
            let draft = Draft::event(EventType::View)
                .with("userId", "id", value(user))
                .with_item("product", "sku", value(product))
                .with_item("category", "kind", value(category));
            let made = draft.into_event(&"list[3].", &mut limits());
            let told = made.map_or_else(|told| told, |it| String::from_utf8(it.json).unwrap());
            assert_eq!(told, expected, "{product} {user}");
        }
    }

    #[test]
    fn decisions_are_within_the_horizon() {
        let draft = |time| {
            let draft = Draft::decision().with("userId", "id", Some(raw("\"ann\"")));
            draft.with("from", "guest", Some(raw("7"))).with("timestamp", "at", Some(raw(time)))
        };
        let (merge, path) = draft("1743508800").into_merge(&mut limits()).unwrap();
        assert_eq!((merge.subject, &*merge.key), (Subject::Merge, "ann"));
        assert_eq!(merge.json, br#"{"userId":"ann","from":"7","timestamp":1743508800000}"#);
        assert_eq!((&*path.from, &*path.to, path.until), ("ann", "7", NOW));
        let forget = draft("1743508800").into_forget(&mut limits()).unwrap();
        assert_eq!((forget.subject, &*forget.key), (Subject::Forget, "ann"));
        let old = draft("1743400000").into_merge(&mut limits()).unwrap_err();
        let reason = "at: timestamp is more than views.horizon_days before the record was written";
        assert_eq!(old, format!("{reason}: timestamp is 1743400000"));
        assert!(draft("1743400000").into_forget(&mut limits()).is_err());
    }
}
