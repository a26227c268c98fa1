//! What became of the messages of a body.

use super::draft::{Draft, Limits};
use super::message::object;
use crate::event_log::NewRecord;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::problem::{self, Problem};
use crate::http::stored::Stored;
use dataflows::questions::ask::Path;
use hyper::StatusCode;
use parser::{Scratch, Written, beginning};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The records that messages became, and the messages that became none.
#[derive(Debug)]
pub(super) struct Collected {
    limits: Limits,
    made: Vec<Made>,
    ignored: BTreeMap<String, usize>,
    refused: Vec<(usize, String)>,
}

/// A record that was made of a message.
#[derive(Debug)]
struct Made {
    message: usize,
    record: NewRecord,
    /// Of a merge: the path that it would close to a circle.
    path: Option<Path>,
}

impl Collected {
    /// Nothing yet, at a time in milliseconds since the Unix epoch.
    pub(super) fn new(now: i64, horizon_hours: u32) -> Collected {
        let (written, scratch) = (Written::At(now), Scratch::default());
        let limits = Limits { written, horizon_hours, scratch };
        let (made, ignored, refused) = Default::default();
        Collected { limits, made, ignored, refused }
    }

    /// Takes the event of an item of a message, or refuses it; `item` is the beginning of the paths to
    /// its fields.
    pub(super) fn event(&mut self, message: usize, item: &dyn Display, draft: Draft) {
        match draft.into_event(item, &mut self.limits) {
            Ok(record) => self.made.push(Made { message, record, path: None }),
            Err(reason) => self.refuse(message, reason),
        }
    }

    /// Takes the events of the items at a path of a message, which `draft` makes of each and its place, or refuses them.
    pub(super) fn items<'a, T: Deserialize<'a>>(
        &mut self,
        message: usize,
        path: &str,
        items: Vec<&'a RawValue>,
        mut draft: impl FnMut(usize, T) -> Draft,
    ) {
        for (place, json) in items.into_iter().enumerate() {
            match object(&format!("{path}[{place}]"), json) {
                Ok(item) => {
                    self.event(message, &format_args!("{path}[{place}]."), draft(place, item));
                }
                Err(reason) => self.refuse(message, reason),
            }
        }
    }

    /// Takes a merge, or refuses it.
    pub(super) fn merge(&mut self, message: usize, draft: Draft) {
        match draft.into_merge(&mut self.limits) {
            Ok((record, path)) => self.made.push(Made { message, record, path: Some(path) }),
            Err(reason) => self.refuse(message, reason),
        }
    }

    /// Takes a forget, or refuses it.
    pub(super) fn forget(&mut self, message: usize, draft: Draft) {
        match draft.into_forget(&mut self.limits) {
            Ok(record) => self.made.push(Made { message, record, path: None }),
            Err(reason) => self.refuse(message, reason),
        }
    }

    /// Counts a message that is not understood.
    pub(super) fn ignore(&mut self, name: &str) {
        *self.ignored.entry(beginning(name).into_owned()).or_default() += 1;
    }

    /// Refuses a message, or an item of one.
    pub(super) fn refuse(&mut self, message: usize, reason: String) {
        self.refused.push((message, reason));
    }

    /// The paths that the merges would close to circles.
    pub(super) fn paths(&self) -> Vec<Path> {
        self.made.iter().filter_map(|made| made.path.clone()).collect()
    }

    /// Refuses the merges whose paths there are already, each given from its first user on.
    pub(super) fn refuse_circles(&mut self, there: &[Vec<String>]) {
        if there.is_empty() {
            return;
        }
        let refused = &mut self.refused;
        self.made.retain(|made| {
            let Some(Path { from, to, .. }) = &made.path else { return true };
            let leads = |path: &&Vec<String>| path.first() == Some(from) && path.contains(to);
            let Some(path) = there.iter().find(leads) else { return true };
            let fault = Fault::circle(path);
            refused.push((made.message, format!("{fault}: {}", fault.details())));
            false
        });
    }

    /// Takes the records out, each with the index of its message.
    pub(super) fn take_records(&mut self) -> (Vec<usize>, Vec<NewRecord>) {
        self.made.drain(..).map(|made| (made.message, made.record)).unzip()
    }

