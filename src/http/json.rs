//! Writes answers as JSON, directly into the body.

use crate::engine::question::Answer;
use crate::event_log::{Partition, Position};
use crate::holder::Holder;
use crate::persistence::Known;
use crate::readiness::Wait;
use crate::refused_records::{RefusedFor, RefusedRecord};
use crate::source_health::{LostRecords, PartitionExtent, PartitionTrouble};
use crate::wall_clock::unix_ms;
use dataflows::digest::hash::Digest;
use dataflows::digest::rows::DigestedView;
use dataflows::questions::ask::{KnownUser, UserActivity};
use dataflows::questions::query::{ProductDays, Touched};
use dataflows::ranking::answer::{Cause, Obstacle, Ranking, Reason, Why};
use dataflows::record::decision::Decision;
use dataflows::record::event::Kind;
use dataflows::record::event::OwnedEvent;
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::merchandising::ActionKind;
use dataflows::score::weights::Score;
use dataflows::views::product_words::Page;
use jiff::civil::date;
use jiff::{Span, ToSpan};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;

/// `{"for", "since", "details"?}`
pub(super) fn wait(out: &mut Vec<u8>, wait: &Wait) {
    let since = unix_ms(wait.since);
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

/// `{"userId", "profile", "activity", "visit": {"products", "before"}, "purchases": {"count", "products"}}`
pub(super) fn user(out: &mut Vec<u8>, format: Format, id: &str, user: &KnownUser) {
    let Touched { visit, before, bought, bought_count } = &user.touched;
    let seen = |out: &mut Vec<u8>| {
        let object = Object::new(out).with("products", |out| texts(out, visit));
        object.with("before", |out| texts(out, before)).end();
    };
    let purchases = |out: &mut Vec<u8>| {
        let object = Object::new(out).plain("count", bought_count);
        object.with("products", |out| texts(out, bought)).end();
    };
    Object::new(out)
        .text("userId", id)
        .with("profile", |out| profile(out, format, &user.profile))
        .with("activity", |out| activity(out, user.activity.as_ref()))
        .with("visit", seen)
        .with("purchases", purchases)
        .end();
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

/// `{"type", "product"? | "tag"? | "action"? and "rule"?, "events", "score"}`: the number of events, and their part of
/// the score.
///
/// NB: reasons are most of an answer, so the bytes that they have in common are written at once.
fn reason(out: &mut Vec<u8>, Reason { cause, events, score }: Reason<'_>) {
    let (head, named): (&[u8], _) = match cause {
        Cause::Product(product) => (br#"{"type":"product","product":"#, product),
        Cause::Related(product) => (br#"{"type":"related","product":"#, product),
        Cause::Tag(tag) => (br#"{"type":"tag","tag":"#, tag),
        Cause::Seen => (br#"{"type":"seen","events":"#, ""),
        Cause::SeenBefore => (br#"{"type":"seen_before","events":"#, ""),
        Cause::Popular => (br#"{"type":"popular","events":"#, ""),
        Cause::Other => (br#"{"type":"other","events":"#, ""),
        Cause::Rule(ActionKind::Pin, rule) => (br#"{"type":"rule","action":"pin","rule":"#, rule),
        Cause::Rule(ActionKind::Boost, rule) => {
            (br#"{"type":"rule","action":"boost","rule":"#, rule)
        }
        Cause::Rule(ActionKind::Bury, rule) => (br#"{"type":"rule","action":"bury","rule":"#, rule),
        Cause::Rule(ActionKind::Hide, rule) => (br#"{"type":"rule","action":"hide","rule":"#, rule),
    };
    out.extend_from_slice(head);
    if let Cause::Product(_) | Cause::Related(_) | Cause::Tag(_) | Cause::Rule(..) = cause {
        text(out, named);
        out.extend_from_slice(br#","events":"#);
    }
    out.extend_from_slice(itoa::Buffer::new().format(events).as_bytes());
    out.extend_from_slice(br#","score":"#);
    number(out, score);
    out.push(b'}');
}

/// `{"product", "shown", "place"?, "rank"?, "candidates", "score"?, "reasons", "obstacles": [{"type", …}], "cut"?: {"score",
/// "reasons"}}`
pub(super) fn why(out: &mut Vec<u8>, product: &str, why: &Why) {
    let Why { product: found, cut, rank, candidates, place, obstacles } = why;
    let mut object = Object::new(out).text("product", product).plain("shown", obstacles.is_empty());
    for (name, place) in [("place", place), ("rank", rank)] {
        if *place > 0 {
            object = object.plain(name, place);
        }
    }
    object = object.plain("candidates", candidates);
    let found = found.iter().next();
    if let Some(ranked) = found {
        object = object.with("score", |out| number(out, ranked.score));
    }
    let reasons = found.into_iter().flat_map(|ranked| ranked.reasons());
    object = object
        .with("reasons", |out| list(out, reasons, reason))
        .with("obstacles", |out| list(out, obstacles, obstacle));
    if let Some(ranked) = cut.iter().next() {
        object = object.with("cut", |out| {
            let object = Object::new(out).with("score", |out| number(out, ranked.score));
            object.with("reasons", |out| list(out, ranked.reasons(), reason)).end();
        });
    }
    object.end();
}

/// `{"type", "rules"? | "tags"? | "by"?}`
fn obstacle(out: &mut Vec<u8>, obstacle: &Obstacle) {
    let object = Object::new(out).text("type", obstacle.name());
    match obstacle {
        Obstacle::Hidden(rules) => object.with("rules", |out| texts(out, rules)).end(),
        Obstacle::PerTag(tags) => object.with("tags", |out| texts(out, tags)).end(),
        Obstacle::Outranked(by) => object.with("by", |out| number(out, *by)).end(),
        _ => object.end(),
    }
}

/// Events as they would be sent: `[{"eventType", "userId", "product", "timestamp", …}]`.
pub(super) fn events<'a>(out: &mut Vec<u8>, events: impl IntoIterator<Item = &'a OwnedEvent>) {
    list(out, events, |out, event| {
        let mut object = Object::new(out)
            .text("eventType", event.event_type.name())
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

/// `{"reason", "count", "samples": [{"topic", "partition", "offset", "time", "details", "value"}]}`
pub(super) fn refused(out: &mut Vec<u8>, (reason, refused): (&&str, &RefusedFor)) {
    let sample = |out: &mut Vec<u8>, record: &RefusedRecord| {
        Object::new(out)
            .text("topic", &record.partition.topic)
            .plain("partition", record.partition.index)
            .plain("offset", record.offset)
            .with("time", |out| time(out, record.time))
            .text("details", &record.details)
            .text("value", &record.value)
            .end();
    };
    Object::new(out)
        .text("reason", reason)
        .plain("count", refused.count)
        .with("samples", |out| list(out, &refused.latest, sample))
        .end();
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

/// A row of the catalogue as it is in its topic: `{"id", "name"?, "category"?, "tags"?, "price"?, "available"?}`, or
/// `{"id", "deleted": true}`.
///
/// NB: a deletion is a row, where Kafka would take none at all: compaction would remove that in the end, and the next
/// start would show the product again.
pub(super) fn catalogue_row(out: &mut Vec<u8>, row: &CatalogueRow) {
    let mut object = Object::new(out).text("id", &row.product);
    let Some(product) = &row.row else { return object.plain("deleted", true).end() };
    for (name, text) in [("name", &product.name), ("category", &product.category)] {
        if !text.is_empty() {
            object = object.text(name, text);
        }
    }
    if !product.tags.is_empty() {
        object = object.with("tags", |out| texts(out, &product.tags));
    }
    if let Some(price) = product.price {
        object = object.plain("price", Score(price));
    }
    if product.unavailable {
        object = object.plain("available", false);
    }
    object.end();
}

/// `{"id", "name", "category", "tags", "price"?, "available"}`
pub(super) fn listed(out: &mut Vec<u8>, id: &str, product: &Product) {
    let mut object = Object::new(out)
        .text("id", id)
        .text("name", &product.name)
        .text("category", &product.category)
        .with("tags", |out| texts(out, &product.tags));
    if let Some(price) = product.price {
        object = object.plain("price", Score(price));
    }
    object.plain("available", !product.unavailable).end();
}

/// `{"productId", "totals": {kind: count}, "days": [{"day", "totals"}]}`
pub(super) fn product_activity(out: &mut Vec<u8>, id: &str, days: &ProductDays) {
    let total = |kind: usize| days.iter().map(|(_, counts)| counts[kind]).sum::<i64>();
    let totals = [0, 1, 2].map(total);
    let each = |out: &mut Vec<u8>| {
        list(out, days, |out, (on, counts)| {
            let object = Object::new(out).text("day", &day(*on));
            object.with("totals", |out| by_kind(out, *counts)).end();
        });
    };
    let object = Object::new(out).text("productId", id);
    object.with("totals", |out| by_kind(out, totals)).with("days", each).end();
}

/// A day since the Unix epoch, as `2026-11-30`.
pub(super) fn day(day: u16) -> String {
    let since: Span = i64::from(day).days();
    date(1970, 1, 1).saturating_add(since).to_string()
}

/// `{"products": [listed], "next": "word:id" | null}`
pub(super) fn found(out: &mut Vec<u8>, page: &Page) {
    let products = |out: &mut Vec<u8>| {
        list(out, &page.found, |out, ((_, id), row)| listed(out, id, row));
    };
    let object = Object::new(out).with("products", products);
    match &page.until {
        Some((word, id)) => object.text("next", &format!("{word}:{id}")),
        None => object.plain("next", "null"),
    }
    .end();
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

/// `[{"topic", "partition", "when", "from", "to", "offsets", "readsOn", "topicIds"?}]`
pub(super) fn lost(out: &mut Vec<u8>, lost: &[LostRecords]) {
    list(out, lost, |out, lost| {
        let object = Object::new(out)
            .text("topic", &lost.partition.topic)
            .plain("partition", lost.partition.index)
            .text("when", lost.when.name())
            .plain("from", lost.from)
            .plain("to", lost.to)
            .plain("offsets", lost.offsets)
            .plain("readsOn", lost.reads_on);
        match &lost.topic_ids {
            Some(ids) => object.with("topicIds", |out| texts(out, ids)),
            None => object,
        }
        .end();
    });
}

/// `{name: bytes}`
pub(super) fn held(out: &mut Vec<u8>, held: &BTreeMap<String, f64>) {
    let object = Object::new(out);
    held.iter().fold(object, |object, (name, bytes)| object.plain(name, bytes)).end();
}

/// How much of all partitions is left to be read.
pub(super) fn backlog(extents: &[(Partition, PartitionExtent)]) -> i64 {
    extents.iter().map(|(_, extent)| lag(extent)).sum()
}

fn lag(extent: &PartitionExtent) -> i64 {
    (extent.end - extent.position).max(0)
}

/// `[{"topic", "partition", "first", "position", "end", "lag", "checkpoint", "margin"}]`; the last two by the positions of the
/// newest checkpoint, by the partitions' names, if it has the partition.
pub(super) fn partitions(
    out: &mut Vec<u8>,
    extents: &[(Partition, PartitionExtent)],
    positions: &BTreeMap<String, i64>,
) {
    list(out, extents, |out, (partition, extent)| {
        let &PartitionExtent { first, position, end } = extent;
        let object = Object::new(out)
            .text("topic", &partition.topic)
            .plain("partition", partition.index)
            .plain("first", first)
            .plain("position", position)
            .plain("end", end)
            .plain("lag", lag(extent));
        match positions.get(&partition.name()) {
            Some(at) => object.plain("checkpoint", at).plain("margin", at - first),
            None => object,
        }
        .end();
    });
}

/// `{"topic", "seconds"}`, or null.
pub(super) fn retention(out: &mut Vec<u8>, least: Option<&(String, i64)>) {
    let Some((topic, seconds)) = least else { return out.extend_from_slice(b"null") };
    Object::new(out).text("topic", topic).plain("seconds", seconds).end();
}

/// `{"url", "restored", "segmentsRead", "segments", "number", "asOf", "writtenAt", "ageSeconds", "tookMs", "newBytes", "bytes",
/// "failures", "trouble"}`, or null without checkpoints. What is not known is left out.
pub(super) fn checkpoint(out: &mut Vec<u8>, known: &Known) {
    let Some(url) = &known.url else { return out.extend_from_slice(b"null") };
    let mut object = Object::new(out).text("url", url);
    if let Some(number) = known.restored {
        let (read, of) = known.read;
        object = object.plain("restored", number).plain("segmentsRead", read).plain("segments", of);
    }
    if let Some(last) = &known.last {
        let age = last.written.elapsed().unwrap_or_default().as_secs();
        let written = unix_ms(last.written);
        object = object
            .plain("number", last.number)
            .plain("asOf", last.time)
            .with("writtenAt", |out| time(out, written))
            .plain("ageSeconds", age)
            .plain("tookMs", last.took.as_millis())
            .plain("newBytes", last.bytes.0)
            .plain("bytes", last.bytes.1);
    }
    object = object.plain("failures", known.failures);
    match &known.trouble {
        Some(trouble) => object.text("trouble", trouble),
        None => object,
    }
    .end();
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
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
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
pub(super) fn time(out: &mut Vec<u8>, milliseconds: i64) {
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
