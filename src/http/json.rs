//! Writes answers as JSON, directly into the body.

use crate::engine::question::Answer;
use crate::event_log::Position;
use crate::readiness::Wait;
use crate::settings::holder::Holder;
use crate::source_health::{LostRecords, PartitionTrouble};
use dataflows::digest::hash::Digest;
use dataflows::digest::rows::DigestedView;
use dataflows::questions::ask::UserActivity;
use dataflows::ranking::answer::{Cause, Ranking, Reason};
use dataflows::record::decision::Decision;
use dataflows::record::event::Kind;
use dataflows::record::event::OwnedEvent;
use dataflows::score::weights::Score;
use std::fmt::Display;
use std::io::Write;
use std::time::UNIX_EPOCH;

/// `{"error": …, "details": …}`
pub(super) fn error(out: &mut Vec<u8>, error: &str, details: &str) {
    Object::new(out).text("error", error).text("details", details).end();
}

/// `{"error": …, "details": …, "stored": "unknown", "events": [index]}`, of so many records that may be
/// stored.
pub(super) fn unknown(out: &mut Vec<u8>, error: &str, details: &str, records: usize) {
    Object::new(out)
        .text("error", error)
        .text("details", details)
        .text("stored", "unknown")
        .with("events", |out| list(out, 0..records, plain))
        .end();
}

/// `{"for", "since", "details"?}`
pub(super) fn wait(out: &mut Vec<u8>, wait: &Wait) {
    let since = wait.since.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let object = Object::new(out).text("for", &wait.name).with("since", |out| time(out, since));
    match &*wait.details {
        "" => object.end(),
        details => object.text("details", details).end(),
    }
}

/// `{"asOf", "views": {view: digest}}`
pub(super) fn digests(out: &mut Vec<u8>, answer: &Answer<Vec<(DigestedView, Digest)>>) {
    let views = answer.body.iter().map(|(view, digest)| (view.name(), digest.to_string()));
    let views: Vec<_> = views.collect();
    Object::new(out).plain("asOf", answer.as_of).with("views", |out| by_name(out, &views)).end();
}

/// How what has names is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As an object with these names. JavaScript puts those first that are whole numbers.
    Object,
    /// As a list, which keeps its order everywhere.
    List,
}

/// `{tag: score}` or `[{"tag", "score"}]`, in the given order.
pub(super) fn profile(out: &mut Vec<u8>, format: Format, tags: &[(String, Score)]) {
    match format {
        Format::Object => {
            let object = Object::new(out);
            tags.iter().fold(object, |object, (tag, score)| object.plain(tag, score)).end();
        }
        Format::List => list(out, tags, |out, (tag, score)| {
            Object::new(out).text("tag", tag).plain("score", score).end();
        }),
    }
}

/// `{userId: profile}` or `[{"userId", "profile"}]`, in the given order.
pub(super) fn profiles(
    out: &mut Vec<u8>,
    format: Format,
    users: &[String],
    profiles: &[Vec<(String, Score)>],
) {
    let all = users.iter().zip(profiles);
    match format {
        Format::Object => {
            let object = Object::new(out);
            all.fold(object, |object, (user, tags)| {
                object.with(user, |out| profile(out, format, tags))
            })
            .end();
        }
        Format::List => list(out, all, |out, (user, tags)| {
            let object = Object::new(out).text("userId", user);
            object.with("profile", |out| profile(out, format, tags)).end();
        }),
    }
}

/// `{"lastActivity": …, "totals": {kind: count}}`; null and zeros for an unknown user.
pub(super) fn activity(out: &mut Vec<u8>, activity: Option<&UserActivity>) {
    let totals = activity.map_or([0; 3], |activity| activity.totals);
    let object = match activity {
        Some(activity) => Object::new(out).with("lastActivity", |out| time(out, activity.last)),
        None => Object::new(out).plain("lastActivity", "null"),
    };
    object.with("totals", |out| by_kind(out, totals)).end();
}

/// `[{"id", "name", "category", "tags", "price"?, "score", "reasons"}]`; the texts of a product
/// that is not in the catalogue are empty.
pub(super) fn products(out: &mut Vec<u8>, products: &Ranking) {
    list(out, products.iter(), |out, ranked| {
        let row = ranked.row;
        let mut object = Object::new(out)
            .text("id", ranked.product)
            .text("name", row.map_or("", |row| &row.name))
            .text("category", row.map_or("", |row| &row.category))
            .with("tags", |out| texts(out, row.map_or(&[], |row| &row.tags)));
        if let Some(price) = row.and_then(|row| row.price) {
            object = object.plain("price", Score(price));
        }
        object
            .with("score", |out| number(out, ranked.score))
            .with("reasons", |out| list(out, ranked.reasons(), reason))
            .end();
    });
}