    /// True where a message, or an item of one, was refused.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// True where not one message was understood and whole, nor is to be passed over.
    pub(super) fn is_all_refused(&self) -> bool {
        self.has_refused() && self.made.is_empty() && self.ignored.is_empty()
    }

    /// `{"stored", "positions", "failed"?, "ignored": {name: count}, "refused": [{"index", "reason"}]}`
    pub(super) fn to_json(&self, stored: &Stored) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 * (1 + self.refused.len()));
        self.fields(Object::new(&mut out), stored).end();
        out
    }

    /// The same, as the body of an error: nothing is stored, and all is refused.
    pub(super) fn to_problem(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 * (1 + self.refused.len()));
        let (index, reason) =
            self.refused.first().map_or((0, ""), |(index, it)| (*index, it.as_str()));
        let details = format!("every message is refused, the first, {index}: {reason}");
        let (word, error) = ("bad-request", "bad request");
        let problem = Problem { word, status: StatusCode::BAD_REQUEST, error, details: &details };
        self.fields(problem::started(&mut out, &problem), &Stored::default()).end();
        out
    }

    fn fields<'a>(&self, object: Object<'a>, stored: &Stored) -> Object<'a> {
        let ignored = |out: &mut Vec<u8>| {
            let object = Object::new(out);
            self.ignored.iter().fold(object, |it, (name, count)| it.plain(name, count)).end();
        };
        let refused = |out: &mut Vec<u8>, (index, reason): &(usize, String)| {
            Object::new(out).plain("index", index).text("reason", reason).end();
        };
        stored
            .fields(object)
            .with("ignored", ignored)
            .with("refused", |out| json::list(out, &self.refused, refused))
    }

    /// What was made, as subjects and JSON, and the rest of the answer.
    #[cfg(test)]
    pub(super) fn shown(mut self) -> (Vec<(usize, crate::event_log::Subject, String)>, String) {
        let rest = String::from_utf8(self.to_json(&Stored::default())).unwrap();
        let (messages, records) = self.take_records();
        let records = messages.into_iter().zip(records);
        let records = records.map(|(message, record)| {
            (message, record.subject, String::from_utf8(record.json).unwrap())
        });
        let rest = rest.strip_prefix(r#"{"stored":0,"positions":[],"#).unwrap();
        (records.collect(), rest.strip_suffix('}').unwrap().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    fn merge(account: &'static str, guest: &'static str) -> Draft {
        let raw = |json: &'static str| serde_json::from_str::<&RawValue>(json).ok();
        Draft::decision().with("userId", "userId", raw(account)).with("from", "from", raw(guest))
    }

    #[test]
    fn merges_that_close_a_circle_are_refused_and_no_others() {
        let mut collected = Collected::new(1_743_508_800_000, 24);
        collected.merge(0, merge(r#""ann""#, r#""g""#));
        collected.merge(4, merge(r#""bob""#, r#""ann""#));
        collected.merge(5, merge(r#""bob""#, r#""g""#));
        let asked: Vec<_> =
            collected.paths().into_iter().map(|path| (path.from, path.to)).collect();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(asked, [pair("ann", "g"), pair("bob", "ann"), pair("bob", "g")]);
        let path = ["bob", "eve", "ann"].map(str::to_owned).to_vec();
        collected.refuse_circles(&[path]);
        let (records, rest) = collected.shown();
        assert_eq!(records.into_iter().map(|(message, ..)| message).collect::<Vec<_>>(), [0, 5]);
        let circle = r#"the merge would close a circle: merges lead from \"bob\" to \"eve\" to \"ann\" already"#;
        let refused = format!(r#"[{{"index":4,"reason":"{circle}"}}]"#);
        assert_eq!(rest, format!(r#""ignored":{{}},"refused":{refused}"#));
    }

    #[test]
    fn names_that_are_ignored_are_counted_and_cut() {
        let mut collected = Collected::new(1_743_508_800_000, 24);
        let long = "é".repeat(100);
        for name in ["page", "Cart \"Viewed\"", "page", &long] {
            collected.ignore(name);
        }
        assert!(!collected.is_all_refused() && !collected.has_refused());
        let cut = format!("{}…", "é".repeat(40));
        let ignored = format!(r#"{{"Cart \"Viewed\"":1,"page":2,"{cut}":1}}"#);
        assert_eq!(collected.shown().1, format!(r#""ignored":{ignored},"refused":[]"#));
    }
}