/// `{"type", "product"? | "tag"?, "events", "score"}`: the number of events, and their part of the
/// score.
///
/// NB: reasons are most of an answer, so the bytes that they have in common are written at once.
fn reason(out: &mut Vec<u8>, Reason { cause, events, score }: Reason<'_>) {
    let (head, named): (&[u8], _) = match cause {
        Cause::Product(product) => (br#"{"type":"product","product":"#, product),
        Cause::Tag(tag) => (br#"{"type":"tag","tag":"#, tag),
        Cause::Seen => (br#"{"type":"seen","events":"#, ""),
        Cause::SeenBefore => (br#"{"type":"seen_before","events":"#, ""),
        Cause::Popular => (br#"{"type":"popular","events":"#, ""),
    };
    out.extend_from_slice(head);
    if let Cause::Product(_) | Cause::Tag(_) = cause {
        text(out, named);
        out.extend_from_slice(br#","events":"#);
    }
    out.extend_from_slice(itoa::Buffer::new().format(events).as_bytes());
    out.extend_from_slice(br#","score":"#);
    number(out, score);
    out.push(b'}');
}

/// Events as they would be sent: `[{"eventType", "userId", "product", "timestamp", …}]`.
pub(super) fn events(out: &mut Vec<u8>, events: &[OwnedEvent]) {
    list(out, events, |out, event| {
        let mut object = Object::new(out)
            .text("eventType", event.kind.name())
            .text("userId", &event.user)
            .text("product", &event.product)
            .with("timestamp", |out| time(out, event.time));
        let texts_of =
            [("category", &event.category), ("sessionId", &event.session), ("eventId", &event.id)];
        for (name, value) in texts_of.into_iter().filter(|(_, value)| !value.is_empty()) {
            object = object.text(name, value);
        }
        object.with("tags", |out| texts(out, &event.tags)).end();
    });
}

/// A merge as it is in its topic: `{"userId": account, "from": user, "timestamp": milliseconds}`.
pub(super) fn merge(out: &mut Vec<u8>, merge: &Decision) {
    Object::new(out)
        .text("userId", merge.account.as_deref().unwrap_or_default())
        .text("from", &merge.user)
        .plain("timestamp", merge.time)
        .end();
}

/// A forget as it is in its topic: `{"userId": user, "timestamp": milliseconds}`.
pub(super) fn forget(out: &mut Vec<u8>, forget: &Decision) {
    Object::new(out).text("userId", &forget.user).plain("timestamp", forget.time).end();
}

/// `{"topic", "partition", "offset"}`
pub(super) fn position(out: &mut Vec<u8>, position: &Position) {
    Object::new(out)
        .text("topic", &position.partition.topic)
        .plain("partition", position.partition.index)
        .plain("offset", position.offset)
        .end();
}

/// `[{"topic", "partition", "offset", "trouble", "details"}]`
pub(super) fn troubles(out: &mut Vec<u8>, troubles: &[PartitionTrouble]) {
    list(out, troubles, |out, trouble| {
        Object::new(out)
            .text("topic", &trouble.partition.topic)
            .plain("partition", trouble.partition.index)
            .plain("offset", trouble.offset)
            .text("trouble", trouble.trouble.name())
            .text("details", &trouble.details)
            .end();
    });
}

/// `[{"topic", "partition", "when", "from", "to", "offsets", "readsOn"}]`
pub(super) fn lost(out: &mut Vec<u8>, lost: &[LostRecords]) {
    list(out, lost, |out, lost| {
        Object::new(out)
            .text("topic", &lost.partition.topic)
            .plain("partition", lost.partition.index)
            .text("when", lost.when.name())
            .plain("from", lost.from)
            .plain("to", lost.to)
            .plain("offsets", lost.offsets)
            .plain("readsOn", lost.reads_on)
            .end();
    });
}

/// `[{"process", "host", "pid", "http", "workers", "since"}]`, or null.
pub(super) fn members(out: &mut Vec<u8>, members: Option<&[Holder]>) {
    let Some(members) = members else { return out.extend_from_slice(b"null") };
    list(out, members, |out, member| {
        let mut object = Object::new(out)
            .plain("process", member.process)
            .text("host", &member.host)
            .plain("pid", member.pid)
            .text("http", &member.http.to_string());
        object = match member.workers {
            Some(workers) => object.plain("workers", workers),
            None => object.plain("workers", "null"),
        };
        match member.since {
            Some(since) => object.with("since", |out| time(out, since)).end(),
            None => object.plain("since", "null").end(),
        }
    });
}

/// `{name: text}`, in the given order.
pub(super) fn by_name(out: &mut Vec<u8>, texts: &[(&str, String)]) {
    texts.iter().fold(Object::new(out), |object, (name, text)| object.text(name, text)).end();
}

fn by_kind<T: Display>(out: &mut Vec<u8>, values: [T; 3]) {
    let mut object = Object::new(out);
    for (kind, value) in Kind::ALL.into_iter().zip(values) {
        object = object.plain(kind.name(), value);
    }
    object.end();
}

/// Writes an object, field by field.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
}

impl<'a> Object<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Object<'a> {
        Object { out, separator: b'{' }
    }

    /// Adds a field, whose value `write` writes.
    pub(super) fn with(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Object<'a> {
        self.out.push(std::mem::replace(&mut self.separator, b','));
        text(self.out, name);
        self.out.push(b':');
        write(self.out);
        self
    }

    /// Adds a text.
    pub(super) fn text(self, name: &str, value: &str) -> Object<'a> {
        self.with(name, |out| text(out, value))
    }

    /// Adds a value that displays as its JSON: a number, `true`, `null`.
    pub(super) fn plain(self, name: &str, value: impl Display) -> Object<'a> {
        self.with(name, |out| plain(out, value))
    }

    pub(super) fn end(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// Writes an array, each item by `write`.
pub(super) fn list<I: IntoIterator>(
    out: &mut Vec<u8>,
    items: I,
    write: impl Fn(&mut Vec<u8>, I::Item),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Writes an array of texts.
pub(super) fn texts<T: AsRef<str>>(out: &mut Vec<u8>, items: &[T]) {
    list(out, items, |out, item| text(out, item.as_ref()));
}

/// Writes a text, quoted and escaped. Few have anything to escape.
fn text(out: &mut Vec<u8>, value: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if value.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, value).expect("a Vec takes all that is written");
    }
}

/// Writes milliseconds since the Unix epoch as ISO 8601 in UTC, to the millisecond.
fn time(out: &mut Vec<u8>, milliseconds: i64) {
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => plain(out, format_args!("\"{time:.3}\"")),
        Err(_) => plain(out, milliseconds),
    }
}

/// Writes a number to twelve decimals, a whole one without a decimal point, and `null` for one that
/// is not finite.
///
/// Answers consist mostly of numbers, most of them small parts of a score. So the shortest exact
/// text, which is slow to find, is only written for numbers beyond these decimals or above a
/// million.
fn number(out: &mut Vec<u8>, value: f64) {
    const UNITS: u64 = 1_000_000_000_000;
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is below a million is exact enough in units of 1e-12, and fits"
    )]
    let units = (value.abs() < 1e6).then(|| (value.abs() * UNITS as f64).round() as u64);
    match units {
        Some(units) if units > 0 || value == 0.0 => {
            if value < 0.0 {
                out.push(b'-');
            }
            out.extend_from_slice(itoa::Buffer::new().format(units / UNITS).as_bytes());
            fraction(out, units % UNITS);
        }
        _ if value.is_finite() => {
            let mut buffer = zmij::Buffer::new();
            let digits = buffer.format_finite(value);
            out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Writes `units` times 1e-12 as decimals; nothing for zero.
fn fraction(out: &mut Vec<u8>, units: u64) {
    if units == 0 {
        return;
    }
    let mut digits = *b".000000000000";
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(units).as_bytes();
    let start = digits.len() - text.len();
    digits[start..].copy_from_slice(text);
    let end = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(&digits[..end]);
}

/// Writes a value that displays as its JSON.
pub(super) fn plain(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("a Vec takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn values_are_written_as_json_has_them() {
        check(|out| profile(out, Format::Object, &[]), "{}");
        check(|out| profile(out, Format::List, &[]), "[]");
        let tags = [("a\"b\n".to_string(), Score(3_000_000)), ("ü".into(), Score(-500_000))];
        check(|out| profile(out, Format::Object, &tags), r#"{"a\"b\n":3,"ü":-0.5}"#);
        let listed = r#"[{"tag":"a\"b\n","score":3},{"tag":"ü","score":-0.5}]"#;
        check(|out| profile(out, Format::List, &tags), listed);
        check(|out| number(out, 3.0), "3");
        check(|out| number(out, 1e21), "1e+21");
        check(|out| number(out, 0.0), "0");
        check(|out| number(out, 0.123_456_789_012_345), "0.123456789012");
        check(|out| number(out, -2.000_000_000_5), "-2.0000000005");
        check(|out| number(out, 1.5e-9), "0.0000000015");
        check(|out| number(out, 1.25e-20), "1.25e-20");
        check(|out| number(out, 1.0 - 1e-16), "1");
        check(|out| number(out, f64::NAN), "null");
        check(|out| time(out, 1_743_508_800_000), "\"2025-04-01T12:00:00.000Z\"");
        check(|out| time(out, i64::MAX), "9223372036854775807");
        check(|out| texts::<&str>(out, &[]), "[]");
        check(
            |out| by_name(out, &[("a", "\"".into()), ("b", "ü".into())]),
            r#"{"a":"\"","b":"ü"}"#,
        );
    }
}
